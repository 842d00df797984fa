"""serve in a real browser. Collected only where chromium is installed: .ci/run installs it if it may."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import urlsplit

import pytest

from poolmgr import connect
from tests.helpers.browser import opened
from tests.helpers.owners import owner
from tests.helpers.serving import serving

#: A browser takes seconds to start, and on a machine that others use many.
pytestmark = pytest.mark.timeout(180)


async def test_page_draws_and_a_key_acts(tmp_path: Path) -> None:
    """With --control the page shows the pool and a key changes it; the page asks no other host."""
    with owner() as program, serving("far", "--control", cwd=tmp_path) as served:
        program.say("good", "bad")
        async with opened(tmp_path / "chromium", served.url) as page:
            await page.wait_for_text("[RUN]  2/2 workers")
            await page.wait_for_text("factorial")
            # Letters, tables, bars: a page that is empty has a handful of colours.
            assert await page.colours() > 100
            await page.type("+")
            await page.wait_for_text("3/3 workers")
            assert connect(str(program.pid))["pool"]["size"] == 3
            asked = [urlsplit(url) for url in page.requests]
            assert {each.netloc for each in asked} == {f"127.0.0.1:{served.port}"}
            assert {each.scheme for each in asked} == {"http", "ws"}
            assert not [each for each in page.complaints if "WebGL" not in each]


async def test_page_that_looks_changes_nothing(tmp_path: Path) -> None:
    """Without --control the page says that it may only look, and the same key changes nothing."""
    with owner() as program, serving("far", cwd=tmp_path) as served:
        async with opened(tmp_path / "chromium", served.url) as page:
            await page.wait_for_text("READ-ONLY")
            await page.type("+?")
            # Keys are heeded in their order.
            await page.wait_for_text("Help")
            assert connect(str(program.pid))["pool"]["size"] == 2
        served.await_screens(0)
        program.say("good")
