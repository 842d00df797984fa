"""The alerts: what the pool has warned of, the newest last."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.screen import ModalScreen

from poolmgr.tui.alerts import Alerts
from poolmgr.tui.widgets.log_view import LogView


class AlertsScreen(ModalScreen[None]):
    """A log of the alerts alone. Whoever opens it has read them."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q,exclamation_mark", "dismiss(None)", "Back", id="alerts.back")
    ]

    def __init__(self, alerts: Alerts) -> None:
        super().__init__()
        self._alerts = alerts

    def compose(self) -> ComposeResult:
        """The lines in a frame."""
        with Vertical(classes="dialog wide") as dialog:
            dialog.border_title = Content("Alerts  (Esc)")
            yield LogView(id="alerts", title="Warnings and errors of the pool", gaps=False)

    def on_mount(self) -> None:
        """Follow what comes while it is open."""
        self.query_one(LogView).focus()
        self.watch(self.app, "snapshot", self._take)

    def _take(self) -> None:
        self.query_one(LogView).take(tuple(self._alerts.lines))
        self._alerts.read()
