"""The footer: the keys that matter here, greyed where they cannot act now. One line, drawn whole at each change."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from textual import events
from textual.content import Content
from textual.dom import DOMNode
from textual.screen import Screen
from textual.widget import Widget

from poolmgr.tui.keys import KEYS, Key, shown

if TYPE_CHECKING:
    from poolmgr.tui.app import PoolmgrApp

State = tuple[Key, bool]


class KeyBar(Widget):
    """Keys of the screen that it is on. Textual's own footer mounts a widget for each key at each change."""

    DEFAULT_CSS = """
    KeyBar { dock: bottom; height: 1; background: $footer-background; color: auto 90%; }
    KeyBar:ansi { color: $footer-foreground; }
    """

    def __init__(self, *where: str) -> None:
        super().__init__()
        self._keys = [key for key in KEYS if key.where in (*where, "app", "textual") and key.foot]
        self._shown: list[State] = []
        self._spans: list[tuple[int, int, Key]] = []

    def update_keys(self) -> None:
        """Ask the screen what can be done now, and draw the line again if that changed."""
        states = [(key, self._enabled(key)) for key in self._keys]
        if states != self._shown:
            self._shown = states
            self.refresh()

    def _enabled(self, key: Key) -> bool:
        return able(self.screen, key)

    def render(self) -> Content:
        """The keys that fit, by importance, in the table's order."""
        room = self.size.width
        kept: set[str] = set()
        for key, _ in sorted(self._shown, key=lambda state: state[0].foot):
            needed = sum(map(len, self._words(key))) + 1
            if needed > room:
                break
            kept.add(key.id)
            # The blank between two keys; the last one has none.
            room -= needed + 1
        parts: list[tuple[str, str]] = []
        self._spans = []
        column = 0
        for key, enabled in self._shown:
            if key.id not in kept:
                continue
            shown, label = self._words(key)
            parts.append((shown, "bold $footer-key-foreground" if enabled else "$text-disabled"))
            parts.append((f" {label} ", "" if enabled else "$text-disabled"))
            length = len(shown) + len(label) + 2
            self._spans.append((column, column + length, key))
            column += length
        return Content.assemble(*parts)

    async def on_click(self, event: events.Click) -> None:
        """A click on a key does what the key does."""
        for start, end, key in self._spans:
            if start <= event.x < end:
                await self.app.run_action(key.action, owner_of(self.screen, key))
                return

    def _words(self, key: Key) -> tuple[str, str]:
        keymap = cast("PoolmgrApp", self.app).settings.keymap
        if key.foot_text is not None and key.id not in keymap:
            return key.foot_text
        return shown(key, keymap), key.label


def able(screen: Screen[Any], key: Key) -> bool:
    """Whether the key's act can do something now."""
    name, _, _ = key.action.partition("(")
    owner, dot, act = name.rpartition(".")
    return bool((screen.app if dot and owner == "app" else screen).check_action(act, ()))


def owner_of(screen: Screen[Any], key: Key) -> DOMNode:
    """Whose act it is: that of the pane in focus, or of the screen."""
    focused = screen.focused
    return focused if key.where in ("move", "list", "log") and focused is not None else screen
