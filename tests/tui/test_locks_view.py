"""The view of locks: trouble on top, what is known of the object under the cursor, and acts on those who wait."""

from __future__ import annotations

from typing import Any

from textual.pilot import Pilot

from poolmgr.model.requests import Kill
from poolmgr.model.snapshot import PoolSnapshot
from poolmgr.model.sync import SyncSnapshot
from poolmgr.tui.app import PoolmgrApp
from poolmgr.tui.screens.confirm import ConfirmScreen
from poolmgr.tui.screens.job_detail import JobDetail
from poolmgr.tui.screens.worker_detail import WorkerDetail
from poolmgr.tui.widgets.locks_table import LocksTable
from tests.helpers.fake_control import NOW, FakeControl, make_job, make_snapshot, make_worker
from tests.helpers.locked import FIRST, SECOND, holder, lock, locked, waiter
from tests.helpers.pilot import screen_text, until


def in_trouble(sync: SyncSnapshot | None) -> PoolSnapshot:
    """Three workers at their jobs."""
    workers = (make_worker(0, 1), make_worker(1, 2), make_worker(2, 3))
    return make_snapshot(workers, [make_job(n, slot=n - 1, pid=4120 + n) for n in (1, 2, 3)], sync=sync)


async def shown(pilot: Pilot[Any], *parts: str) -> str:
    """The screen's text, once all parts are in it."""
    await until(pilot, lambda: all(part in screen_text(pilot.app) for part in parts))
    return screen_text(pilot.app)


async def test_deadlock_and_abandoned_lock_are_told() -> None:
    """The title counts them, the chain is told link by link, and each says what can be done."""
    app = PoolmgrApp(FakeControl(in_trouble(locked(NOW))))
    async with app.run_test(size=(120, 36), notifications=True) as pilot:
        await pilot.press("7")
        await shown(
            pilot, "1 DEADLOCK  1 ABANDONED", "D! lock", "w1 job 1 waits 41.5s for rlock right (crawl.py:13)",
            "w2 job 2 waits 41.0s for lock left (crawl.py:12), which w1 job 1 has", "X kills the jobs",
        )  # fmt: skip
        await pilot.press("j", "j")
        await shown(pilot, "A! abandoned", "pid 4999, which is DEAD", "L releases it")


async def test_stacks_of_those_who_are_stuck_are_told() -> None:
    """A lock of a deadlock has the calls of all its threads, an abandoned one of those who wait, others none."""
    app = PoolmgrApp(FakeControl(in_trouble(locked(NOW))))
    async with app.run_test(size=(120, 36), notifications=True) as pilot:
        await pilot.press("7")
        text = await shown(pilot, "src/crawl.py:57", "transfer", "with second:", "src/crawl.py:80", "give_back")
        below = text.partition("stack   w1 job 1")[2]
        places = [below.index(part) for part in ("crawl.py:57", "crawl.py:80", "w2 job 2", "crawl.py:61", "made ")]
        assert places == sorted(places)
        await pilot.press("j", "j")
        text = await shown(pilot, "stack   w3 job 3", "src/books.py:9", "ledger.acquire(timeout=30)")
        assert "crawl.py:57" not in text
        await pilot.press("j")
        await until(pilot, lambda: "stack" not in screen_text(app))


async def test_what_does_not_fit_can_be_scrolled() -> None:
    """On a small terminal Tab goes to the text below, and End to its end; another object begins on top."""
    app = PoolmgrApp(FakeControl(in_trouble(locked(NOW))))
    async with app.run_test(size=(80, 24), notifications=True) as pilot:
        await pilot.press("7")
        text = await shown(pilot, "crawl.py:57", "crawl.py:61")
        assert "threads waited on average" not in text
        await pilot.press("tab", "end")
        await shown(pilot, "threads waited on average")
        await pilot.press("shift+tab", "j")
        await shown(pilot, "D! deadlock  rlock right")


async def test_every_kind_is_told() -> None:
    """Each object has its state beside its name."""
    app = PoolmgrApp(FakeControl(in_trouble(locked(NOW))))
    async with app.run_test(size=(160, 45), notifications=True) as pilot:
        await pilot.press("7")
        text = await shown(pilot, "barrier")
        for line in (("places", "0 of 4 free"), ("ready", "set"), ("start", "1 of 3 here"), ("todo", "3 of 5 items"),
                     ("total", "48120"), ("sums", "[1, 4, 9]"),
                     ("(mine", "104 B+8.8 KB"), ("simple", "(multi")):  # fmt: skip
            assert any(all(part in row for part in line) for row in text.split("\n")), line
        assert "40.5" in next(row for row in text.split("\n") if "todo" in row)


async def test_both_ways_of_a_pipe_are_told() -> None:
    """The detail of a two-way pipe says how much waits at which end, by the names that the program gave them."""
    app = PoolmgrApp(FakeControl(in_trouble(locked(NOW))))
    async with app.run_test(size=(120, 36), notifications=True) as pilot:
        await pilot.press("7")
        await shown(pilot, "D! lock")
        await pilot.press("G", "k")
        await shown(pilot, "8.9 KB wait in it: 104 B for mine, 8.8 KB for theirs")


async def test_without_tracking_the_view_says_how_to_get_it() -> None:
    """A pool whose program is not tracked gets one sentence in place of a list; one without objects another."""
    control = FakeControl(in_trouble(None))
    app = PoolmgrApp(control)
    async with app.run_test(size=(100, 30), notifications=True) as pilot:
        await pilot.press("7")
        await shown(pilot, "are not tracked", "poolmgr run SCRIPT")
        control.change(sync=SyncSnapshot(), time=NOW + 1)
        app.pull()
        await shown(pilot, "has made no lock")


async def test_kill_means_the_jobs_that_wait() -> None:
    """X at a lock asks once for all jobs that wait for it, and leaves its holder alone."""
    each = lock(1, "left", 12, holder=holder(FIRST, NOW, 9), waiters=(waiter(SECOND, NOW, 8), waiter(4123, NOW, 7)))
    control = FakeControl(in_trouble(SyncSnapshot((each,))))
    app = PoolmgrApp(control)
    async with app.run_test(size=(100, 30), notifications=True) as pilot:
        await pilot.press("7")
        await shown(pilot, "crawl.py:12")
        await pilot.press("X")
        assert isinstance(app.screen, ConfirmScreen)
        await pilot.press("y")
        await until(pilot, lambda: control.requests == [Kill(2), Kill(3)])


async def test_holder_can_be_looked_at() -> None:
    """B at a lock shows the worker that has it, with what it holds; a blocked job names what it waits for."""
    app = PoolmgrApp(FakeControl(in_trouble(locked(NOW))))
    async with app.run_test(size=(120, 36), notifications=True) as pilot:
        await pilot.press("7")
        await shown(pilot, "D! lock")
        await pilot.press("b")
        await until(pilot, lambda: isinstance(app.screen, WorkerDetail))
        await shown(
            pilot, "w1  pid 4121", "holds lock left (crawl.py:12) for 42.0s, 1 wait",
            "waits for rlock right (crawl.py:13) for 41.5s; w2 job 2 has had it for 42.0s",
        )  # fmt: skip
        await pilot.press("escape", "enter")
        await until(pilot, lambda: isinstance(app.screen, JobDetail))
        await shown(pilot, "waits for lock left (crawl.py:12) for 41.0s; w1 job 1 has had it for 42.0s")


async def test_filter_and_groups() -> None:
    """The filter knows states, kinds, waits and processes; t groups by kind."""
    app = PoolmgrApp(FakeControl(in_trouble(locked(NOW))))
    async with app.run_test(size=(120, 36), notifications=True) as pilot:
        await pilot.press("7")
        await shown(pilot, "D! lock")
        table = app.screen.query_one(LocksTable)
        for text, names in (
            ("state:DA", ["left", "right", "self.ledger"]),
            ("state:abandoned", ["self.ledger"]),
            ("kind:queue depth>2", ["todo"]),
            ("waited>41.2s", ["right"]),
            ("held>1m", ["self.ledger"]),
            ("pid:4130", ["todo"]),
            ("crawl.py:34", ["ready"]),
        ):
            table.set_filter(text)
            assert [row.each.name for row in table.kept] == names, text
        table.set_filter("")
        await pilot.press("t")
        await shown(pilot, "bounded semaphore  1", "multiprocessing.pool  1")
