"""A table that a person arranges: sorting, groups, marks, columns, and that it stands still while one aims."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from poolmgr.model.requests import Cancel, Kill
from poolmgr.model.snapshot import JobSnapshot
from poolmgr.model.states import JobState
from poolmgr.tui.app import PoolmgrApp
from poolmgr.tui.screens.confirm import ConfirmScreen
from poolmgr.tui.screens.kill import KillScreen
from poolmgr.tui.widgets.columns import Column, fitting, in_order
from poolmgr.tui.widgets.jobs_table import JobsTable
from poolmgr.tui.widgets.list_table import Layout
from tests.helpers.fake_control import NOW, FakeControl, make_job, make_snapshot, make_worker
from tests.helpers.pilot import screen_text, until

SIZE = (80, 24)
#: Longer than any test: the order is held until the test ends it.
EVER = 1000.0


def ids(table: JobsTable) -> list[object]:
    """What stands in the table, line by line."""
    return [table.key_at(place) for place in range(len(table.rows))]


@given(st.lists(st.tuples(st.none() | st.integers(0, 5), st.integers())), st.booleans())
def test_sorting_is_stable_and_puts_what_has_no_value_last(
    rows: list[tuple[int | None, int]], descending: bool
) -> None:
    """Equal rows keep their order whichever way it goes, and unknown is never the most or the least."""
    rows = [(value, place) for place, (value, _) in enumerate(rows)]
    ordered = in_order(rows, lambda row: row[0], descending=descending)

    known = [row for row in ordered if row[0] is not None]
    assert ordered == known + [row for row in rows if row[0] is None]
    for first, second in itertools.pairwise(known):
        assert first[0] is not None
        assert second[0] is not None
        assert (first[0] > second[0] if descending else first[0] < second[0]) or (
            first[0] == second[0] and first[1] < second[1]
        )


def test_chosen_columns_are_shown_as_far_as_there_is_room() -> None:
    """Who chooses columns gets them, also those that are else left out; the last give way."""
    columns: list[Column[int]] = [
        Column(name, 10, lambda row, width: "", needs=50, usual=name != "d") for name in ("a", "b", "c", "d")
    ]

    assert [column.id for column, _ in fitting(columns, 60)] == ["a", "b", "c"]
    assert [column.id for column, _ in fitting(columns, 40)] == []
    assert [column.id for column, _ in fitting(columns, 40, ("d", "b", "a", "gone"))] == ["a", "b", "d"]
    assert [column.id for column, _ in fitting(columns, 30, ("d", "b", "a"))] == ["a", "b"]
    assert [column.id for column, _ in fitting(columns, 3, ("d",))] == ["d"]


async def test_the_order_is_held_while_one_aims() -> None:
    """After a move no row changes its place, in whatever order the jobs come: each has its newest state."""
    control = FakeControl(make_snapshot(jobs=[make_job(n) for n in (1, 2, 3, 4)]))
    app = PoolmgrApp(control)
    async with app.run_test(size=SIZE) as pilot:
        await pilot.press("3")
        table = app.screen.query_one(JobsTable)
        table.hold = EVER
        await pilot.press("j")
        done = make_job(2, JobState.DONE, message="'fine'")
        control.change(jobs=(make_job(5), make_job(4), make_job(3), done), time=NOW + 1)
        app.pull()
        await pilot.pause()
        assert ids(table) == [1, 2, 3, 4, 5]
        assert table.cursor_row is not None
        assert table.cursor_row.id == 2
        assert "D✓ resize              'fine'" in screen_text(app)
        table.hold = 0
        app.pull()
        app.mutate_reactive(PoolmgrApp.snapshot)
        await pilot.pause()
        assert ids(table) == [5, 4, 3, 2]
        assert table.cursor_row.id == 2


async def test_the_order_is_held_while_a_dialog_is_open() -> None:
    """Behind a question nothing moves, and the answer means the job that was asked about."""
    control = FakeControl(make_snapshot(jobs=[make_job(n) for n in (1, 2, 3)]))
    app = PoolmgrApp(control)
    async with app.run_test(size=SIZE) as pilot:
        await pilot.press("3")
        table = app.screen.query_one(JobsTable)
        table.hold = 0
        await pilot.press("X")
        assert isinstance(app.screen, KillScreen)
        control.change(jobs=tuple(make_job(n) for n in (3, 2)), time=NOW + 1)
        app.pull()
        await pilot.pause()
        assert ids(table) == [1, 2, 3]
        await pilot.press("y")
        await until(pilot, lambda: control.requests == [Kill(1)])
        await until(pilot, lambda: ids(table) == [3, 2])


async def test_at_the_top_nothing_is_held() -> None:
    """Who goes to the top sees what comes there at once."""
    control = FakeControl(make_snapshot(jobs=[make_job(n) for n in (1, 2, 3)]))
    app = PoolmgrApp(control)
    async with app.run_test(size=SIZE) as pilot:
        await pilot.press("3")
        table = app.screen.query_one(JobsTable)
        table.hold = EVER
        await pilot.press("j", "g")
        control.change(jobs=tuple(make_job(n) for n in (9, 1, 2)), time=NOW + 1)
        app.pull()
        await pilot.pause()
        assert ids(table) == [9, 1, 2]


async def test_a_click_on_a_title_sorts() -> None:
    """The first click sorts with the most on top, the second turns it round; the title has an arrow."""
    jobs = [make_job(1, started=NOW - 3), make_job(2, started=NOW - 9), make_job(3, JobState.QUEUED)]
    app = PoolmgrApp(FakeControl(make_snapshot(jobs=jobs)))
    async with app.run_test(size=SIZE) as pilot:
        await pilot.press("3")
        await pilot.pause()
        table = app.screen.query_one(JobsTable)
        column = screen_text(app).split("\n")[4].index("elapsed")
        await pilot.click("#all-jobs", offset=(column, 1))
        await pilot.pause()
        assert ids(table) == [2, 1, 3]
        assert "elapsev" in screen_text(app)
        await pilot.click("#all-jobs", offset=(column, 1))
        await pilot.pause()
        assert ids(table) == [1, 2, 3]
        assert "elapse^" in screen_text(app)
        title = screen_text(app).split("\n")[4].index("arguments")
        await pilot.click("#all-jobs", offset=(title, 1))
        await pilot.pause()
        assert table.layout_now.sort == "elapsed"


async def test_the_wheel_scrolls_and_the_cursor_stays() -> None:
    """The mouse looks elsewhere without aiming elsewhere."""
    app = PoolmgrApp(FakeControl(make_snapshot(jobs=[make_job(n) for n in range(1, 80)])))
    async with app.run_test(size=SIZE) as pilot:
        await pilot.press("3")
        await pilot.pause()
        table = app.screen.query_one(JobsTable)
        table.scroll_down(animate=False)
        await until(pilot, lambda: table.scroll_offset.y > 0)
        assert table.cursor == 0


async def test_space_on_a_group_marks_all_of_it() -> None:
    """A group's line stands for its rows, folded or not."""
    jobs = [make_job(1), make_job(2, function="other.fetch"), make_job(3)]
    control = FakeControl(make_snapshot(jobs=jobs))
    app = PoolmgrApp(control)
    async with app.run_test(size=SIZE, notifications=True) as pilot:
        await pilot.press("3", "t", "g", "enter", "space")
        table = app.screen.query_one(JobsTable)
        assert table.marks == {1, 3}
        assert "other.fetch  1 job: 1 running" in screen_text(app)
        await pilot.press("x", "y")
        await until(pilot, lambda: control.requests == [Cancel(1), Cancel(3)])


async def test_an_act_on_marks_means_only_those_that_can_be_meant() -> None:
    """The question says how many of them it does not mean, and harm is never the default."""
    jobs = [make_job(1), make_job(2, JobState.DONE), make_job(3)]
    control = FakeControl(make_snapshot(jobs=jobs))
    app = PoolmgrApp(control)
    async with app.run_test(size=SIZE, notifications=True) as pilot:
        await pilot.press("3", "space", "space", "space", "X")
        await pilot.pause()
        text = screen_text(app)
        assert "Kill 2 jobs?" in text
        assert "2 running pipeline.resize." in text
        assert "1 marked job cannot be meant" in text
        await pilot.press("enter")
        assert control.requests == []
        await pilot.press("r")
        assert not isinstance(app.screen, ConfirmScreen)
        await pilot.press("X", "y")
        await until(pilot, lambda: control.requests == [Kill(1), Kill(3)])


async def test_marks_in_the_workers_mean_their_jobs() -> None:
    """In the list of workers, acts on marks mean the jobs that they run."""
    control = FakeControl(make_snapshot([make_worker(0, 7), make_worker(1, 8), make_worker(2)]))
    app = PoolmgrApp(control)
    async with app.run_test(size=SIZE, notifications=True) as pilot:
        await pilot.press("2", "space", "space", "space", "x", "y")
        await until(pilot, lambda: control.requests == [Cancel(7), Cancel(8)])


@pytest.mark.parametrize("size", [(40, 10), (60, 15), (80, 24), (160, 45)])
@pytest.mark.parametrize("view", ["2", "3", "6"])
async def test_views_at_every_size(view: str, size: tuple[int, int]) -> None:
    """Each view has its head, its content and its footer, however small the terminal."""
    app = PoolmgrApp(FakeControl())
    async with app.run_test(size=size) as pilot:
        await pilot.press(view, "slash", *"1", "enter")
        await pilot.pause()
        text = screen_text(app)
        assert "train" in text
        assert {"2": " w1 ", "3": "resize", "6": "line 1"}[view].strip() in text
        assert "Quit" in text


async def test_a_view_keeps_its_cursor_and_filter() -> None:
    """Going to another view and back changes nothing, and news of the meantime is there at once."""
    control = FakeControl()
    app = PoolmgrApp(control)
    async with app.run_test(size=SIZE) as pilot:
        await pilot.press("3", *"/resize", "enter", "j", "6")
        control.change(jobs=(*control.picture.jobs, make_job(9)), time=NOW + 1)
        app.pull()
        await pilot.press("3")
        await pilot.pause()
        table = app.screen.query_one(JobsTable)
        assert table.cursor_row is not None
        assert table.cursor_row.id == 2
        assert table.filter_text == "resize"
        assert 9 in ids(table)


async def test_a_problem_in_the_filter_is_said_under_it() -> None:
    """What cannot be read is pointed at; the rest of the line filters, and what was typed stays."""
    app = PoolmgrApp(FakeControl())
    async with app.run_test(size=SIZE) as pilot:
        await pilot.press("3", *"/state:F elapsed>soon")
        await pilot.pause()
        lines = screen_text(app).split("\n")
        typed = next(place for place, line in enumerate(lines) if line.startswith("state:F elapsed>soon"))
        assert lines[typed + 1].startswith(f"{'':16}^^^^ column 17: elapsed: a duration such as 1s")
        assert ids(app.screen.query_one(JobsTable)) == [2]
        await pilot.press("backspace", "backspace", "backspace", "backspace", "1", "s")
        await pilot.pause()
        assert "column" not in screen_text(app)


async def test_an_unknown_layout_is_left_out() -> None:
    """A column of an old settings file that is not there any more harms nothing."""
    app = PoolmgrApp(FakeControl())
    async with app.run_test(size=SIZE) as pilot:
        await pilot.press("3")
        table = app.screen.query_one(JobsTable)
        table.set_layout(Layout(sort="gone", columns=("gone",)))
        assert table.layout_now == Layout()
        assert isinstance(table.cursor_row, JobSnapshot)
