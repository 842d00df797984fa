"""Whether a screen may still be written to, while it is being taken away."""

from __future__ import annotations

from textual.app import App
from textual.screen import Screen
from textual.widgets import Label

from poolmgr.tui.presence import is_there


async def test_screen_that_is_being_removed_is_not_there() -> None:
    """It is attached until it is gone, but its widgets go before."""
    app: App[None] = App()
    async with app.run_test():
        screen: Screen[None] = Screen()
        assert not is_there(screen)
        await app.push_screen(screen)
        await screen.mount(Label("text"))
        assert is_there(screen)
        removal = screen.remove()
        assert screen.is_attached
        assert not is_there(screen)
        await removal
        assert not is_there(screen)
