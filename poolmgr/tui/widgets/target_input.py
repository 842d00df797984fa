"""The field for ``module:function``: Tab completes it, as a shell would.

Runs in the app's thread.  It asks for names by a message, and whoever answers calls ``offer()``.
What there is to choose from is told by the line beside it.

    Tab         the names are asked for
    offer()     one name: it is taken.  Many: what they have in common is
    Tab again   the names in turn, since they have no more in common
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from textual.binding import Binding, BindingType
from textual.content import Content
from textual.message import Message
from textual.widgets import Input, Static

from poolmgr.tui.format import harmless

#: Names that are told beside the field.
SHOWN = 8


class NamesLine(Static):
    """What the field on the same screen may become, in one line; not there if there is no choice."""

    def on_mount(self) -> None:
        """There are no names to choose from yet."""
        self.tell("")

    def tell(self, text: str) -> None:
        """Show the names, none for an empty text."""
        self.update(Content(harmless(text)))
        self.display = bool(text)


class TargetInput(Input):
    """Where the function's name is typed."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("tab", "complete", "Complete", id="submit.complete", show=False)]

    class Wanted(Message):
        """What may ``text`` become?"""

        def __init__(self, text: str) -> None:
            super().__init__()
            self.text = text

    def __init__(self, value: str, *, id: str, placeholder: str = "math:factorial") -> None:
        super().__init__(value, placeholder=placeholder, id=id, compact=True)
        #: The names that Tab goes through, and what stood there when they were told.
        self._names: list[str] = []
        self._stem = ""
        #: What nothing begins with: Tab goes on from there.
        self._hopeless: str | None = None

    def action_complete(self) -> None:
        """Complete what stands there, or go on to the next field if there is nothing to complete."""
        if not self.value or self.value == self._hopeless:
            self.screen.focus_next()
        elif len(self._names) > 1 and self.value in (self._stem, *self._names):
            at = self._names.index(self.value) if self.value in self._names else -1
            self._put(self._names[(at + 1) % len(self._names)])
        else:
            self.post_message(self.Wanted(self.value))

    def offer(self, text: str, names: list[str]) -> None:
        """Take what ``text`` may become, unless something else stands there by now."""
        if text != self.value or not self.has_focus:
            return
        self._names, self._stem, self._hopeless = names, text, None
        if not names:
            self._hopeless = text
            self._tell(f"nothing begins with {text}")
        elif names == [text]:
            self._names = []
            self._tell("")
            self.screen.focus_next()
        else:
            self._stem = _common(names)
            self._put(self._stem)
            self._tell(_listed(names) if len(names) > 1 else "")

    def watch_value(self) -> None:
        """The names were of what stood there before."""
        if self.is_attached:
            self._tell("")

    def _tell(self, text: str) -> None:
        for line in self.screen.query(NamesLine):
            line.tell(text)

    def _put(self, value: str) -> None:
        self.value = value
        self.cursor_position = len(value)


def _common(names: Sequence[str]) -> str:
    """What all names begin with."""
    first, last = min(names), max(names)
    return next((first[:place] for place, letter in enumerate(first) if last[place : place + 1] != letter), first)


def _listed(names: list[str]) -> str:
    """Names in one line, without what they have in common before the last colon or full stop."""
    common = _common(names)
    cut = max(common.rfind(":"), common.rfind(".")) + 1
    left = len(names) - SHOWN
    return "  ".join(name[cut:] for name in names[:SHOWN]) + (f"  and {left} more" if left > 0 else "")
