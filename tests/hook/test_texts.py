"""What jobs were called with, what they returned, and what they failed with, as the hook tells it."""

from __future__ import annotations

import itertools
import os
import pickle
import signal
from concurrent.futures.process import _ExceptionWithTraceback
from multiprocessing.pool import ExceptionWithTraceback, mapstar  # type: ignore[attr-defined]
from pathlib import Path
from typing import Any

import pytest

from poolmgr.hook.site.poolmgr_hook import brief, failures, layout
from poolmgr.hook.site.poolmgr_hook.cells import Cells
from poolmgr.monitor.observed import ObservedTask, decode_failures
from tests.helpers import hooked
from tests.helpers.hooked import look
from tests.helpers.wait import wait_until

PROGRAM = """
    import multiprocessing, sys
    from concurrent.futures import ProcessPoolExecutor

    class Secret:
        def __repr__(self):
            print("repr was called")
            return "secret"

    class Refused(Exception):
        def __str__(self):
            # The pool's own worker asks it, for its traceback.
            return "not me:\\n" + "x" * 10

    def work(path, size=1, *, secret=None):
        if path == "bad":
            raise Refused(path)
        if path == "wait":
            multiprocessing.connection.Connection(int(size)).recv_bytes()
        return [path] * size

    def item(x):
        return 1 // x

    def settle(get):
        try:
            get()
        except Exception as error:
            print(type(error).__name__)

    if __name__ == "__main__":
        context = multiprocessing.get_context(sys.argv[2])
        if sys.argv[1] == "Pool":
            with context.Pool(1) as pool:
                submit = lambda f, *args, **kwds: pool.apply_async(f, args, kwds)
                settle(submit(work, "good", 3, secret=Secret()).get)
                settle(submit(work, "bad").get)
                settle(pool.map_async(item, [2, 1, 0], chunksize=1).get)
                settle(submit(work, Secret).get)
                settle(submit(work, lambda: 0).get)
                pool.close()
                pool.join()
        else:
            with ProcessPoolExecutor(1, mp_context=context) as pool:
                settle(pool.submit(work, "good", 3, secret=Secret()).result)
                settle(pool.submit(work, "bad").result)
                settle(lambda: list(pool.map(item, [2, 1, 0])))
                settle(pool.submit(work, Secret).result)
        print("end")
"""


def tasks(folder: str) -> dict[int, ObservedTask]:
    """The tasks that are told, the last one of each job."""
    return {task.job: task for worker in look(folder).workers.values() for task in worker.finished}


@pytest.mark.parametrize("kind", ["Pool", "ProcessPoolExecutor"])
@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_arguments_results_and_errors_are_told(run_folder: str, tmp_path: Path, kind: str, method: str) -> None:
    """Each job tells its arguments, and its result or its error with the traceback; no ``__repr__`` is called."""
    path = hooked.script(tmp_path, PROGRAM)
    plain = hooked.run(path, kind, method, folder=None)
    seen = hooked.run(path, kind, method, folder=run_folder)
    assert (seen.stdout, seen.stderr, seen.returncode) == (plain.stdout, plain.stderr, 0)
    assert "repr was called" not in seen.stdout
    assert not look(run_folder).notes
    told = tasks(run_folder)
    assert (told[0].args, told[0].result) == ("('good', 3, secret=<Secret>)", "['good', 'good', 'good']")
    assert (told[1].args, told[1].result) == ("('bad')", "")
    (pool,) = look(run_folder).pools.values()
    failed = {end.job: end.failure for end in pool.ends if end.outcome == layout.ERROR}
    assert failed[1] is not None
    assert failed[1].line == "Refused: not me: xxxxxxxxxx"
    assert failed[1].traceback.startswith('Traceback (most recent call last):\n  File "' + path)
    assert failed[1].traceback.endswith("Refused: not me:\nxxxxxxxxxx\n")
    by_zero = failed[2 if kind == "Pool" else 4]
    assert by_zero is not None
    assert by_zero.line.startswith("ZeroDivisionError: ")
    assert "in item" in by_zero.traceback
    assert told[2 if kind == "Pool" else 4].args == "(0)"
    if kind == "Pool":
        unsent = failed[4]
        assert unsent is not None
        assert "lambda" in unsent.line
        assert unsent.traceback == ""


def test_running_job_tells_its_arguments(run_folder: str, tmp_path: Path) -> None:
    """After a thousand quick jobs the one that lasts tells its arguments, also when its worker has been killed."""
    source = """
        import multiprocessing, time

        def work(number, name):
            if number == 999:
                time.sleep(600)

        if __name__ == "__main__":
            with multiprocessing.get_context("fork").Pool(1) as pool:
                jobs = [pool.apply_async(work, (number, "name")) for number in range(1000)]
                for job in jobs[:-1]:
                    job.get()
                print("all but one", flush=True)
                input()
    """
    with hooked.program(hooked.script(tmp_path, source), folder=run_folder) as program:
        program.line()
        # The result of the one before is there a moment before the worker notes that it has sent it.
        (worker,) = wait_until(lambda: [one for one in program.running() if one.running and one.running.job == 999])
        assert worker.running is not None
        assert worker.running.args == "(999, 'name')"
        os.kill(worker.pid, signal.SIGKILL)
        # It is counted before its end is told.
        lost = program.until(lambda pool: pool.ends[-1].job == 999, "the job is lost")
        assert (lost.lost, lost.ends[-1].outcome) == (1, layout.WORKER_LOST)
        killed = look(run_folder).workers[worker.pid].running
        assert killed is not None
        assert killed.args == "(999, 'name')"


class Rude:
    """Whose every answer is an error."""

    def __repr__(self) -> str:
        raise AssertionError("asked")

    __len__ = __iter__ = __str__ = __repr__

    def __getattr__(self, name: str) -> Any:
        raise AssertionError("asked")

    @property
    def __class__(self) -> Any:
        raise AssertionError("asked")

    @__class__.setter
    def __class__(self, kind: Any) -> None:
        raise AssertionError("asked")


class Long(str):
    """A subclass of a builtin type is not that type."""

    __slots__ = ()


@pytest.mark.parametrize(
    ("args", "short", "quick"),
    [
        ((), "()", "()"),
        ((1, 2.5, None, True), "(1, 2.5, None, True)", "(1, 2.5, None, True)"),
        (("x" * 50,), f"('{'x' * 50}')", "(<str>)"),
        (([1, 2, 3], {"a": (1,)}), "([1, 2, 3], {'a': (1,)})", "(<list>, <dict>)"),
        ((Rude(), [Rude()], Rude), "(<Rude>, [<Rude>], <tests.hook.test_texts.Rude>)", "(<Rude>, <list>, <type>)"),
        ((Long("x"),), "(<Long>)", "(<Long>)"),
        ((1 << 300,), "(<int of 301 bits>)", "(<int>)"),
        ((1, 2, 3, 4, 5), "(1, 2, 3, 4, 5)", "(1, 2, 3, 4, …)"),
        (tuple(range(9)), "(0, 1, 2, 3, 4, …)", "(0, 1, 2, 3, …)"),
    ],
)
def test_values_in_short(args: tuple[Any, ...], short: str, quick: str) -> None:
    """Builtin types are written out, all else is named, and no object is asked for anything."""
    assert brief.brief_call(args, {}, 200) == short
    assert brief.glance(args, {}) == quick


def test_long_values_are_bounded() -> None:
    """However much there is in the arguments, their text is short."""
    deep: list[Any] = []
    for _ in range(10_000):
        deep = [deep, "x" * 1000]
    assert len(brief.brief_call((deep, "y" * 10_000_000, list(range(10**6))), {"k": deep}, 200)) <= 200
    assert len(brief.glance(("y" * 10_000_000, deep, 10**30, b"z"), {"k": deep})) <= 200


def test_arguments_that_answer_with_errors_fail_no_task(run_folder: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A task whose arguments cannot be told is told without them, and the next one with its own."""
    monkeypatch.setenv("POOLMGR_RUN", run_folder)
    cells = Cells(77)
    for job, args in enumerate([("first",), 5, ("second",), ("ä" * 150,)]):
        cells.begin(job, 0, len, args, {})
        cells.sending(True, 7)
        cells.end()
    cells.begin(9, 0, mapstar, ((len, ("a", "b")),), {})
    worker = look(run_folder).workers[os.getpid()]
    assert [task.args for task in worker.finished[:3]] == ["('first')", "", "('second')"]
    assert worker.finished[3].args == "('" + "ä" * 119
    assert {task.result for task in worker.finished} == {"7"}
    assert worker.running is not None
    assert (worker.running.items, worker.running.args) == (2, "('a')")


@pytest.mark.parametrize("value", [7, -(1 << 63), (1 << 63) - 1, 0, True])
def test_arguments_of_the_shortest_calls(run_folder: str, monkeypatch: pytest.MonkeyPatch, value: int) -> None:
    """Among many more tasks than are told one by one, the arguments of the one that runs are there."""
    monkeypatch.setenv("POOLMGR_RUN", run_folder)
    cells = Cells(77)
    for job in range(100):
        cells.begin(job, 0, len, ("x",), {})
        cells.sending(True, 7)
        cells.end()
    cells.begin(100, 0, len, (value,), {})
    worker = look(run_folder).workers[os.getpid()]
    assert worker.running is not None
    assert worker.running.args == f"({value})"
    cells.end()
    cells.begin(101, 0, len, (1 << 64,), {})
    worker = look(run_folder).workers[os.getpid()]
    assert worker.running is not None
    assert worker.running.args == "(<int>)"
    assert not worker.sending


def sent(error: BaseException, wrap: Any = ExceptionWithTraceback) -> BaseException:
    """An error as it arrives from a worker."""
    try:
        raise error
    except BaseException as raised:
        found: BaseException = pickle.loads(pickle.dumps(wrap(raised, raised.__traceback__)))
        return found


@pytest.mark.parametrize("wrap", [ExceptionWithTraceback, _ExceptionWithTraceback])
def test_errors_in_one_line(wrap: Any) -> None:
    """The line has the type and what the error says; causes and notes are in the traceback."""
    assert failures.texts(sent(KeyError("etag"), wrap))[0] == "KeyError: 'etag'"
    assert failures.texts(sent(StopIteration(), wrap))[0] == "StopIteration"
    assert failures.texts(sent(ValueError("a:\n  b\n\nTypeError: c"), wrap))[0] == "ValueError: a: b TypeError: c"
    assert failures.texts(sent(SyntaxError("bad", ("f.py", 3, 1, "x y", 3, 4)), wrap))[0].startswith("SyntaxError: bad")
    try:
        try:
            raise OSError(2, "not there")
        except OSError as first:
            raise RuntimeError("second") from first
    except RuntimeError as error:
        line, trace = failures.texts(pickle.loads(pickle.dumps(wrap(error, error.__traceback__))))
    assert line == "RuntimeError: second"
    assert "[Errno 2] not there" in trace
    assert "direct cause" in trace
    group = failures.texts(sent(ExceptionGroup("several", [ValueError(1)]), wrap))
    assert group[0] == "ExceptionGroup: several"
    assert "ValueError: 1" in group[1]


@pytest.fixture
def own(run_folder: str, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the failures of this process are, of a run of this test's own."""
    monkeypatch.setenv("POOLMGR_RUN", run_folder)
    monkeypatch.setattr(failures, "_tables", [])
    monkeypatch.setattr(failures, "_makers", itertools.count())
    return Path(run_folder, f"errors.{os.getpid()}")


def test_failures_that_are_alike_are_one(own: Path) -> None:
    """Of a thousand equal errors one text is kept; of a thousand different ones some, each with its own text."""
    error = sent(ValueError("same"))
    assert {failures.tell(error) for _ in range(1000)} == {0}
    numbers = {failures.tell(sent(ValueError(f"number {place}"))): place for place in range(1000)}
    kept = decode_failures(own.read_bytes())
    lines = {number: f"ValueError: number {place}" for number, place in numbers.items()} | {0: "ValueError: same"}
    assert len(kept) > 1
    assert {number: failure.line for number, failure in kept.items()} == {number: lines[number] for number in kept}


def test_long_error_is_cut(own: Path) -> None:
    """Of a traceback that is too long the end is kept, from the begin of a line on, and of a line the begin."""

    def deeper(depth: int) -> None:
        if not depth:
            raise ValueError("ü" * 1000)
        deeper_too(depth)

    def deeper_too(depth: int) -> None:
        # Two functions: of one that calls itself a traceback has three lines, and their number.
        deeper(depth - 1)

    try:
        deeper(90)
    except ValueError as error:
        number = failures.tell(pickle.loads(pickle.dumps(ExceptionWithTraceback(error, error.__traceback__))))
    failure = decode_failures(own.read_bytes())[number]
    assert failure.line.startswith("ValueError: üü")
    assert len(failure.line.encode()) <= layout.LINE_SIZE
    assert failure.traceback.startswith("...\n  ")
    assert failure.traceback.endswith("üü\n")
