"""Locks of a program that knows nothing of poolmgr: who holds them, who waits, and what is told of it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest

from poolmgr.hook import environment
from poolmgr.model.sync import SyncObject, SyncSnapshot, SyncState
from poolmgr.model.waits import blocked
from poolmgr.monitor.lock_stacks import REST
from poolmgr.monitor.lock_watch import LockWatch
from poolmgr.monitor.locks import LockReader
from poolmgr.monitor.run_log import RunLog
from poolmgr.runtime.tree import descendants
from tests.helpers.wait import wait_until

PROGRAM = Path(__file__).parents[1] / "helpers" / "lock_program.py"
METHODS = ("fork", "spawn", "forkserver")


@contextmanager
def program(folder: str, *args: str, locks: bool = True) -> Iterator[tuple[subprocess.Popen[bytes], LockReader]]:
    """The program with the hook, once it is ready, and who looks at its locks."""
    child = subprocess.Popen(
        [sys.executable, str(PROGRAM), *args],
        env=environment(folder, locks=locks),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    reader = LockReader(folder, lambda: [child.pid, *descendants(child.pid)])
    try:
        assert child.stdout is not None
        assert child.stdout.readline() == b"ready\n"
        yield child, reader
    finally:
        reader.close()
        _, errors = child.communicate()
        assert not errors, errors.decode()


def looked(reader: LockReader) -> SyncSnapshot:
    """A picture of what is there."""
    found = reader.read()
    assert found is not None
    return found


def picture(reader: LockReader, shows: Callable[[SyncSnapshot], object]) -> SyncSnapshot:
    """The first picture that shows what is waited for."""
    found: list[SyncSnapshot] = []

    def look() -> object:
        found[:] = [looked(reader)]
        return shows(found[0])

    wait_until(look)
    return found[0]


def named(sync: SyncSnapshot, name: str) -> SyncObject:
    """The object in this variable."""
    return next(each for each in sync.objects if each.name == name)


@pytest.mark.parametrize("method", METHODS)
def test_crossed_locks_are_a_deadlock(run_folder: str, method: str) -> None:
    """Two processes with two locks, crossed, are found, with who waits for what and where the locks were made."""
    with program(run_folder, "crossed", method) as (_, reader):
        sync = picture(reader, lambda sync: sync.deadlocks)
        (deadlock,) = sync.deadlocks
        left, right = named(sync, "left"), named(sync, "right")
        assert {link.lock for link in deadlock.chain} == {left.id, right.id}
        source = PROGRAM.read_text().splitlines()
        assert (left.file, right.file) == (str(PROGRAM), str(PROGRAM))
        assert "left = ctx.Lock()" in source[left.line - 1]
        assert "right = ctx.RLock()" in source[right.line - 1]
        assert left.holder is not None
        assert right.holder is not None
        assert [waiter.pid for waiter in left.waiters] == [right.holder.pid]
        assert [waiter.pid for waiter in right.waiters] == [left.holder.pid]
        assert sync.state(left) is SyncState.DEADLOCK
        block = blocked(sync, left.holder.pid)
        assert block is not None
        assert block.lock == right


@pytest.mark.parametrize("method", METHODS)
def test_abandoned_lock_is_seen_and_can_be_released(run_folder: str, method: str) -> None:
    """A lock whose holder was killed is told with who waits for it, who goes on once an operator has it released."""
    with program(run_folder, "abandoned", method) as (child, reader):
        sync = picture(reader, lambda sync: sync.abandoned)
        ledger = named(sync, "ledger")
        assert sync.abandoned == (ledger.id,)
        assert sync.state(ledger) is SyncState.ABANDONED
        assert not sync.deadlocks
        reply = reader.release(ledger.id)
        assert reply.ok, reply.text
        assert child.stdout is not None
        assert child.stdout.readline() == b"got it\n"
        wait_until(lambda: not looked(reader).abandoned)
        assert not reader.release(ledger.id).ok


def test_waiter_that_dies_first_has_released_nothing(run_folder: str) -> None:
    """An order to a waiter that ends before it has carried it out is told as such: the lock is as abandoned as ever."""
    with program(run_folder, "abandoned", "fork") as (_, reader), ThreadPoolExecutor(1) as operator:
        sync = picture(reader, lambda sync: sync.abandoned)
        ledger = named(sync, "ledger")
        (waiter,) = ledger.waiters
        os.kill(waiter.pid, signal.SIGSTOP)
        reply = operator.submit(reader.release, ledger.id)
        wait_until(lambda: reader._slots.is_ordered(waiter))
        os.kill(waiter.pid, signal.SIGKILL)

        def answered() -> bool:
            looked(reader)
            return reply.done()

        wait_until(answered)
        assert not reply.result().ok
        assert "rlock ledger" in reply.result().text
        assert "is not released" in reply.result().text


@pytest.mark.parametrize("mode", ["crossed", "abandoned"])
def test_trouble_is_told_once(run_folder: str, mode: str) -> None:
    """A deadlock is in the log with its chain and where each thread stands, an abandoned lock with what can be done."""
    with program(run_folder, mode, "fork") as (child, _):
        log = RunLog()
        watch = LockWatch(run_folder, lambda: [child.pid, *descendants(child.pid)], log)
        wait_until(lambda: watch.look(()) and log.lines())
        before = log.lines()
        for _ in range(3):
            watch.look(())
        watch.close()
    assert log.lines() == before
    text = before[0].text
    assert before[0].level == "error"
    if mode == "abandoned":
        assert "rlock ledger (lock_program.py:" in text
        assert "is dead" in text
        return
    assert text.startswith("deadlock: pid ")
    assert "lock left (lock_program.py:" in text
    assert "rlock right (lock_program.py:" in text
    places = [line.text for line in before if line.level == "warning"]
    assert len(places) == 2
    for place in places:
        assert "take_both" in place
        assert place.endswith("(with second:)")


def test_threads_of_one_process_stand_where_they_stand(run_folder: str) -> None:
    """Of a deadlock inside of one process, each thread is told with its own stack."""
    with program(run_folder, "threads", "fork") as (child, reader):
        sync = picture(reader, lambda sync: sync.deadlocks)
        log = RunLog()
        watch = LockWatch(run_folder, lambda: [child.pid], log)
        wait_until(lambda: watch.look(()) and log.lines())
        watch.close()
    alarm, *places = [line.text for line in log.lines()]
    assert alarm.startswith("deadlock: pid ")
    (deadlock,) = sync.deadlocks
    assert len(places) == len(deadlock.chain) == 2
    for link, text in zip(deadlock.chain, places, strict=True):
        assert f"thread {link.thread} stands at" in text
        assert ("take_left" in text, "take_right" in text) == (
            link.lock == named(sync, "right").id, link.lock == named(sync, "left").id,
        )  # fmt: skip


@pytest.mark.parametrize("method", METHODS)
def test_stacks_of_a_deadlock_are_in_the_picture(run_folder: str, method: str) -> None:
    """Each thread of a deadlock, so each holder too, is shown with its calls; it is asked for them once."""
    with program(run_folder, "crossed", method) as (child, _):
        watch = LockWatch(run_folder, lambda: [child.pid, *descendants(child.pid)], RunLog())
        sync = watched(watch, lambda sync: sync.stacks)
        (deadlock,) = sync.deadlocks
        assert [each.stamp for each in sync.stacks] == [link.stamp for link in deadlock.chain]
        for each, link in zip(sync.stacks, deadlock.chain, strict=True):
            assert (each.pid, each.thread) == (link.pid, link.thread)
            call = each.calls[0]
            assert (call.file, call.function, call.source) == (str(PROGRAM), "take_both", "with second:")
            assert PROGRAM.read_text().splitlines()[call.line - 1].strip() == call.source
        told = {link.pid: dumped(link.pid) for link in deadlock.chain}
        assert all(told.values())
        for _ in range(3):
            assert watched(watch, lambda sync: True).stacks == sync.stacks
        assert {pid: dumped(pid) for pid in told} == told
        watch.close()


@pytest.mark.parametrize(("mode", "function"), [("abandoned", "use"), ("patient", "retry")])
def test_stack_of_who_waits_for_an_abandoned_lock_is_in_the_picture(run_folder: str, mode: str, function: str) -> None:
    """Who waits for a lock of a dead holder is shown with its calls; who gives up and tries again is left alone."""
    with program(run_folder, mode, "fork") as (child, _):
        watch = LockWatch(run_folder, lambda: [child.pid, *descendants(child.pid)], RunLog())
        sync = watched(watch, lambda sync: sync.stacks)
        (stack,) = sync.stacks
        (waiter,) = named(sync, "ledger").waiters
        assert (stack.pid, stack.stamp) == (waiter.pid, waiter.stamp)
        assert stack.calls[0].function == function
        told = dumped(waiter.pid)
        if mode == "patient":
            watched(watch, lambda sync: any(each.stamp != waiter.stamp for each in named(sync, "ledger").waiters))
        watched(watch, lambda sync: True)
        assert dumped(waiter.pid) == told
        watch.close()


def watched(watch: LockWatch, shows: Callable[[SyncSnapshot], object]) -> SyncSnapshot:
    """The first picture of a watch that shows what is waited for."""
    found: list[SyncSnapshot] = []

    def look() -> object:
        sync = watch.look(())
        assert sync is not None
        found[:] = [sync]
        return shows(sync)

    # One that waited no more when it was asked is asked again after that time only.
    wait_until(look, 3 * REST)
    return found[0]


def dumped(pid: int) -> int:
    """Bytes of stacks that a process has told."""
    folder = Path(f"/proc/{pid}/fd")
    return sum(link.stat().st_size for link in folder.iterdir() if "poolmgr-stacks" in os.readlink(link))


@pytest.mark.parametrize("method", METHODS)
def test_right_locking_raises_no_alarm(run_folder: str, method: str) -> None:
    """Much locking by processes and threads counts right, and no picture of it shows a deadlock."""
    alarms: list[object] = []
    child = subprocess.Popen(
        [sys.executable, str(PROGRAM), "busy", method],
        env=environment(run_folder),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    reader = LockReader(run_folder, lambda: [child.pid])
    assert child.stdout is not None
    os.set_blocking(child.stdout.fileno(), False)

    def is_ready() -> bool:
        sync = reader.read()
        if sync is not None:
            alarms.extend((*sync.deadlocks, *sync.abandoned))
        assert child.stdout is not None
        return child.stdout.readline() == b"ready\n" or child.poll() is not None

    wait_until(is_ready, 50)
    counted = named(looked(reader), "lock")
    reader.close()
    child.communicate()
    assert child.returncode == 0
    assert not alarms
    assert counted.acquires == 10_000
    assert counted.holder is None


def test_each_kind_tells_its_state(run_folder: str) -> None:
    """Semaphores, events, barriers, queues, pipes and shared values are told as they are, with who blocks on them."""
    with program(run_folder, "objects", "fork") as (child, reader):

        def stands(sync: SyncSnapshot) -> bool:
            """Whether its threads have come to where they block: three wait, and one has a lock for reading."""
            waiting = sum(len(each.waiters) for each in sync.objects)
            reads = any(each.holder is not None for each in sync.parts(named(sync, "empty").id))
            return waiting >= 3 and reads and (named(sync, "items").puts, named(sync, "todo").depth) == (3, 1)

        sync = picture(reader, stands)
        assert (named(sync, "free").value, named(sync, "free").limit) == (2, None)
        assert (named(sync, "places").value, named(sync, "places").limit) == (2, 2)
        assert (named(sync, "gate").value, named(sync, "unset").value) == (1, 0)
        assert (named(sync, "meeting").value, named(sync, "meeting").limit) == (1, 3)
        items, todo = named(sync, "items"), named(sync, "todo")
        assert (items.depth, items.limit, items.puts, items.gets) == (2, 5, 3, 1)
        assert (todo.depth, todo.limit) == (1, None)
        assert named(sync, "(reader, writer)").bytes_waiting == 4 + len(b"hello")
        assert (named(sync, "simple").bytes_waiting or 0) > 100
        assert (named(sync, "speed").content, named(sync, "squares").content) == ("2.5", "[1, 4, 9]")
        assert {sync.whole(each).name for each in sync.objects if each.waiters} == {"meeting", "unset", "todo"}
        reading = next(each for each in sync.parts(named(sync, "empty").id) if each.role == "reading")
        assert reading.holder is not None
        assert reading.holder.pid == child.pid


@pytest.mark.parametrize("method", METHODS)
def test_both_ways_of_a_pipe_are_told(run_folder: str, method: str) -> None:
    """What waits at each end of a two-way pipe is told, as often as one looks, and all of it is received after that."""
    with program(run_folder, "talk", method) as (_, reader):
        for _ in range(3):
            sync = looked(reader)
            pipe, unused = named(sync, "(mine, theirs)"), named(sync, "(unused, other)")
            assert (pipe.bytes_first, pipe.bytes_second) == (4 + 100, 4 + 3 + 4 + 9000)
            assert pipe.bytes_waiting == 9115
            # Of an end that is closed nothing is told.
            assert (unused.bytes_first, unused.bytes_second, unused.bytes_waiting) == (0, None, 0)


@pytest.mark.parametrize("method", METHODS)
def test_locks_of_a_pool_tell_who_has_them(run_folder: str, method: str) -> None:
    """Of a pool's own locks it is told who has them and who has waited for long, and nothing is counted."""
    with program(run_folder, "pool", method) as (child, reader):

        def reading(sync: SyncSnapshot) -> list[SyncObject]:
            locks = (each for each in sync.objects if sync.whole(each).machinery and each.role == "reading")
            return [each for each in locks if each.holder is not None and each.waiters]

        (lock,) = reading(picture(reader, reading))
        assert lock.holder is not None
        workers = {lock.holder.pid, *(waiter.pid for waiter in lock.waiters)}
        assert len(workers) == 2
        assert workers <= set(descendants(child.pid))
        assert (lock.acquires, lock.contended, lock.waiting) == (None, None, None)


def test_locks_can_be_left_alone(run_folder: str) -> None:
    """Without tracking the program's locks are the plain ones, and nothing is written."""
    with program(run_folder, "crossed", "fork", locks=False) as (_, reader):
        assert reader.read() is None
        assert not [name for name in os.listdir(run_folder) if "locks" in name or "waits" in name]


@pytest.mark.parametrize("method", METHODS)
def test_locks_are_pickled_as_ever(run_folder: str, method: str) -> None:
    """What a lock is pickled to for another process is the same with the hook as without."""
    code = (
        f"import multiprocessing as m; ctx = m.get_context({method!r}); lock = ctx.Lock()\n"
        "from multiprocessing import context\n"
        "context.set_spawning_popen(object())\n"
        "try: print([type(each).__name__ for each in lock.__getstate__()])\n"
        "except RuntimeError as error: print(error)\n"
    )
    plain = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=30, check=True)
    env = environment(run_folder)
    hooked = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=30, env=env)
    assert (hooked.stdout, hooked.stderr) == (plain.stdout, plain.stderr)


def test_slot_of_a_lock_that_is_gone_is_used_again(run_folder: str) -> None:
    """A program may make any number of locks, one after the other."""
    code = "import multiprocessing as m\nfor _ in range(20_000): m.Lock()\nprint('fine')"
    run = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=50, env=environment(run_folder)
    )
    assert (run.stdout, run.stderr) == ("fine\n", "")
    assert os.stat(Path(run_folder) / "locks.claims").st_size <= 8 * 10


def test_signal_handler_that_raises_leaves_the_lock_free(run_folder: str) -> None:
    """A handler that raises while a thread waits for a lock ends the wait, and the lock is as it was."""
    code = (
        "import multiprocessing as m, os, signal, threading, time\n"
        "def handler(*_): raise TimeoutError\n"
        "signal.signal(signal.SIGALRM, handler)\n"
        "lock = m.Lock(); lock.acquire()\n"
        "try: signal.setitimer(signal.ITIMER_REAL, 0.05); lock.acquire()\n"
        "except TimeoutError: print('raised')\n"
        "lock.release(); print(lock.acquire(False))\n"
    )
    run = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=30, env=environment(run_folder)
    )
    assert (run.stdout, run.stderr) == ("raised\nTrue\n", "")
