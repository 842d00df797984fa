"""The palette's commands: every act of the table of keys, by name."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import TYPE_CHECKING, cast

from textual.command import DiscoveryHit, Hit, Hits, Provider

from poolmgr.tui.keys import KEYS, Key, shown
from poolmgr.tui.widgets.key_bar import able, owner_of

if TYPE_CHECKING:
    from poolmgr.tui.app import PoolmgrApp


class Acts(Provider):
    """The acts that the screen below the palette can do now."""

    def _able(self) -> Iterator[Key]:
        screen = self.screen
        ids = {binding.id for _, binding in screen._bindings}
        focused = screen.focused
        if focused is not None:
            ids |= {binding.id for _, binding in focused._bindings}
        for key in KEYS:
            if key.palette and (key.where == "app" or key.id in ids) and able(screen, key):
                yield key

    async def discover(self) -> Hits:
        """All of them, before anything is typed."""
        for key in self._able():
            yield DiscoveryHit(f"{key.label} ({shown(key, self._keymap)})", partial(self._run, key), help=key.tooltip)

    async def search(self, query: str) -> Hits:
        """Those whose name or sentence matches."""
        matcher = self.matcher(query)
        for key in self._able():
            name = f"{key.label} ({shown(key, self._keymap)})"
            # In a sentence, letters in the right order are found too easily: there the query must be one piece.
            score = matcher.match(name) or (0.1 if query.lower() in key.tooltip.lower() else 0.0)
            if score > 0:
                yield Hit(score, matcher.highlight(name), partial(self._run, key), help=key.tooltip)

    @property
    def _keymap(self) -> dict[str, str]:
        return cast("PoolmgrApp", self.app).settings.keymap

    async def _run(self, key: Key) -> None:
        await self.app.run_action(key.action, owner_of(self.screen, key))
