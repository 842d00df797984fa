"""The death card of a lost job: how, whose fault, the memory before, the last stack, the last words."""

from __future__ import annotations

from dataclasses import replace

from poolmgr.model.buckets import FINE, SECOND, WIDTHS, History
from poolmgr.model.recording import Recording
from poolmgr.model.snapshot import Death, JobSnapshot, Progress
from poolmgr.model.states import JobState
from poolmgr.tui.app import PoolmgrApp
from poolmgr.tui.widgets.death_text import death_card, memory_before
from tests.helpers.fake_control import NOW, FakeControl, make_job, make_snapshot
from tests.helpers.pilot import screen_text, until

KILLED = Death("SIGKILL", 3, 4, ("pipeline.py:61   decode", "pipeline.py:88   fetch"), 2.5, ("GET a.png", "\x1b[2Jred"))


def lost(death: Death = KILLED) -> JobSnapshot:
    """A job whose worker died five seconds before the picture."""
    return make_job(
        7, JobState.LOST, message="worker 4121 was killed by SIGKILL", death=death, progress=Progress(3, 4, "nearly")
    )


def growing(last: int = 30) -> History:
    """A worker whose memory grows by 100 MB a second until it dies, five seconds before the picture."""
    recording = Recording(0, NOW - last)
    for moment in range(0, (last - 5) * SECOND, WIDTHS[FINE]):
        recording.slot(0).gauge(moment, cpu=500, rss=(100 << 20) * (1 + moment // SECOND))
        recording.picture(moment)
    return recording.picture(last * SECOND)


def text_of(job: JobSnapshot, history: History | None = None) -> str:
    """The card as plain text."""
    assert job.death is not None
    return "".join(part[0] for part in death_card(job, job.death, history))


def test_memory_of_the_last_seconds_is_that_of_the_worker() -> None:
    """What it had in each second before its end, and nothing of what came after."""
    memory = memory_before(lost(), growing())
    assert memory[-1] == 2500 << 20
    assert memory == sorted(memory)
    assert memory_before(lost(), History()) == []
    assert memory_before(replace(lost(), slot=None), growing()) == []


def test_kernel_is_blamed_only_where_it_says_so() -> None:
    """With a count that rose it is named, with one that stayed it is cleared, and without a count nothing is said."""
    assert "by the kernel for lack of memory (its count rose from 3 to 4)" in text_of(lost())
    cleared = text_of(lost(Death("SIGKILL", 4, 4)))
    assert "not by the kernel for lack of memory, whose count stayed at 4" in cleared
    assert text_of(lost(Death("exit code 3"))) == "death   exit code 3\n"


async def test_detail_shows_the_card() -> None:
    """All of it is in the job's detail, and nothing of what the job printed is a command to the terminal."""
    control = FakeControl(make_snapshot(jobs=[lost()]))
    control.past = growing()
    app = PoolmgrApp(control)
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.press("tab", "enter")
        await until(pilot, lambda: "death   SIGKILL" in screen_text(app))
        text = screen_text(app)
        for part in (
            "its count rose from 3 to 4",
            "2.4G in the last",
            "as it was 2.50s before",
            "pipeline.py:61             decode",
        ):
            assert part in text
        for part in ("said    GET a.png", "red", "75%  3 of 4  nearly"):
            assert part in text
        assert "\x1b" not in text
