"""The dashboard: what it shows at which size, and how it follows the pool."""

from __future__ import annotations

import pytest
from textual.color import Color
from textual.theme import BUILTIN_THEMES
from textual.widgets import Input

from poolmgr.model.snapshot import Counts, Trends
from poolmgr.model.states import JobState, PoolState, WorkerState
from poolmgr.tui.app import PoolmgrApp
from poolmgr.tui.widgets.jobs_table import JobsTable
from poolmgr.tui.widgets.workers_table import WorkersTable
from tests.helpers.busy_pool import busy_snapshot
from tests.helpers.colours import contrast
from tests.helpers.fake_control import NOW, FakeControl, make_job, make_log, make_snapshot, make_worker
from tests.helpers.pilot import screen_text, until

COMPACT = (80, 24)
WIDE = (160, 45)


async def test_compact_screen_has_everything() -> None:
    """80x24 shows the pool, its progress, its figures, workers, jobs, log and keys."""
    app = PoolmgrApp(FakeControl())
    async with app.run_test(size=COMPACT) as pilot:
        await pilot.pause()
        text = screen_text(app)
        lines = text.split("\n")
        assert "train [RUN]  2/2 workers  fork  up 00:12:41" in lines[0]
        assert "LIVE 4Hz" in lines[0]
        assert lines[1].startswith(" 2/4 █")
        assert "50%  ETA 00:03:09" in lines[1]
        assert "63.1 tasks/s" in lines[2]
        assert "1 run  1 wait  1 failed  0 lost  0 killed" in lines[2]
        assert ">w1     4121 R▸ ████▊  97" in text
        assert "212M      1 resize" in text
        assert "w2     4122 I·" in text
        assert "2 F✗ resize" in text
        assert "KeyError: 'etag'" in text
        assert "line 3" in text
        assert lines[-1].startswith("Enter Open / Filter x Stop X Kill r Retry a Submit p Hold + - Size ? Help q Quit")
        assert "board" not in text
        assert "Detail" not in text


async def test_progress_is_of_all_jobs_there_will_be() -> None:
    """Jobs that are still to come count in the header, so that it does not say 97% all the time."""
    app = PoolmgrApp(FakeControl(make_snapshot(expected=50)))
    async with app.run_test(size=COMPACT) as pilot:
        await pilot.pause()
        line = screen_text(app).split("\n")[1]
        assert line.startswith(" 2/50 ")
        assert "4%  ETA 00:03:09" in line


async def test_wide_screen_adds_detail_and_chart() -> None:
    """160x45 adds the detail that follows the cursor, the throughput, and more head figures."""
    control = FakeControl(
        make_snapshot(
            board_pid=4119, viewers=2, monitor_percent=1.25, history=Trends((10.0, 20.0, 63.0), (180.0, 194.0))
        )
    )
    app = PoolmgrApp(control)
    async with app.run_test(size=WIDE) as pilot:
        await pilot.pause()
        text = screen_text(app)
        assert "board pid 4119" in text
        assert "attached 2" in text
        assert "monitor 1.2% cpu" in text
        assert "cpu 194%" in text
        assert "Throughput" in text
        assert " 80.0 " in text
        assert "Detail: job 1, follows the cursor" in text
        assert "pipeline.resize('key-1.png',)" in text
        await pilot.press("tab", "j")
        await pilot.pause()
        assert "Detail: job 2, follows the cursor" in screen_text(app)
        assert "  boom" in screen_text(app)
        await pilot.press("shift+tab", "j")
        await pilot.pause()
        assert "no job under the cursor" in screen_text(app)


@pytest.mark.parametrize("size", [(60, 24), (80, 20), (40, 10), (39, 9), (20, 5), (10, 3), (1, 1)])
async def test_small_terminal_shows_head_workers_and_footer(size: tuple[int, int]) -> None:
    """Below 80x24 there are no jobs and no log, and below 40x10 there is no crash."""
    app = PoolmgrApp(FakeControl())
    async with app.run_test(size=size) as pilot:
        await pilot.press("slash", "tab", "j", "G", "m", "escape")
        await pilot.pause()
        text = screen_text(app)
        assert "─Jobs" not in text
        assert "─Log" not in text
        assert app.screen.check_action("filter", ()) is None
        if size[0] >= 40 and size[1] >= 10:
            assert "train" in text
            assert "w1" in text
            assert "w2" in text
            assert "Quit" in text


async def test_resizing_moves_the_focus_out_of_what_is_hidden() -> None:
    """When the terminal shrinks under the jobs, the workers have the keys."""
    app = PoolmgrApp(FakeControl())
    async with app.run_test(size=COMPACT) as pilot:
        await pilot.press("tab")
        assert isinstance(app.focused, JobsTable)
        await pilot.resize_terminal(60, 15)
        await until(pilot, lambda: isinstance(app.focused, WorkersTable))
        await pilot.resize_terminal(160, 45)
        await until(pilot, lambda: "Detail" in screen_text(app))


async def test_every_state_has_its_letter() -> None:
    """No state is told by colour alone."""
    workers = [make_worker(place, None, state=state) for place, state in enumerate(WorkerState)]
    jobs = [make_job(place, state) for place, state in enumerate(JobState, 1)]
    app = PoolmgrApp(FakeControl(make_snapshot(workers, jobs)))
    async with app.run_test(size=(80, 40)) as pilot:
        await pilot.pause()
        text = screen_text(app)
        for mark in ("S◌", "I·", "R▸", "Z‖", "V↓", "X×", "Q·", "D✓", "F✗", "K×", "L!", "C-"):
            assert mark in text


@pytest.mark.parametrize("state", list(PoolState))
async def test_every_pool_state_has_its_word(state: PoolState) -> None:
    """The header says in a word how the pool is."""
    app = PoolmgrApp(FakeControl(make_snapshot(state=state)))
    async with app.run_test(size=COMPACT) as pilot:
        await pilot.pause()
        assert f"[{state.word}]" in screen_text(app)


async def test_what_is_not_known_is_left_out() -> None:
    """Without samples, a queue or a rate there are blanks, not zeros."""
    worker = make_worker(0, 1, cpu_percent=None, rss=None, cpu_history=())
    app = PoolmgrApp(FakeControl(make_snapshot([worker], [], eta=None, counts=Counts(), rate=0.0, log=())))
    async with app.run_test(size=COMPACT) as pilot:
        await pilot.pause()
        text = screen_text(app)
        assert "ETA" not in text
        assert "no jobs yet: press a to submit one" in text
        assert "rss" not in text
        row = next(line for line in text.split("\n") if line.startswith(">w1"))
        assert row.split() == [">w1", "4121", "R▸", "1", "resize", "0.50s", "0", "0"]


async def test_users_text_is_never_markup() -> None:
    """Names and messages with brackets or escapes are shown as they are, everywhere."""
    job = make_job(
        1,
        JobState.FAILED,
        function="mod.[bold]f[/nope]",
        args="('[red]',)",
        message="[/] \x1b[31mboom",
        traceback="Traceback [x]\n[/bold] \x1b[2Jboom",
    )
    snapshot = make_snapshot([make_worker(0, 1, function="mod.[bold]f[/nope]")], [job], name="[b]p[/b]")
    app = PoolmgrApp(FakeControl(snapshot))
    async with app.run_test(size=WIDE) as pilot:
        await pilot.press("tab")
        await pilot.pause()
        text = screen_text(app)
        for part in ("[b]p[/b] ", "mod.[bold]f[/nope]('[red]',)", "[/] boom", "Traceback [x]", "[/bold] boom"):
            assert part in text
        await pilot.press(*"/[bold]", "enter")
        await pilot.pause()
        assert "filter: [bold]" in screen_text(app)
        await pilot.press("T")
        await pilot.pause()
        assert "[b]p[/b]: All workers end now" in screen_text(app)
        assert "Type its name, [b]p[/b], and Enter." in screen_text(app)
        await pilot.press("escape", "enter")
        await pilot.pause()
        assert "[/bold] boom" in screen_text(app)


async def test_filter_works_as_one_types() -> None:
    """Each letter narrows the list; Enter keeps the filter; Esc takes it away."""
    app = PoolmgrApp(FakeControl())
    async with app.run_test(size=COMPACT) as pilot:
        jobs = app.screen.query_one(JobsTable)
        await pilot.press(*"/state:F")
        await pilot.pause()
        assert [jobs.key_at(place) for place in range(len(jobs.rows))] == [2]
        assert "FILTER" in screen_text(app)
        assert "1 of 4  filter: state:F" in screen_text(app)
        await pilot.press("enter")
        assert app.focused is jobs
        app.pull()
        await pilot.pause()
        assert [jobs.key_at(place) for place in range(len(jobs.rows))] == [2]
        await pilot.press(*"/x")
        assert app.screen.query_one("#filter", Input).value == "state:Fx"
        await pilot.press("escape")
        await pilot.pause()
        assert len(jobs.rows) == 4
        assert app.focused is jobs
        assert "FILTER" not in screen_text(app)


async def test_cursor_stays_on_its_job() -> None:
    """New jobs above the cursor's do not move it to another job."""
    control = FakeControl(make_snapshot(jobs=[make_job(n, JobState.QUEUED) for n in range(100, 150)]))
    app = PoolmgrApp(control)
    async with app.run_test(size=COMPACT) as pilot:
        await pilot.press("tab", "j", "j")
        control.change(jobs=tuple(make_job(n, JobState.QUEUED) for n in range(80, 150)), time=NOW + 1)
        app.pull()
        await pilot.pause()
        row = app.screen.query_one(JobsTable).cursor_row
        assert row is not None
        assert row.id == 102


async def test_a_hundred_thousand_jobs() -> None:
    """A very long list is shown and walked through like a short one."""
    jobs = tuple(make_job(n, JobState.QUEUED) for n in range(1, 100_001))
    app = PoolmgrApp(FakeControl(make_snapshot(jobs=jobs, counts=Counts(submitted=100_000, queued=100_000))))
    async with app.run_test(size=COMPACT) as pilot:
        await pilot.press("tab", "G")
        await pilot.pause()
        assert "100000 Q· resize" in screen_text(app)


@pytest.mark.parametrize(("pane", "tabs"), [("Workers", 0), ("Jobs", 1), ("Log", 2)])
async def test_maximise_and_back(pane: str, tabs: int) -> None:
    """m gives all between head and footer to the pane in focus, and takes it back."""
    app = PoolmgrApp(FakeControl())
    async with app.run_test(size=COMPACT) as pilot:
        await pilot.press(*["tab"] * tabs, "m")
        await pilot.pause()
        lines = screen_text(app).split("\n")
        titles = [line for line in lines if line.startswith("─")]
        assert [title.split()[0] for title in titles] == [f"─{pane}"]
        assert lines.index(titles[0]) == 3
        assert app.screen.query_one(f"#{pane.lower()}").region.bottom == COMPACT[1] - 1
        assert "LIVE" in lines[0]
        assert "Quit" in lines[-1]
        await pilot.press("m")
        await pilot.pause()
        assert all(f"─{each}" in screen_text(app) for each in ("Workers", "Jobs", "Log"))


async def test_the_log_is_followed() -> None:
    """What a worker prints shows at the next frame."""
    control = FakeControl()
    app = PoolmgrApp(control)
    async with app.run_test(size=COMPACT) as pilot:
        control.change(log=make_log(1, 9), time=NOW + 1)
        app.pull()
        await pilot.pause()
        assert "line 9" in screen_text(app)


async def test_no_color_and_other_themes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without colours, and with every theme, the screen draws."""
    monkeypatch.setenv("NO_COLOR", "1")
    app = PoolmgrApp(FakeControl())
    async with app.run_test(size=COMPACT) as pilot:
        for theme in app.available_themes:
            app.theme = theme
            await pilot.pause()
            assert "R▸" in screen_text(app)


async def test_lost_job_says_first_what_became_of_its_worker() -> None:
    """In a narrow column the signal is seen: the row names the job and the worker already."""
    message = (
        "job 5: worker 4121 was killed by SIGKILL while it ran pipeline.resize('key-5.png',); it was not run again"
    )
    app = PoolmgrApp(FakeControl(make_snapshot(jobs=[make_job(5, JobState.LOST, message=message)])))
    async with app.run_test(size=COMPACT) as pilot:
        await pilot.pause()
        assert "5 L! resize              was killed by SIGKILL while it" in screen_text(app)


@pytest.mark.parametrize("theme", [name for name, theme in BUILTIN_THEMES.items() if not theme.ansi])
async def test_every_text_can_be_read_in_every_theme(theme: str) -> None:
    """No character of the screen has nearly the colour of what is behind it: muted text is muted, not gone."""
    app = PoolmgrApp(FakeControl(busy_snapshot()))
    async with app.run_test(size=WIDE) as pilot:
        app.theme = theme
        await pilot.pause()
        for strip in app.screen._compositor.render_strips():
            for segment in strip:
                style = segment.style
                if style and style.color and style.bgcolor and any(character.isalnum() for character in segment.text):
                    front, behind = (Color.from_rich_color(colour) for colour in (style.color, style.bgcolor))
                    assert contrast(front, behind) > 1.7, (segment.text, front.hex, behind.hex)
