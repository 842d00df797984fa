"""How far a job is, as it says itself: in its row, in its detail, beside its worker."""

from __future__ import annotations

import pytest

from poolmgr.model.snapshot import Progress
from poolmgr.tui.app import PoolmgrApp
from poolmgr.tui.format import amount, progress_bar
from tests.helpers.fake_control import FakeControl, make_job, make_snapshot, make_worker
from tests.helpers.pilot import screen_text, until


@pytest.mark.parametrize(
    ("progress", "text"),
    [
        (Progress(1, 2), f"{10 * '█'}{10 * ' '}  50%"),
        (Progress(0, 2, "page 0"), f"{20 * ' '}   0% page 0"),
        (Progress(5, 4, "late"), f"{20 * '█'} 100% late"),
        (Progress(48_120, None, "rows"), "48,120 rows"),
        (Progress(0.25), "0.25"),
        (Progress(3, 0), "3"),
        (Progress(1, 2, "\x1b[31mred\x07"), f"{10 * '█'}{10 * ' '}  50% red"),
    ],
)
def test_bar_fits_its_cells(progress: Progress, text: str) -> None:
    """A bar, its percent and what the job says, in exactly the cells there are, with nothing of a terminal's in it."""
    for width in range(4, 60):
        shown = progress_bar(progress, width)
        assert len(shown) == width
        assert "\x1b" not in shown
    assert progress_bar(progress, 50).rstrip() == text


def test_numbers_are_short() -> None:
    """Whole numbers are whole, others have three digits that matter."""
    assert [amount(value) for value in (3.0, 48_120.0, 0.123456, 12_345.6)] == ["3", "48,120", "0.123", "12,346"]


@pytest.mark.parametrize("size", [(80, 24), (160, 45)])
async def test_job_and_worker_show_it(size: tuple[int, int]) -> None:
    """The row has the bar while the job runs, the detail the numbers, and so has the worker's screen."""
    progress = Progress(45_000, 100_000, "epoch 3")
    control = FakeControl(
        make_snapshot([make_worker(0, 1, progress=progress)], [make_job(1, progress=progress), make_job(2)])
    )
    app = PoolmgrApp(control)
    async with app.run_test(size=size) as pilot:
        await until(pilot, lambda: "45% epoch 3" in screen_text(app))
        await pilot.press("tab", "enter")
        await until(pilot, lambda: "45%  45,000 of 100,000  epoch 3" in screen_text(app))
        await pilot.press("escape", "b")
        await until(pilot, lambda: "45%  45,000 of 100,000  epoch 3" in screen_text(app))
