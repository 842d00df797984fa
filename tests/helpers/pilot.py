"""Driving the app in tests: what the screen shows as text, and waiting for a condition in the app's own loop."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Any

from textual._context import active_app
from textual._wait import SLEEP_GRANULARITY, wait_for_idle
from textual.app import App
from textual.command import CommandList
from textual.pilot import Pilot

from tests.helpers.wait import DEADLINE

#: Turns of the loop in a row without a message, after which none is to come.
TURNS = 4


def screen_text(app: App[Any]) -> str:
    """The screen as lines of text, dialogs included."""
    strips = app.screen._compositor.render_strips()
    return "\n".join("".join(segment.text for segment in strip) for strip in strips)


def best_hit(app: App[Any]) -> str:
    """What Enter takes in the palette. An act may be in sight and not be that: the list may be one of fewer letters."""
    hits = next(iter(app.screen.query(CommandList)), None)
    if hits is None or hits.highlighted is None:
        return ""
    return str(hits.get_option_at_index(hits.highlighted).prompt)


async def wait_for_rest(min_sleep: float = SLEEP_GRANULARITY, max_sleep: float = 1) -> None:
    """Textual's wait after a key, and until no message is left besides: it takes a process without a core for idle."""
    await wait_for_idle(min_sleep, max_sleep)
    app = active_app.get(None)
    end, turns = time.monotonic() + DEADLINE, 0
    # What one message asks for may come a turn of the loop later.
    while app is not None and app.is_running and turns < TURNS and time.monotonic() < end:
        pumps = [app, *(node for node in app._registry if node.is_running)]
        busy = any(pump.message_queue_size or pump._next_callbacks for pump in pumps)
        turns = 0 if busy else turns + 1
        await asyncio.sleep(0)


async def until(pilot: Pilot[Any], condition: Callable[[], object], deadline: float = DEADLINE, what: str = "") -> None:
    """Let the app work until ``condition()`` is true, or fail after ``deadline`` seconds."""
    end = time.monotonic() + deadline
    while not condition():
        if time.monotonic() > end:
            raise AssertionError(f"not within {deadline:g} s: {what or condition}\n{screen_text(pilot.app)}")
        await pilot.pause(0.01)
