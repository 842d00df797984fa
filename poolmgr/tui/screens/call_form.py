"""The part of a form that takes the arguments of a call: a field for each parameter, or one line as in a call.

Runs in the app's thread.
"""

from __future__ import annotations

from typing import Any

from textual.app import ComposeResult
from textual.screen import ModalScreen
from textual.widgets import Input, Label

from poolmgr.errors import UsageError
from poolmgr.model.literals import parse_call
from poolmgr.model.parameters import FieldError, Parameter, from_rows, read, spread, written
from poolmgr.tui.widgets.parameter_fields import ParameterFields


class CallForm(ModalScreen[None]):
    """Has fields where it is known what the function takes; until then, and where nobody can know, one line.

    What was typed goes from the one into the other.
    """

    def __init__(self, editing: bool) -> None:
        """With ``editing``, the first key adds to the arguments; else it replaces what was typed last time."""
        super().__init__()
        self._editing = editing
        #: The parameters of the function before, while it is not known what the one takes that is asked for now.
        self._forgotten: tuple[Parameter, ...] | None = None

    def compose_arguments(self, text: str) -> ComposeResult:
        """The line, which has ``text``, and the place of the fields."""
        yield Label("arguments, as in a call: literals only", id="arguments-title")
        yield Input(text, placeholder="20, 'text', name=[1, 2]", id="arguments", compact=True)
        yield ParameterFields(id="parameters")

    @property
    def _fields(self) -> ParameterFields:
        return self.query_one(ParameterFields)

    @property
    def _line(self) -> Input:
        return self.query_one("#arguments", Input)

    @property
    def _parameters(self) -> tuple[Parameter, ...] | None:
        return self._fields.parameters

    def _focus_arguments(self) -> None:
        if self._parameters is None:
            self._line.focus()
        elif self._fields.inputs:
            self._fields.inputs[0].focus()
        else:
            self.query_one("#name").focus()

    def _show_fields(self, shown: bool) -> None:
        self._fields.display = shown
        self._line.display = self.query_one("#arguments-title").display = not shown

    async def _show_parameters(self, parameters: tuple[Parameter, ...], typed: Any) -> None:
        """A field for each, and the cursor in the one that goes on where it was, or the first one if it was nowhere."""
        before = next((each for each in (self._line, *self._fields.inputs) if each is self.focused), None)
        # All of it still selected, as it is when one comes in: the next key is to replace it.
        untouched = before is not None and before.value != "" and before.selected_text == before.value
        await self._fields.show(parameters, typed)
        self._show_fields(True)
        if before is not None:
            inputs = self._fields.inputs
            field = inputs[0] if untouched and inputs else self._fields.last_filled()
            if field is not None and not untouched:
                field.select_on_focus = False
                field.cursor_position = len(field.value)
            self.set_focus(field or self.query_one("#name", Input))
        if self._editing:
            for each in self._fields.inputs:
                each.select_on_focus = False

    async def _forget_parameters(self) -> None:
        """It is another function now: what is typed next is for that, and must not go into fields of this one."""
        if self._parameters is None:
            return
        self._forgotten, self._line.value = self._parameters, ""
        await self._hide_fields()

    async def _hide_fields(self) -> None:
        """Have the line in their place."""
        inside = self.focused in self._fields.inputs
        await self._fields.clear()
        self._show_fields(False)
        if inside:
            self.set_focus(self._line)

    async def _take_parameters(self, rows: tuple[tuple[str, ...], ...] | None) -> None:
        """Have the fields that the function has; what was typed goes into them, or stays as it is."""
        known, self._forgotten = self._parameters or self._forgotten, None
        if rows is None:
            if known is not None and (self._parameters is not None or not self._line.value):
                self._line.value = written(known, self._fields.typed)
            await self._hide_fields()
            return
        parameters = from_rows(rows)
        if parameters == self._parameters:
            return
        typed: dict[str, str] | None = {}
        if self._parameters is None:
            typed = spread(parameters, self._line.value)
        if typed is not None:
            await self._show_parameters(parameters, typed)

    def _arguments(self, items: str) -> tuple[tuple[Any, ...], dict[str, Any]]:
        if self._parameters is not None:
            return read(self._parameters, self._fields.typed, first_given=bool(items))
        try:
            return parse_call(self._line.value)
        except UsageError as error:
            raise FieldError("#arguments", str(error)) from error
