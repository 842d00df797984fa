"""Lambdas, closures, local classes, and what is defined at a prompt: with cloudpickle and without."""

from __future__ import annotations

import multiprocessing
import pickle
import subprocess
import sys
import textwrap
import threading
from collections.abc import Callable
from multiprocessing import resource_sharer
from multiprocessing.pool import MaybeEncodingError  # type: ignore[attr-defined]
from typing import Any

import pytest

import poolmgr
from poolmgr.engine.cloud import ADVICE
from tests.engine.conftest import MakePool
from tests.helpers import jobs

#: What a program of these tests begins with: as at a prompt, its ``__main__`` is in no file.
PROMPT = """
import multiprocessing, sys
import poolmgr
pool = poolmgr.Pool(2, context=multiprocessing.get_context(sys.argv[1]))
"""
#: And how it hides cloudpickle.
HIDDEN = "import sys; sys.modules['cloudpickle'] = None\n"


def run(source: str, method: str) -> str:
    """What a program prints that is given with -c, as at a prompt, with ``method`` as its argument."""
    command = [sys.executable, "-c", textwrap.dedent(source), method]
    done = subprocess.run(command, capture_output=True, text=True, timeout=50)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def adder(n: int) -> Callable[[int], int]:
    return lambda x: x + n


def test_every_way_of_submitting_takes_what_plain_pickle_refuses(pool: poolmgr.Pool) -> None:
    """Lambdas and closures run as functions and arrive as arguments, alone, in maps, in chunks and in streams."""
    assert pool.apply(lambda x, y: x * y, (6,), {"y": 7}) == 42
    assert pool.apply(adder(1), (41,)) == 42
    assert pool.map(adder(2), [1, 2, 3], 2) == [3, 4, 5]
    assert pool.starmap(lambda x, y: x - y, [(5, 3), (1, 1)]) == [2, 0]
    assert list(pool.imap(adder(3), range(3))) == [3, 4, 5]
    assert sorted(pool.imap_unordered(adder(4), range(4), 2)) == [4, 5, 6, 7]
    assert pool.apply(jobs.call, (adder(5), 1)) == 6


def test_executor_takes_what_plain_pickle_refuses(method: str) -> None:
    """submit and map of an executor take lambdas and closures too, one by one and in chunks."""
    with poolmgr.PoolExecutor(2, multiprocessing.get_context(method)) as executor:
        assert executor.submit(lambda: 42).result() == 42
        assert list(executor.map(adder(1), range(5), chunksize=2)) == [1, 2, 3, 4, 5]


def test_function_goes_as_it_is_when_it_is_sent(pool: poolmgr.Pool) -> None:
    """A closure whose variables have changed is not the one that was sent before."""
    factor = 2
    results = [pool.apply(lambda x: x * factor, (21,))]

    def scaled(x: int) -> int:
        return x * factor

    results.append(pool.apply(scaled, (21,)))
    factor = 3
    results.append(pool.apply(scaled, (21,)))
    assert results == [42, 42, 63]


def test_local_class_comes_back_as_itself(pool: poolmgr.Pool) -> None:
    """What a by-value call returns may be of the caller's local class, and is one in the caller."""

    class Point:
        def __init__(self, x: int) -> None:
            self.x = x

    moved = pool.apply(lambda point: Point(point.x + 1), (Point(1),))
    assert type(moved) is Point
    assert moved.x == 2


def test_by_value_call_may_return_and_raise_what_plain_pickle_refuses(pool: poolmgr.Pool) -> None:
    """A closure as a result and an error of a local class come from a call that was sent by value."""

    class Refused(Exception):
        pass

    def refuse() -> None:
        raise Refused("no")

    assert pool.apply(lambda: lambda x: x + 1)(41) == 42
    with pytest.raises(Refused, match="no"):
        pool.apply(refuse)


def test_result_of_a_plain_call_is_refused_as_in_the_stock_pool(pool: poolmgr.Pool) -> None:
    """A function of a module that returns a lambda fails with MaybeEncodingError."""
    with pytest.raises(MaybeEncodingError):
        pool.apply(adder, (1,))


def test_what_nobody_can_pickle_fails_as_in_the_stock_pool(pool: poolmgr.Pool) -> None:
    """A lock is refused with plain pickle's own error, beside a lambda too."""
    for args in [(threading.Lock(),), (threading.Lock(), lambda: 1)]:
        with pytest.raises(TypeError, match="lock") as refused:
            pool.apply(jobs.echo, args)
        assert ADVICE not in getattr(refused.value, "__notes__", [])
    assert pool.apply(jobs.echo, (1,)) == 1


def test_connection_travels_beside_a_lambda(pool: poolmgr.Pool) -> None:
    """What multiprocessing alone can pickle is pickled by value too."""
    here, there = multiprocessing.Pipe()
    try:
        with here, there:
            pool.apply(lambda connection: connection.send("hello"), (there,))
            assert here.recv() == "hello"
    finally:
        # The standard library's thread that hands descriptors over.
        resource_sharer.stop(10)


def test_initializer_may_be_a_closure(make_pool: MakePool, tmp_path: Any) -> None:
    """The initializer and its arguments are sent by value where workers do not inherit them."""
    mark = str(tmp_path / "mark")

    def initialize(write: Callable[[str], None]) -> None:
        write(mark)

    def write(path: str) -> None:
        with open(path, "w") as file:
            file.write("initialized")

    make_pool(1, initializer=initialize, initargs=(write,)).apply(jobs.pid)
    with open(mark) as file:
        assert file.read() == "initialized"


def test_what_is_defined_at_a_prompt_later_runs(method: str) -> None:
    """Functions and classes that ``__main__`` got after the pool, and new versions of them, are what workers run."""
    source = (
        PROMPT
        + """
def f(x): return x + offset
offset = 1
print(pool.map(f, range(3)), end=" ")
offset = 2
print(pool.map(f, range(3)), end=" ")
def f(x): return -x
print(pool.map(f, range(3)), pool.apply(f, (7,)), end=" ")
class Point:
    def __init__(self, x): self.x = x
def moved(point): return Point(point.x + 1)
print(type(pool.apply(moved, (Point(1),))) is Point, list(pool.imap(moved, [Point(3)]))[0].x, end=" ")
def length(data, many, point): return len(data), len(many), point.x
print(pool.apply(length, (bytearray(10**7), list(map(str, range(50_000))), Point(5))))
"""
    )
    assert run(source, method) == "[1, 2, 3] [2, 3, 4] [0, -1, -2] -7 True 4 (10000000, 50000, 5)"


def test_forked_workers_share_main_with_what_was_defined_before() -> None:
    """Under fork a job sees the globals that the initializer set, as in the stock pool, and needs no cloudpickle."""
    source = """
import sys
import poolmgr
def initialize():
    global loaded
    loaded = "a model"
def use(point): return loaded, point
class Point: pass
pool = poolmgr.Pool(1, initialize)
result = pool.apply(use, (Point(),))
print(result[0], type(result[1]) is Point, "cloudpickle" in sys.modules)
"""
    assert run(source, "fork") == "a model True False"


def test_without_cloudpickle_the_error_says_what_would_help(method: str) -> None:
    """A lambda fails with plain pickle's error, and a note names the extra; other jobs go on."""
    source = (
        HIDDEN
        + PROMPT
        + """
try:
    pool.apply(lambda: 1)
except Exception as error:
    print(type(error).__module__, [note for note in error.__notes__])
print(pool.apply(abs, (-1,)))
"""
    )
    module, _, rest = run(source, method).partition(" ")
    assert module in ("_pickle", "builtins")
    assert rest == f"{[ADVICE]}\n1"


def test_without_cloudpickle_the_worker_says_what_it_lacks(method: str) -> None:
    """A function that the worker's ``__main__`` has not fails with the stock error, and a note names the extra."""
    source = (
        HIDDEN
        + """
import multiprocessing, sys
import poolmgr
from tests.helpers import jobs
pool = poolmgr.Pool(1, jobs.hide, ("cloudpickle",), context=multiprocessing.get_context(sys.argv[1]))
def f(x): return x
try:
    pool.apply(f, (1,))
except AttributeError as error:
    print("__main__" in str(error), error.__notes__)
"""
    )
    assert run(source, method) == f"True {[ADVICE]}"


def test_sent_by_value_is_a_plain_pickle() -> None:
    """Whoever unpickles needs cloudpickle, and nothing of poolmgr's pool."""
    from poolmgr.engine import cloud

    pickled = cloud.dumps(pickle.dumps, lambda: 42)
    assert pickle.loads(pickled)() == 42
