"""The parameters of a function as a form shows them: what its signature says, in texts that cross processes.

    inspect.Signature --described()--> Parameters --read()--> the arguments of a call
    "1, x=2" --spread()--> what stands in each field

Pure; nothing typed is ever run.
"""

from __future__ import annotations

import ast
import inspect
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from poolmgr.errors import UsageError
from poolmgr.model.brief import brief
from poolmgr.model.literals import parse_call, parse_literal, parse_nodes

POSITIONAL_ONLY = "POSITIONAL_ONLY"
VAR_POSITIONAL = "VAR_POSITIONAL"
KEYWORD_ONLY = "KEYWORD_ONLY"
VAR_KEYWORD = "VAR_KEYWORD"
_KINDS = {
    kind.name: kind
    for kind in (
        inspect.Parameter.POSITIONAL_ONLY,
        inspect.Parameter.POSITIONAL_OR_KEYWORD,
        inspect.Parameter.VAR_POSITIONAL,
        inspect.Parameter.KEYWORD_ONLY,
        inspect.Parameter.VAR_KEYWORD,
    )
}
#: Longest annotation that is kept: a form has little room beside a field.
LONGEST = 60


@dataclass(frozen=True, slots=True)
class Parameter:
    """One parameter, as text."""

    name: str
    #: The name of its ``inspect.Parameter.kind``.
    kind: str = "POSITIONAL_OR_KEYWORD"
    annotation: str = ""
    #: The default in short, empty if there is none.
    default: str = ""

    @property
    def many(self) -> bool:
        """Whether it takes any number of values."""
        return self.kind in (VAR_POSITIONAL, VAR_KEYWORD)

    @property
    def required(self) -> bool:
        """Whether the call fails without it."""
        return not self.many and not self.default

    @property
    def title(self) -> str:
        """``url: str``, ``*args``, ``**options: int``."""
        stars = {VAR_POSITIONAL: "*", VAR_KEYWORD: "**"}.get(self.kind, "")
        return f"{stars}{self.name}" + (f": {self.annotation}" if self.annotation else "")

    @property
    def takes_bare_text(self) -> bool:
        """Whether what is typed without quotes is meant as text."""
        return self.annotation == "str" and not self.many


class FieldError(UsageError):
    """What stands in one field of a form is wrong."""

    def __init__(self, field: str, text: str) -> None:
        super().__init__(field, text)
        self.field = field
        self.text = text

    def __str__(self) -> str:
        return self.text


def described(signature: inspect.Signature) -> tuple[Parameter, ...]:
    """The parameters of a signature. No default's ``__repr__`` is called."""
    return tuple(
        Parameter(each.name, each.kind.name, _annotation(each.annotation), _default(each.default))
        for each in signature.parameters.values()
    )


def to_rows(parameters: Iterable[Parameter]) -> tuple[tuple[str, ...], ...]:
    """As tuples of texts."""
    return tuple((each.name, each.kind, each.annotation, each.default) for each in parameters)


def from_rows(rows: Iterable[Sequence[str]]) -> tuple[Parameter, ...]:
    """The parameters that the rows were made of.

    Raises:
        UsageError: They were made of none.
    """
    parameters = tuple(Parameter(*row) for row in rows if len(row) == 4 and row[1] in _KINDS)
    if len(parameters) != len(list(rows)):
        raise UsageError("a parameter has a name, a kind, an annotation and a default")
    return parameters


def signature_of(parameters: Sequence[Parameter]) -> inspect.Signature:
    """A signature that binds as the function's own does; its defaults stand for the function's."""
    return inspect.Signature(
        [
            inspect.Parameter(
                each.name,
                _KINDS[each.kind],
                default=_Shown(each.default) if each.default else inspect.Parameter.empty,
                annotation=_Shown(each.annotation) if each.annotation else inspect.Parameter.empty,
            )
            for each in parameters
        ]
    )


def read(
    parameters: Sequence[Parameter], typed: Mapping[str, str], *, first_given: bool = False
) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """The arguments of the call that stands in the fields.

    An empty field means the default. What can be positional is, as far as nothing before it was left out.

    Args:
        parameters: All of the function's.
        typed: What was typed, by names.
        first_given: The first argument comes from elsewhere.

    Raises:
        FieldError: A field has no value, or one that makes no sense.
    """
    args: list[Any] = []
    kwargs: dict[str, Any] = {}
    #: The first parameter that was left out: what follows cannot be positional.
    skipped = ""
    for place, each in enumerate(parameters):
        text = typed.get(each.name, "").strip()
        if place == 0 and first_given and each.kind not in (KEYWORD_ONLY, VAR_KEYWORD):
            if text:
                raise FieldError(each.name, f"{each.name} is each line of the file in turn: leave it empty")
        elif not text:
            if each.required:
                raise FieldError(each.name, f"{each.name} has no default: give it a value")
            skipped = skipped or ("" if each.many else each.name)
        elif each.many:
            _read_many(each, text, args, kwargs, skipped)
        elif each.kind == KEYWORD_ONLY or (skipped and each.kind != POSITIONAL_ONLY):
            kwargs[each.name] = _value(each, text)
        elif skipped:
            raise FieldError(skipped, f"{skipped} cannot be left out when {each.name} is given: both have no names")
        else:
            args.append(_value(each, text))
    return tuple(args), kwargs


def _read_many(each: Parameter, text: str, args: list[Any], kwargs: dict[str, Any], skipped: str) -> None:
    try:
        positional, named = parse_call(text)
    except UsageError as error:
        raise FieldError(each.name, f"{each.name}: {error}") from error
    if each.kind == VAR_POSITIONAL:
        if named:
            raise FieldError(each.name, f"*{each.name} takes values without names, as in 1, 'a'")
        if skipped:
            raise FieldError(skipped, f"{skipped} cannot be left out when *{each.name} has values")
        args += positional
        return
    twice = sorted(named.keys() & kwargs.keys())
    if positional or twice:
        why = f"{twice[0]} has a field of its own" if twice else "as in x=1, y='a'"
        raise FieldError(each.name, f"**{each.name} takes values with names: {why}")
    kwargs.update(named)


def _value(each: Parameter, text: str) -> Any:
    try:
        value = parse_literal(text, each.name)
    except UsageError as error:
        if each.takes_bare_text:
            return text
        raise FieldError(each.name, str(error)) from error
    return text if each.takes_bare_text and not isinstance(value, str) else value


def spread(parameters: Sequence[Parameter], text: str) -> dict[str, str] | None:
    """What stands in the fields for the arguments of a call; None if they do not fit, or are not to be read."""
    try:
        call = parse_nodes(text)
        named = {keyword.arg: keyword.value for keyword in call.keywords if keyword.arg is not None}
        bound = signature_of(parameters).bind_partial(*call.args, **named)
    except (UsageError, TypeError):
        return None
    if len(named) < len(call.keywords):
        return None
    fields: dict[str, str] = {}
    for each in parameters:
        value = bound.arguments.get(each.name)
        if isinstance(value, tuple):
            fields[each.name] = ", ".join(map(ast.unparse, value))
        elif isinstance(value, dict):
            fields[each.name] = ", ".join(f"{name}={ast.unparse(node)}" for name, node in value.items())
        elif value is not None:
            fields[each.name] = ast.unparse(value)
    return fields


def written(parameters: Sequence[Parameter], typed: Mapping[str, str]) -> str:
    """What stands in the fields as the arguments of one call, as typed; it need not make sense."""
    return ", ".join(
        text if each.many else f"{each.name}={text}"
        for each in parameters
        if (text := typed.get(each.name, "").strip())
    )


class _Shown:
    """A default or an annotation that is shown as it was written."""

    def __init__(self, text: str) -> None:
        self._text = text

    def __repr__(self) -> str:
        return self._text


def _annotation(annotation: Any) -> str:
    if annotation is inspect.Parameter.empty:
        return ""
    if isinstance(annotation, type) and type(annotation) is type:
        return annotation.__qualname__[:LONGEST]
    try:
        text = annotation if isinstance(annotation, str) else inspect.formatannotation(annotation)
    except Exception:  # user code: the __repr__ of an annotation, or of its metaclass
        return ""
    return text[:LONGEST]


def _default(default: Any) -> str:
    return "" if default is inspect.Parameter.empty else brief(default)
