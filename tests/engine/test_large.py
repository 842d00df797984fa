"""Large data travels beside its pickle, in both directions, and harms nobody on its way."""

from __future__ import annotations

import contextlib
import mmap
import os
import signal
import subprocess
import sys
import threading
from multiprocessing.pool import MaybeEncodingError  # type: ignore[attr-defined]
from multiprocessing.reduction import ForkingPickler
from pathlib import Path

import psutil
import pytest

import poolmgr
from poolmgr.engine import channel, parts, returns, wire
from poolmgr.engine.channel import CARRIED
from poolmgr.engine.courier import Couriers
from poolmgr.errors import JobCancelled, PoolTerminated, WorkerDied
from tests.engine.conftest import MakePool
from tests.helpers import jobs, large, stop_points
from tests.helpers.large import MB, Block, block
from tests.helpers.stop_points import Stop, left_tokens, put_tokens, stopped_pids
from tests.helpers.wait import wait_until

LONG = 20
ROOT = Path(__file__).resolve().parent.parent.parent

#: Around each size from which something else is done.
SIZES = [
    size + more
    for size in (0, wire.APART, wire.PLAIN_LIMIT, 1 << 16, 1 << 18, CARRIED, parts.HUGE, 5 * MB)
    for more in (-1, 0, 1)
    if size + more >= 0
]


@pytest.fixture(params=["couriers", "no couriers"])
def couriers(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """With couriers, and in a system that starts no more threads."""
    if request.param == "no couriers":
        monkeypatch.setattr(Couriers, "carry", lambda *_: False)


def make_stop(folder: Path, step: str, side: str, number: int) -> Stop:
    """A stop at the first time that a worker comes to the step."""
    tokens = folder / "tokens"
    tokens.mkdir()
    stop = Stop(step, side, 1, str(tokens), number)
    put_tokens(stop)
    return stop


def wake(stop: Stop) -> None:
    """Have the worker that was stopped go on."""
    worker = psutil.Process(stopped_pids(stop)[0])
    # It tells that it will stop a moment before it does.
    wait_until(lambda: worker.status() == psutil.STATUS_STOPPED)
    worker.send_signal(signal.SIGCONT)


def check_works(pool: poolmgr.Pool) -> None:
    """All workers are there, and large data goes both ways."""
    wait_until(lambda: len(pool.snapshot().workers) == 2)
    sent = [block(3 * MB, i) for i in range(6)]
    assert [one.view for one in pool.map_async(jobs.echo, sent, 1).get(LONG)] == [one.view for one in sent]


# -- what arrives


@pytest.mark.usefixtures("couriers")
def test_blocks_of_all_sizes_arrive_as_they_were(pool: poolmgr.Pool) -> None:
    """Whatever its size, a block arrives whole, and can be written to, in the worker and back."""
    for size in SIZES:
        one = block(size, size)
        assert pool.apply_async(large.look, (one,)).get(LONG) == [(size, one.check, False)]
        back = pool.apply_async(large.overwrite, (one,)).get(LONG)
        assert back.view == bytes(size)
        back.view[:] = one.view
        assert one.check == block(size, size).check, "the job has written into the caller's own"


@pytest.mark.usefixtures("couriers")
def test_many_blocks_in_one_argument(pool: poolmgr.Pool) -> None:
    """More blocks than go into one system call arrive, large and small ones mixed."""
    sent = [block(size, size) for size in (40_000, 3, 50_001, 3 * MB, 40_003)] * 300
    back = pool.apply_async(jobs.echo, (sent,)).get(LONG)
    assert [one.check for one in back] == [one.check for one in sent]


def test_read_only_data_stays_read_only(pool: poolmgr.Pool) -> None:
    """What cannot be written to before cannot be written to after."""
    for size in (10, 100_000, 3 * MB):
        one = Block(bytes(size))
        assert pool.apply_async(large.look, (one,)).get(LONG) == [(size, one.check, True)]
        assert pool.apply_async(jobs.echo, (one,)).get(LONG).view.readonly


def test_blocks_in_every_kind_of_call(pool: poolmgr.Pool) -> None:
    """Keyword arguments, items of maps, chunks and streams, and their results may hold blocks."""
    sent = [block(100_000 + i, i) for i in range(9)]
    looks = [(len(one), one.check, False) for one in sent]
    assert pool.apply_async(large.look, sent[:2], {"other": sent[2]}).get(LONG) == looks[:3]
    for chunksize in (1, 4):
        assert pool.map_async(large.look, sent, chunksize).get(LONG) == [[one] for one in looks]
        assert list(pool.imap(large.look, sent, chunksize)) == [[one] for one in looks]
        assert [one.check for one in pool.imap(jobs.echo, sent, chunksize)] == [one.check for one in sent]
    pairs = list(zip(sent, reversed(sent), strict=True))
    assert pool.starmap(large.look, pairs) == [list(pair) for pair in zip(looks, reversed(looks), strict=True)]


def test_large_values_without_buffers_keep_their_types(pool: poolmgr.Pool) -> None:
    """Large bytes, bytearrays, texts and arrays of the standard library arrive equal and of their own types."""
    for size in (100_000, 3 * MB):
        values = large.kinds(size)
        *names, first, second, third, fourth = pool.apply_async(large.same_kinds, (values,)).get(LONG)
        assert names == ["bytes", "bytearray", "str", "array", "Block"]
        assert [first, second, third, fourth.view] == [*values[:3], values[3].view]


def test_one_block_in_two_places_stays_one(pool: poolmgr.Pool) -> None:
    """Two arguments that are one object are one object in the worker."""
    one = block(3 * MB)
    assert pool.apply_async(large.same_object, (one, one)).get(LONG)


def test_data_that_is_not_contiguous_fails_its_own_job(pool: poolmgr.Pool) -> None:
    """A buffer that cannot travel is the error of the job that it belongs to."""
    one = Block(bytearray(10))
    one.view = memoryview(bytearray(1_000_000))[::2]
    with pytest.raises(Exception, match="contiguous"):
        pool.apply_async(large.look, (one,)).get(LONG)
    check_works(pool)


def test_reducers_of_multiprocessing_work_beside_blocks(pool: poolmgr.Pool) -> None:
    """What is registered with ``multiprocessing``, after the pool was made even, is pickled as it was registered."""
    ForkingPickler.register(large.Registered, large.reduce_registered)
    try:
        one = block(3 * MB)
        got = pool.apply_async(large.text_of, (large.Registered("hello"), one)).get(LONG)
    finally:
        del ForkingPickler._extra_reducers[large.Registered]  # type: ignore[attr-defined]
    assert got == ("hello", one.check)


def test_retry_sends_what_the_argument_holds_by_then(pool: poolmgr.Pool) -> None:
    """A job that is retried is pickled anew."""
    one = block(3 * MB)
    with pytest.raises(ValueError, match=str(one.check)):
        (job := pool.apply_async(large.look_then_fail, (one,))).get(LONG)
    one.view[:10] = b"0123456789"
    with pytest.raises(ValueError, match=str(one.check)):
        pool.retry(job.id).get(LONG)  # type: ignore[union-attr]


def test_workers_that_are_replaced_take_large_arguments(make_pool: MakePool) -> None:
    """Each worker has one job, with a large argument and a large result."""
    pool = make_pool(2, maxtasksperchild=1)
    sent = [block(3 * MB, i) for i in range(6)]
    assert [one.check for one in pool.map(jobs.echo, sent, 1)] == [one.check for one in sent]
    assert len({pool.apply_async(jobs.pid).get(LONG) for _ in range(4)}) == 4


# -- what is kept, and for how long


def test_data_is_let_go_as_soon_as_it_is_sent(pool: poolmgr.Pool, tmp_path: Path) -> None:
    """While it is on its way an argument cannot be resized; once the job has begun it can."""
    data = bytearray(3 * MB)
    one = Block(data)
    job = pool.apply_async(large.look_and_wait, (one, str(tmp_path)))
    wait_until((tmp_path / "begun").exists)
    one.view.release()
    wait_until(lambda: _grows(data))
    (tmp_path / "go").touch()
    job.wait(LONG)


def _grows(data: bytearray) -> bool:
    try:
        data.append(1)
    except BufferError:
        return False
    return True


def test_nothing_is_kept_of_large_data(make_pool: MakePool) -> None:
    """100 MB take their room once on each side, and none once they are let go."""
    pool = make_pool(1)
    pool.apply_async(jobs.echo, (block(3 * MB),)).get(LONG)
    ours, theirs = large.rss(), pool.apply_async(large.rss).get(LONG)
    one = pool.apply_async(large.block, (100 * MB,)).get(LONG)
    assert large.rss() - ours < 120 * MB
    assert pool.apply_async(large.look, (one,)).get(LONG) == [(100 * MB, one.check, False)]
    del one
    wait_until(lambda: large.rss() - ours < 10 * MB)
    # The worker keeps it for a moment, for a next one that may come.
    wait_until(lambda: pool.apply_async(large.rss).get(LONG) - theirs < 10 * MB)


def test_job_may_keep_what_it_was_sent(make_pool: MakePool) -> None:
    """What a job keeps of its argument is not written over by the arguments that come after."""
    pool = make_pool(1)
    sent = [block(size, i) for i, size in enumerate((3 * MB, 3 * MB, 100_000, 3 * MB, 2 * MB, 100_000, 4 * MB) * 2)]
    for one in sent:
        pool.apply_async(large.keep, (one, block(len(one), 5))).get(LONG)
    assert pool.apply_async(large.kept_checks).get(LONG) == [one.check for one in sent]


def test_results_come_into_memory_that_nobody_looks_at(make_pool: MakePool) -> None:
    """What a caller keeps is not written over, and what it lets go is used for the next, or let go as well."""
    pool = make_pool(2)
    landing, kept = pool._dispatcher.crew.landing, []
    for i in range(12):
        one = pool.apply_async(large.block, (3 * MB + 4096 * (i % 3), i)).get(LONG)
        assert len(landing._kept) <= parts.MOST_LANDED
        if i % 3 == 0:
            kept.append((one, one.check))
        del one
    assert all(block(len(one), 3 * i).check == one.check == check for i, (one, check) in enumerate(kept))
    wait_until(lambda: not landing._kept)
    again = pool.apply_async(large.block, (3 * MB,)).get(LONG)
    pool.terminate()
    pool.join()
    assert not landing._kept
    assert again.check == large.block(3 * MB).check


def test_argument_without_room_fails_its_own_job(make_pool: MakePool) -> None:
    """A worker that has no room for an argument says so, and takes the next one."""
    pool = make_pool(1, initializer=large.limit_memory, initargs=(150 * MB,))
    with pytest.raises(MemoryError, match="no room"):
        pool.apply_async(large.look, (Block(bytearray(300 * MB)),)).get(LONG)
    one = block(3 * MB)
    assert pool.apply_async(jobs.echo, (one,)).get(LONG).check == one.check


@pytest.mark.usefixtures("couriers")
def test_result_without_room_fails_its_own_job(pool: poolmgr.Pool, monkeypatch: pytest.MonkeyPatch) -> None:
    """An owner that has no room for a result fails that job, and takes the next one."""
    mapping = parts._mapping

    def little_room(size: int) -> mmap.mmap:
        if size > 10 * MB:
            raise MemoryError
        return mapping(size)

    check_works(pool)
    monkeypatch.setattr(parts, "_mapping", little_room)
    with pytest.raises(MemoryError, match="no room"):
        pool.apply_async(large.block, (20 * MB,)).get(LONG)
    check_works(pool)


# -- deaths and stops on the way


@pytest.mark.parametrize("side", ["before", "half", "after"])
def test_worker_killed_while_an_argument_comes_in_is_not_blamed(make_pool: MakePool, tmp_path: Path, side: str) -> None:
    """A job whose argument was on its way to a worker that died runs elsewhere, once."""
    stop = make_stop(tmp_path, "fill", side, signal.SIGKILL)
    pool = make_pool(2, initializer=stop_points.install, initargs=(stop,))
    path = str(tmp_path / "ran")
    sent = [block(20 * MB, i) for i in range(4)]
    waiting = [pool.apply_async(large.look_and_tell, (path, one)) for one in sent]
    assert [job.get(LONG) for job in waiting] == [one.check for one in sent]
    assert left_tokens(stop) == 0, "no worker came to the step"
    assert sorted(stop_points.numbers(path)) == sorted(one.check for one in sent)
    check_works(pool)


@pytest.mark.parametrize("side", ["before", "half", "after"])
def test_worker_stopped_while_an_argument_comes_in_holds_nobody_up(
    make_pool: MakePool, tmp_path: Path, side: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its job runs elsewhere, once, and so do others with large data; when it goes on it is as before."""
    monkeypatch.setattr(returns, "STUCK", 0.05)
    stop = make_stop(tmp_path, "fill", side, signal.SIGSTOP)
    pool = make_pool(2, initializer=stop_points.install, initargs=(stop,))
    path = str(tmp_path / "ran")
    sent = [block(20 * MB, i) for i in range(4)]
    waiting = [pool.apply_async(large.look_and_tell, (path, one)) for one in sent]
    assert [job.get(LONG) for job in waiting] == [one.check for one in sent]
    wake(stop)
    check_works(pool)
    assert sorted(stop_points.numbers(path)) == sorted(one.check for one in sent)


@pytest.mark.parametrize("side", ["before", "half"])
def test_worker_killed_while_a_result_goes_out_loses_its_job_alone(
    make_pool: MakePool, tmp_path: Path, side: str
) -> None:
    """Half a result is none: its job is lost, and no other."""
    stop = make_stop(tmp_path, "send LARGE", side, signal.SIGKILL)
    pool = make_pool(2, initializer=stop_points.install, initargs=(stop,))
    waiting = [pool.apply_async(large.block, (20 * MB, i)) for i in range(4)]
    lost = 0
    for i, job in enumerate(waiting):
        try:
            assert job.get(LONG).check == block(20 * MB, i).check
        except WorkerDied:
            lost += 1
    assert lost == 1
    check_works(pool)


@pytest.mark.parametrize("side", ["before", "half", "after"])
def test_worker_stopped_while_a_result_goes_out_holds_nobody_up(make_pool: MakePool, tmp_path: Path, side: str) -> None:
    """Other large results arrive meanwhile, and this one when the worker goes on."""
    stop = make_stop(tmp_path, "send LARGE", side, signal.SIGSTOP)
    pool = make_pool(2, initializer=stop_points.install, initargs=(stop,))
    waiting = [pool.apply_async(large.block, (20 * MB, i)) for i in range(4)]
    wait_until(lambda: sum(job.ready() for job in waiting) == 3)
    wake(stop)
    assert [job.get(LONG).check for job in waiting] == [block(20 * MB, i).check for i in range(4)]
    check_works(pool)


def test_result_of_a_worker_that_died_after_its_commit_is_delivered(make_pool: MakePool, tmp_path: Path) -> None:
    """A large result that was committed arrives, though its worker is dead before it is read."""
    stop = make_stop(tmp_path, "COMMIT", "after", signal.SIGKILL)
    pool = make_pool(1, initializer=stop_points.install, initargs=(stop,))
    assert pool.apply_async(large.block, (20 * MB, 7)).get(LONG).check == block(20 * MB, 7).check
    assert left_tokens(stop) == 0


def test_alarm_of_a_job_that_rings_while_its_result_goes_out(make_pool: MakePool) -> None:
    """An exception in the middle of a result costs that job at most: none is given a piece of another's data."""
    pool = make_pool(1)
    with contextlib.suppress(WorkerDied, TimeoutError, MaybeEncodingError):
        pool.apply_async(large.give_and_be_interrupted, (200 * MB,)).get(LONG)
    for i in range(4):
        assert pool.apply_async(large.block, (3 * MB, i)).get(LONG).check == block(3 * MB, i).check


@pytest.mark.usefixtures("couriers")
@pytest.mark.parametrize("size", [100_000, 3 * MB])
def test_job_that_writes_to_its_workers_socket_harms_itself_alone(
    make_pool: MakePool, monkeypatch: pytest.MonkeyPatch, size: int
) -> None:
    """A job that spoils what its worker sends loses its result, and its worker is replaced; nobody waits for ever."""
    monkeypatch.setattr(channel, "LATE", 0.1)
    pool = make_pool(2)
    with pytest.raises(EOFError, match="not sent whole"):
        pool.apply_async(large.meddle, (size,)).get(LONG)
    check_works(pool)


def test_job_is_cancelled_while_its_argument_comes_in(make_pool: MakePool, tmp_path: Path) -> None:
    """A job that is killed while its worker is stopped in the middle of the argument never runs."""
    stop = make_stop(tmp_path, "fill", "half", signal.SIGSTOP)
    pool = make_pool(1, initializer=stop_points.install, initargs=(stop,))
    path = tmp_path / "ran"
    job = pool.apply_async(large.look_and_tell, (str(path), block(20 * MB)))
    wait_until(lambda: stopped_pids(stop))
    assert pool.kill(job.id)
    with pytest.raises(JobCancelled):
        job.get(LONG)
    wake(stop)
    one = block(3 * MB)
    assert pool.apply_async(large.look, (one,)).get(LONG) == [(len(one), one.check, False)]
    assert not path.exists()


@pytest.mark.parametrize("step", ["fill", "send LARGE"])
def test_terminate_while_data_is_on_its_way(make_pool: MakePool, tmp_path: Path, step: str) -> None:
    """A pool ends, and its couriers with it, though a worker has stopped in the middle of a transfer."""
    stop = make_stop(tmp_path, step, "half", signal.SIGSTOP)
    pool = make_pool(2, initializer=stop_points.install, initargs=(stop,))
    waiting = [pool.apply_async(jobs.echo, (block(20 * MB, i),)) for i in range(6)]
    # The other worker may have done all of those before we come.
    waiting.append(pool.apply_async(jobs.sleep_long))
    wait_until(lambda: stopped_pids(stop))
    pool.terminate()
    assert pool.join(LONG)
    assert all(job.ready() for job in waiting)
    with pytest.raises(PoolTerminated):
        waiting[-1].get(LONG)
    wait_until(lambda: not [one for one in threading.enumerate() if one.name == "poolmgr-courier"])


def test_large_data_both_ways_at_once(pool: poolmgr.Pool) -> None:
    """Workers that send results take arguments meanwhile: nobody waits for one who waits for him."""
    sent = [block(2 * MB + i, i) for i in range(60)]
    assert [one.check for one in pool.imap(jobs.echo, sent)] == [one.check for one in sent]


def test_couriers_leave_when_nothing_large_travels(pool: poolmgr.Pool) -> None:
    """A pool keeps no thread for what it does not do."""
    check_works(pool)
    wait_until(lambda: not [one for one in threading.enumerate() if one.name == "poolmgr-courier"])
    check_works(pool)


PROGRAM = """
import multiprocessing, sys, time
import poolmgr
from tests.helpers import jobs, large, stop_points

def main():
    stop = stop_points.Stop(sys.argv[2], "half", 1, sys.argv[3], int(sys.argv[4]))
    context = multiprocessing.get_context(sys.argv[1])
    pool = poolmgr.Pool(2, stop_points.install, (stop,), context=context)
    kept = [pool.apply_async(jobs.echo, (large.block(20 * large.MB),)) for _ in range(2)]
    print(*(worker.pid for worker in pool.snapshot().workers), flush=True)
    time.sleep(600)

if __name__ == "__main__":
    main()
"""


@pytest.mark.parametrize("step", ["fill", "send LARGE"])
def test_nobody_is_left_when_the_owner_dies_in_the_middle(method: str, step: str, tmp_path: Path) -> None:
    """An owner that is killed while data goes either way leaves no worker, be it stopped in the middle."""
    stop = make_stop(tmp_path, step, "half", signal.SIGSTOP)
    program = tmp_path / "program.py"
    program.write_text(PROGRAM)
    owner = subprocess.Popen(
        [sys.executable, str(program), method, step, stop.tokens, str(int(signal.SIGSTOP))],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    assert owner.stdout is not None
    try:
        left = [psutil.Process(int(word)) for word in owner.stdout.readline().split()]
        assert len(left) == 2
        wait_until(lambda: stopped_pids(stop))
        owner.kill()
        owner.wait(10)
        wait_until(lambda: not any(_lives(process) for process in left), deadline=2.0)
    finally:
        owner.kill()
        owner.communicate()


def _lives(process: psutil.Process) -> bool:
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
