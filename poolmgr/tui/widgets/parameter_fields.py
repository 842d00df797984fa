"""A field for each parameter of a function.  Runs in the app's thread."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from textual.containers import Horizontal, VerticalScroll
from textual.content import Content
from textual.widgets import Input, Label, Static

from poolmgr.model.parameters import VAR_POSITIONAL, Parameter
from poolmgr.tui.format import fit, harmless

#: Columns of a parameter's title at the most.
WIDEST = 30


class ParameterFields(VerticalScroll, can_focus=False):
    """The parameters with what is typed for each. Shown by :meth:`show`, and empty until then."""

    def __init__(self, *, id: str) -> None:
        super().__init__(id=id)
        self.parameters: tuple[Parameter, ...] | None = None
        #: What was typed for any parameter so far: another function may have one of the same name.
        self._typed: dict[str, str] = {}

    async def show(self, parameters: tuple[Parameter, ...], typed: Mapping[str, str]) -> None:
        """Have fields for these, filled in; what was typed for the same names before stays."""
        self._typed = {**self.typed, **typed}
        await self.remove_children()
        self.parameters = parameters
        width = max((len(_title(each)) for each in parameters), default=0) + 1
        rows: list[Any] = [self._row(number, each, width) for number, each in enumerate(parameters)]
        await self.mount_all(rows or [Static("it takes no arguments")])

    async def clear(self) -> None:
        """Have no fields; what was typed is kept."""
        self._typed = self.typed
        self.parameters = None
        await self.remove_children()

    def _row(self, number: int, each: Parameter, width: int) -> Horizontal:
        title = Label(Content(_title(each)), classes="title required" if each.required else "title")
        title.styles.width = width
        entry = Input(self._typed.get(each.name, ""), placeholder=_hint(each), id=f"parameter-{number}", compact=True)
        return Horizontal(title, entry, classes="fields")

    @property
    def typed(self) -> dict[str, str]:
        """What stands in the fields, by the parameters' names; also what stood in those that are gone."""
        found = {each.name: entry.value for each, entry in zip(self.parameters or (), self.inputs, strict=False)}
        return {**self._typed, **found}

    @property
    def inputs(self) -> list[Input]:
        """The fields, in the parameters' order."""
        return list(self.query(Input))

    def put(self, typed: Mapping[str, str]) -> None:
        """Write this into the fields."""
        for each, entry in zip(self.parameters or (), self.inputs, strict=False):
            if each.name in typed:
                entry.value = typed[each.name]
                entry.cursor_position = len(entry.value)

    def field(self, name: str) -> Input | None:
        """The field of a parameter."""
        pairs = zip(self.parameters or (), self.inputs, strict=False)
        return next((entry for each, entry in pairs if each.name == name), None)

    def last_filled(self) -> Input | None:
        """The last field with something in it, or the first one."""
        inputs = self.inputs
        return next((entry for entry in reversed(inputs) if entry.value), inputs[0] if inputs else None)


def _title(each: Parameter) -> str:
    return fit(harmless(each.title), WIDEST).rstrip()


def _hint(each: Parameter) -> str:
    if each.many:
        return "1, 'a'" if each.kind == VAR_POSITIONAL else "x=1, y='a'"
    if each.required:
        return "required" + (", text" if each.takes_bare_text else "")
    return f"= {harmless(each.default)}"
