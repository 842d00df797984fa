"""Driving the app in tests: what the screen shows as text, and waiting for a condition in the app's own loop."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from textual.app import App
from textual.pilot import Pilot

from tests.helpers.wait import DEADLINE


def screen_text(app: App[Any]) -> str:
    """The screen as lines of text, dialogs included."""
    strips = app.screen._compositor.render_strips()
    return "\n".join("".join(segment.text for segment in strip) for strip in strips)


async def until(pilot: Pilot[Any], condition: Callable[[], object], deadline: float = DEADLINE, what: str = "") -> None:
    """Let the app work until ``condition()`` is true, or fail after ``deadline`` seconds."""
    end = time.monotonic() + deadline
    while not condition():
        if time.monotonic() > end:
            raise AssertionError(f"not within {deadline:g} s: {what or condition}\n{screen_text(pilot.app)}")
        await pilot.pause(0.01)
