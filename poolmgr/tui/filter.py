"""The filter language: a line of text becomes a test for jobs, workers, functions or lines of the log.

    state!=D fn:fetch elapsed>1s          all of them
    fn:fetch,resize                       one of the values
    state:F, w:5 cpu>90                   a comma before a blank: either side

Pure, and read as it is typed: half a word narrows nothing, and what cannot be read is a :class:`Problem` at its place
while the rest of the line goes on filtering.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Generic, TypeVar

Row = TypeVar("Row")
#: What a row is looked at with: the moment of the picture, and what else it takes to know a value.
View = TypeVar("View")
Test = Callable[[Row, View], bool]

_NAMED = re.compile(r"([A-Za-z]+)(!=|!:|>=|<=|>|<|=|:)")
_ORDERS: Mapping[str, Callable[[float, float], bool]] = {
    ">": operator.gt,
    "<": operator.lt,
    ">=": operator.ge,
    "<=": operator.le,
    "=": operator.eq,
    ":": operator.eq,
}
_OPEN, _CLOSE = "([{", ")]}"


@dataclass(frozen=True, slots=True)
class Problem:
    """What cannot be read, and where it was typed."""

    at: int
    length: int
    text: str


@dataclass(frozen=True, slots=True)
class Field(Generic[Row, View]):
    """One named datum of a row, and how what is typed for it is read."""

    #: The datum; None if this row has none, and then only ``!=`` can hold.
    value: Callable[[Row, View], object]
    #: Reads one typed value.  Raises ValueError with what it should have been.
    read: Callable[[str], object]
    #: Whether it has more and less.
    ordered: bool = False
    #: Whether asking for one value makes sense: no job takes exactly a second.
    exact: bool = True


@dataclass(frozen=True, slots=True)
class Filter(Generic[Row, View]):
    """A line of the language, read."""

    text: str
    groups: tuple[tuple[Test[Row, View], ...], ...]
    problems: tuple[Problem, ...]
    #: The words that are looked for as they are, in lower case: where to look in a line that was found.
    words: tuple[str, ...]

    @property
    def empty(self) -> bool:
        """True if it keeps everything."""
        return not self.groups

    def __call__(self, row: Row, view: View) -> bool:
        """Whether the row is kept."""
        return not self.groups or any(all(test(row, view) for test in group) for group in self.groups)

    @property
    def complaint(self) -> str:
        """The first problem with its place, empty if all could be read."""
        if not self.problems:
            return ""
        first = self.problems[0]
        return f"column {first.at + 1}: {first.text}"


class Language(Generic[Row, View]):
    """The fields of one kind of row, and the text in which plain words are looked for."""

    def __init__(self, fields: Mapping[str, Field[Row, View]], hay: Callable[[Row], str]) -> None:
        self.fields = fields
        self._hay = hay

    def parse(self, text: str) -> Filter[Row, View]:
        """Read a line; never raises."""
        return _Reader(self, text).read()

    def text_test(self, words: list[str], wanted: bool) -> Test[Row, View]:
        """That one of ``words`` is, or is not, in the row's text."""
        hay = self._hay

        def test(row: Row, view: View) -> bool:
            found = hay(row).lower()
            return any(word in found for word in words) is wanted

        return test


def contains(text: str) -> str:
    """The reader of a text's field: any text will do."""
    return text.lower()


@dataclass(frozen=True, slots=True)
class _Value:
    at: int
    text: str


class _Reader(Generic[Row, View]):
    """Reads one line from left to right."""

    def __init__(self, language: Language[Row, View], text: str) -> None:
        self._language = language
        self._text = text
        self._at = 0
        self._groups: list[list[Test[Row, View]]] = [[]]
        self._problems: list[Problem] = []
        self._words: list[str] = []

    def read(self) -> Filter[Row, View]:
        while self._at < len(self._text):
            character = self._text[self._at]
            if character.isspace():
                self._at += 1
            elif character == ",":
                self._at += 1
                self._groups.append([])
            else:
                self._read_term()
        groups = tuple(tuple(group) for group in self._groups if group)
        return Filter(self._text, groups, tuple(self._problems), tuple(self._words))

    def _read_term(self) -> None:
        begun = self._at
        named = _NAMED.match(self._text, begun)
        field = None if named is None else self._language.fields.get(named[1].lower())
        if named is not None and field is not None:
            self._at = named.end()
            self._add_field(named[1].lower(), field, named[2], begun, self._read_values())
            return
        wanted = not (self._text[begun] == "!" and not self._text.startswith("!=", begun))
        self._at += not wanted
        values = [value.text.lower() for value in self._read_values() if value.text]
        if named is not None and named[2] not in ("=", ":"):
            names = ", ".join(self._language.fields)
            self._problem(begun, f"there is no {named[1]}; there is {names}")
        elif values:
            self._words += values if wanted else []
            self._groups[-1].append(self._language.text_test(values, wanted))

    def _add_field(self, name: str, field: Field[Row, View], sign: str, begun: int, values: list[_Value]) -> None:
        if sign in ("<", ">", "<=", ">=") and not field.ordered:
            self._problem(begun, f"{name} has no more and less: write {name}: or {name}!=")
            return
        if sign in ("=", ":", "!=", "!:") and not field.exact:
            self._problem(begun, f"{name} takes <, >, <= or >=")
            return
        wanted = []
        for value in values:
            if not value.text:
                continue
            try:
                wanted.append(field.read(value.text))
            except ValueError as error:
                self._problem(value.at, f"{name}: {error}, not {value.text!r}", len(value.text))
        if wanted:
            self._groups[-1].append(_field_test(field, sign, wanted))

    def _problem(self, at: int, text: str, length: int | None = None) -> None:
        self._problems.append(Problem(at, max(1, self._at - at if length is None else length), text))

    def _read_values(self) -> list[_Value]:
        """Values up to a blank; a comma between two of them parts alternatives."""
        values = [self._read_value()]
        text = self._text
        while (
            text[self._at : self._at + 1] == ","
            and self._at + 1 < len(text)
            and not (text[self._at + 1].isspace() or text[self._at + 1] == ",")
        ):
            self._at += 1
            values.append(self._read_value())
        return values

    def _read_value(self) -> _Value:
        begun = self._at
        quote = self._text[begun : begun + 1]
        if quote and quote in "\"'":
            return self._read_quoted(begun, quote)
        depth = 0
        while self._at < len(self._text):
            character = self._text[self._at]
            # Arguments are looked for as they are shown: a comma in brackets is one of theirs.
            if character.isspace() or (character == "," and depth == 0):
                break
            depth += (character in _OPEN) - (character in _CLOSE and depth > 0)
            self._at += 1
        return _Value(begun, self._text[begun : self._at])

    def _read_quoted(self, begun: int, quote: str) -> _Value:
        end = self._text.find(quote, begun + 1)
        if end < 0:
            self._at = len(self._text)
            if self._at > begun + 1:
                self._problem(begun, f"a {quote} opens here and none closes")
            return _Value(begun, self._text[begun + 1 :])
        self._at = end + 1
        return _Value(begun, self._text[begun + 1 : end])


def _field_test(field: Field[Row, View], sign: str, wanted: list[object]) -> Test[Row, View]:
    if sign in ("!=", "!:"):
        return lambda row, view: not _is_one(field.value(row, view), wanted)
    if not field.ordered or sign in ("=", ":"):
        return lambda row, view: _is_one(field.value(row, view), wanted)
    order = _ORDERS[sign]

    def test(row: Row, view: View) -> bool:
        value = field.value(row, view)
        return value is not None and any(order(value, limit) for limit in wanted)  # type: ignore[arg-type]

    return test


def _is_one(value: object, wanted: list[object]) -> bool:
    if value is None:
        return False
    if isinstance(value, str):
        return any(
            value in one if isinstance(one, frozenset) else isinstance(one, str) and one in value.lower()
            for one in wanted
        )
    return value in wanted
