"""Pictures of screens: each in the sizes and looks that people have, compared with the SVG that was looked at before.

``pytest tests/tui/test_pictures.py --snapshot-update`` takes the pictures anew; look at what changed before you commit.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Iterable, Iterator
from typing import Any, Protocol

import pytest
from textual.app import App
from textual.pilot import Pilot

#: Size and look of each picture.
LOOKS = (
    ("80x24", "dark"),
    ("120x36", "dark"),
    ("160x45", "dark"),
    ("120x36", "light"),
    ("120x36", "no-color"),
    ("120x36", "ascii"),
)
_THEMES = {"dark": "textual-dark", "light": "textual-light"}

#: Marks a test that takes one picture for each look.
each_look = pytest.mark.parametrize(("size", "look"), LOOKS, ids=["-".join(look) for look in LOOKS])

RunBefore = Callable[[Pilot[Any]], Awaitable[None] | None]


class Picture(Protocol):
    """Takes a picture, and says whether it is the one that is kept."""

    def __call__(
        self,
        make: Callable[[bool], App[Any]],
        size: str,
        look: str,
        press: Iterable[str] = (),
        run_before: RunBefore | None = None,
    ) -> bool:
        """Compare.

        Args:
            make: Makes the app; it is told whether it shall draw in ASCII.
            size: Columns and lines, as in ``80x24``.
            look: ``dark``, ``light``, ``no-color`` or ``ascii``.
            press: Keys that are pressed first.
            run_before: What is done before them.
        """
        ...


@pytest.fixture
def picture(snap_compare: Callable[..., bool], monkeypatch: pytest.MonkeyPatch) -> Iterator[Picture]:
    """Takes pictures in UTC, without anybody's settings for colours."""
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()
    for name in ("NO_COLOR", "TEXTUAL_THEME", "COLORTERM"):
        monkeypatch.delenv(name, raising=False)

    def compare(
        make: Callable[[bool], App[Any]],
        size: str,
        look: str,
        press: Iterable[str] = (),
        run_before: RunBefore | None = None,
    ) -> bool:
        if look == "no-color":
            monkeypatch.setenv("NO_COLOR", "1")
        app = make(look == "ascii")
        app.theme = _THEMES.get(look, "textual-dark")
        columns, _, lines = size.partition("x")
        return snap_compare(app, press=press, terminal_size=(int(columns), int(lines)), run_before=run_before)

    yield compare
    monkeypatch.undo()
    time.tzset()
