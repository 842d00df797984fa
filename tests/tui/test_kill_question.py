"""The question before a job of a program's own pool is killed."""

from __future__ import annotations

from dataclasses import replace

import pytest

from poolmgr.tui.app import PoolmgrApp
from tests.helpers.fake_control import FakeControl, make_job, make_snapshot


@pytest.mark.parametrize(
    ("engine", "said"),
    [
        ("", "and a new one takes its place"),
        ("stock Pool", "1 job fails with WorkerLost"),
        ("stock ProcessPoolExecutor", "BrokenProcessPool, and it takes no more"),
    ],
)
async def test_question_tells_what_it_costs(engine: str, said: str) -> None:
    """A job of poolmgr's costs one job, of a stock Pool too, and of an executor all that is pending."""
    app = PoolmgrApp(FakeControl(replace(make_snapshot(jobs=[make_job(10)]), engine=engine)))
    async with app.run_test(size=(120, 36)) as pilot:
        await pilot.pause()
        await pilot.press("tab", "X")
        await pilot.pause()
        shown = "\n".join(strip.text for strip in app.screen._compositor.render_strips())
    assert said in " ".join(shown.replace("│", " ").split())
