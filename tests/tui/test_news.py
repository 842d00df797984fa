"""The end of the work: when it is told, how, and what is run then."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from poolmgr.model.snapshot import Counts, PoolSnapshot
from poolmgr.runners.on_done import run_on_done
from poolmgr.tui.app import PoolmgrApp
from poolmgr.tui.news import WorkEnd, headline, notification
from poolmgr.tui.settings import Settings
from tests.helpers.commands import poolmgr
from tests.helpers.fake_control import NOW, FakeControl, make_snapshot
from tests.helpers.pilot import screen_text, until


def at(time: float, counts: Counts, **fields: Any) -> PoolSnapshot:
    """A picture some seconds after NOW."""
    return make_snapshot(time=NOW + time, counts=counts, **fields)


BUSY = Counts(submitted=3, running=1, done=2)
ENDED = Counts(submitted=3, done=2, failed=1)


def test_an_end_is_told_once_and_only_after_a_quiet_moment() -> None:
    """Work that has ended for a second is told, the next work too; what had ended before is no news."""
    end = WorkEnd()
    told = [end.take(at(t, counts)) for t, counts in ((0, BUSY), (1, ENDED), (1.5, ENDED), (2, ENDED), (9, ENDED))]
    assert told == [False, False, False, True, False]
    more = Counts(submitted=4, running=1, done=2, failed=1)
    assert not end.take(at(10, more))
    assert not end.take(at(11, Counts(submitted=4, done=3, failed=1)))
    assert end.take(at(12, Counts(submitted=4, done=3, failed=1)))


def test_what_had_ended_before_is_no_news() -> None:
    """Who opens the screen on a pool at rest hears nothing."""
    end = WorkEnd()
    assert not any(end.take(at(t, ENDED)) for t in (0, 5, 10))


def test_jobs_still_to_come_are_no_end() -> None:
    """A pause in the feeding is not the end, however long it is."""
    end = WorkEnd()
    assert not any(end.take(at(t, ENDED, expected=50)) for t in (0, 5, 10))


def test_the_headline_counts_what_went_wrong() -> None:
    """One line: how many ended, and how."""
    assert headline(at(0, ENDED)) == "train: 3 jobs ended, 1 failed"
    assert headline(at(0, Counts(submitted=1, done=1))) == "train: 1 job ended, all well"


def test_a_notification_cannot_be_broken_out_of() -> None:
    """A pool's name with control characters or semicolons stays text."""
    text = notification("pool", "a\x1b]52;c;evil\x07;b")
    assert text.count("\x1b") == 2
    assert text.count("\x07") == 2
    assert text.startswith("\x1b]9;pool: a")


async def test_the_end_is_shown_and_the_command_run() -> None:
    """The screen says it, and what is to be done is done in a thread; what goes wrong there is shown."""
    seen: list[PoolSnapshot] = []

    def on_done(snapshot: PoolSnapshot) -> str:
        seen.append(snapshot)
        return "the mail did not go out"

    control = FakeControl(at(0, BUSY))
    settings = Settings(values={"news": {"bell": True, "notify": True}})
    app = PoolmgrApp(control, on_done=on_done, settings=settings)
    async with app.run_test(size=(80, 24), notifications=True) as pilot:
        for time in (1, 3):
            control.picture = at(time, ENDED)
            app.pull()
            await pilot.pause()
        await until(pilot, lambda: "train: 3 jobs ended, 1 failed" in screen_text(app))
        await until(pilot, lambda: "the mail did not go out" in screen_text(app))
        assert [snapshot.counts for snapshot in seen] == [ENDED]


def test_the_command_has_the_counts(tmp_path: Path) -> None:
    """A shell command gets pool and counts in its environment; its failure is one sentence."""
    out = tmp_path / "out"
    assert run_on_done(f'echo "$POOLMGR_POOL $POOLMGR_ENDED $POOLMGR_FAILED" > {out}', at(0, ENDED)) == ""
    assert out.read_text() == "train 3 1\n"
    assert run_on_done("echo no >&2; exit 3", at(0, ENDED)) == "--on-done: 'echo no >&2; exit 3' ended with 3: no"


@pytest.mark.parametrize("options", [["--headless"], ["--json"]])
def test_a_headless_run_runs_the_command(options: list[str], tmp_path: Path) -> None:
    """--on-done works without a screen too."""
    out = tmp_path / "out"
    run = poolmgr(
        "demo", "--for", "0.2", "--workers", "1", *options, "--on-done", f"echo $POOLMGR_POOL > {out}", cwd=tmp_path
    )
    assert run.returncode in (0, 1)
    assert out.read_text() == "stdlib\n"
