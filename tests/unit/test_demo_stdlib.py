"""The demo's own rules: what it gives, in which order, and what its functions say of a file."""

from __future__ import annotations

import itertools
import sysconfig
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from poolmgr.errors import PoolClosed, UsageError
from poolmgr.model.snapshot import PoolSnapshot
from poolmgr.runners.demo import Demo, Feed, find_demo
from tests.helpers.fake_control import make_snapshot
from tests.helpers.wait import wait_until


def names(calls: list[Any]) -> list[tuple[str, Any]]:
    """Calls as values that can be compared."""
    return [(func.__name__, args) for func, args in calls]


def test_order_follows_from_the_seed() -> None:
    """The same seed gives the same jobs in the same order, another one the same jobs in another order."""
    demo = find_demo("stdlib")
    first, again, other = (names(list(demo.jobs(seed))) for seed in (1, 1, 2))
    assert first == again
    assert first != other
    assert sorted(first) == sorted(other)
    assert demo.count(1) == len(first)


def test_every_source_meets_every_function() -> None:
    """One pass has four jobs for each file and one for each folder, and no file from outside the standard library."""
    module = import_module("poolmgr.demos.stdlib")
    files = module.sources()
    calls = list(module.jobs(0))
    folders = {str(Path(path).parent) for path in files}
    assert len(calls) == 4 * len(files) + len(folders)
    assert len(files) > 100
    assert all((module.LIBRARY / path).is_file() and "-packages" not in path for path in files)
    assert Path(sysconfig.get_path("stdlib")) == module.LIBRARY


def test_functions_do_real_work(tmp_path: Path) -> None:
    """Each function says of a file what is true of it; a file that is no Python fails by itself."""
    module = import_module("poolmgr.demos.stdlib")
    good, bad = tmp_path / "good.py", tmp_path / "bad.py"
    good.write_text("x = 1\n" * 100)
    bad.write_text("def (:\n")
    assert module.tokenize_file(str(good)) == 1 + 4 * 100 + 1
    assert module.compile_file(str(good)) > 100
    assert len(module.hash_file(str(good))) == 64
    assert 0 < module.compress_file(str(good)) < 0.2
    assert module.archive_folder(str(tmp_path)) > 100
    with pytest.raises(SyntaxError):
        module.compile_file(str(bad))


def test_passes_go_on_until_there_is_nothing() -> None:
    """An endless demo begins again with another order; one without any input ends."""
    demo = Demo("two", "", lambda seed: iter([(abs, (seed,)), (abs, (-seed,))]))
    endless = itertools.islice(demo.calls(5, endless=True), 5)
    assert [args for _, args in endless] == [(5,), (-5,), (6,), (-6,), (7,)]
    assert [args for _, args in demo.calls(5, endless=False)] == [(5,), (-5,)]
    assert list(Demo("none", "", lambda seed: iter(())).calls(0, endless=True)) == []


def test_unknown_demo_names_those_there_are() -> None:
    """A demo that is not there is a usage error that lists the others."""
    with pytest.raises(UsageError, match=r"there is no demo 'nosuch'; there is .*stdlib"):
        find_demo("nosuch")


class Pool:
    """What a feed needs: each job has ended when it is submitted."""

    def __init__(self, *, closed: bool = False) -> None:
        self.closed = closed
        self.expected: list[int | None] = []
        self.until: list[bool] = []

    def snapshot(self) -> PoolSnapshot:
        return make_snapshot()

    def submit_call(self, func: Any, args: Any = (), kwds: Any = None) -> Ended:
        if self.closed:
            raise PoolClosed("test")
        return Ended()

    def subscribe(self, listener: Callable[[], None]) -> Callable[[], None]:
        return lambda: None

    def expect(self, jobs: int | None, until: float | None = None) -> None:
        self.expected.append(jobs)
        self.until.append(until is not None)


class Ended:
    """A job that is over."""

    def ready(self) -> bool:
        return True


@pytest.mark.parametrize(
    ("pool", "seconds", "expected"),
    [(Pool(), None, [3]), (Pool(closed=True), None, [3, None]), (Pool(), 0.001, [None, None])],
    ids=["one pass", "closed early", "for a time"],
)
def test_feed_says_how_many_jobs_come(pool: Pool, seconds: float | None, expected: list[int | None]) -> None:
    """A feed of one pass says how many jobs it has, and takes it back if it ends before the last one."""
    demo = Demo("three", "", lambda seed: iter([(abs, (1,))] * 3))
    feed = Feed(pool, demo, seconds=seconds)
    feed.start()
    wait_until(lambda: feed.ended)
    assert pool.expected == expected
    assert pool.until == ([False] * len(expected) if seconds is None else [True, False])
    assert feed.error is None
