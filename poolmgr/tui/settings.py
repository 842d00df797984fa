"""The operator's settings: read from a TOML file, and written back one value at a time.

What is wrong with the file is said with its line, and the rest is taken.  Writing changes the one value that changed:
comments, order and what could not be read stay as they are.

Runs in the app's thread; a file is read once and written when something changes, which is seldom.
"""

from __future__ import annotations

import json
import os
import re
import tomllib
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import platformdirs

#: Pictures a second that one may choose from.
PACES = (0.5, 1.0, 2.0, 4.0, 5.0, 10.0)
#: Lines of a file that may be wrong before it is given up.
PATIENCE = 20

_KEY = re.compile(r"\s*(\"[^\"]*\"|'[^']*'|[A-Za-z0-9_-]+)\s*=")
_AT_LINE = re.compile(r"line (\d+)")

Value = str | float | bool | tuple[str, ...]
#: Says what is wrong with an act's id and its keys, given the ids of all acts that are moved; empty if nothing is.
KeyCheck = Callable[[str, str, Collection[str]], str]


def settings_path() -> Path:
    """Where settings are kept if nobody says otherwise."""
    return platformdirs.user_config_path("poolmgr") / "settings.toml"


def _flag(value: object) -> bool:
    if not isinstance(value, bool):
        raise ValueError("takes true or false")
    return value


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise ValueError("takes a text in quotes")
    return value


def _texts(value: object) -> tuple[str, ...]:
    if not isinstance(value, list) or not all(isinstance(one, str) for one in value):
        raise ValueError("takes a list of texts")
    return tuple(value)


def _pace(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not PACES[0] <= value <= PACES[-1]:
        raise ValueError(f"takes a number from {PACES[0]:g} to {PACES[-1]:g}")
    return float(value)


#: Sections with fixed keys, and how the value of each is read.
_KNOWN: Mapping[str, Mapping[str, Callable[[object], Value]]] = {
    "screen": {"theme": _text, "pace": _pace, "ascii": _flag},
    "news": {"on_done": _text, "bell": _flag, "notify": _flag},
}
#: Keys of a section ``tables.NAME``.
_TABLE: Mapping[str, Callable[[object], Value]] = {
    "sort": _text,
    "descending": _flag,
    "grouped": _flag,
    "columns": _texts,
}


@dataclass(slots=True)
class Settings:
    """What an operator chose, by section and key. Without a path, nothing is read or written."""

    path: Path | None = None
    values: dict[str, dict[str, Value]] = field(default_factory=dict)
    #: Keys by the id of their act.
    keymap: dict[str, str] = field(default_factory=dict)
    #: What is wrong with the file, each with file and line.
    problems: list[str] = field(default_factory=list)

    @classmethod
    def load(cls, path: Path, check_key: KeyCheck | None = None) -> Settings:
        """Read a file; one that is not there has no settings in it.

        Args:
            path: The file.
            check_key: Says what is wrong with a key; without it, all are taken.
        """
        settings = cls(path)
        try:
            text = path.read_text(encoding="utf-8")
        except FileNotFoundError:
            return settings
        except (OSError, UnicodeDecodeError) as error:
            settings.problems.append(f"{path}: cannot be read: {error}; no setting is taken from it")
            return settings
        _Reader(settings, text, check_key).read()
        return settings

    def get(self, section: str, key: str, default: Any) -> Any:
        """The value that was chosen, or ``default``."""
        return self.values.get(section, {}).get(key, default)

    def section(self, name: str) -> Mapping[str, Value]:
        """All that was chosen in a section."""
        return self.values.get(name, {})

    def put(self, section: str, key: str, value: Value | None) -> str:
        """Choose a value, or with None leave it to poolmgr, and write it to the file.

        Returns:
            What went wrong with writing, empty if nothing did. The choice stands either way.
        """
        chosen = self.values.setdefault(section, {})
        if chosen.get(key) == value:
            return ""
        if value is None:
            chosen.pop(key, None)
        else:
            chosen[key] = value
        if self.path is None:
            return ""
        try:
            _write(self.path, section, key, value)
        except OSError as error:
            return f"{self.path} cannot be written: {error.strerror or error}"
        return ""


class _Reader:
    """Reads one file's text into settings."""

    def __init__(self, settings: Settings, text: str, check_key: KeyCheck | None) -> None:
        self._settings = settings
        self._lines = text.split("\n")
        self._check_key = check_key

    def read(self) -> None:
        for section, content in self._parsed().items():
            if not isinstance(content, dict):
                self._problem("", section, f"{section} stands outside of a section")
            elif section == "keys":
                self._read_keys(content)
            elif section == "tables":
                for name, table in content.items():
                    if isinstance(table, dict):
                        self._read_section(f"tables.{name}", table, _TABLE)
                    else:
                        self._problem("tables", name, f"tables.{name} is no section")
            elif section in _KNOWN:
                self._read_section(section, content, _KNOWN[section])
            else:
                self._problem(
                    section, None, f"there is no section [{section}]; there is {_listed(_KNOWN)}, keys, tables"
                )

    def _parsed(self) -> dict[str, Any]:
        lines = list(self._lines)
        for _ in range(PATIENCE):
            try:
                return tomllib.loads("\n".join(lines))
            except tomllib.TOMLDecodeError as error:
                found = _AT_LINE.search(str(error))
                place = min(int(found[1]) if found else len(lines), len(lines))
                while place > 1 and not lines[place - 1].strip():
                    place -= 1
                what = str(error).partition(" (at ")[0]
                self._say(place, f"{what[:1].lower()}{what[1:]}: this line is left out")
                lines[place - 1] = ""
        self._say(1, "too much of it is wrong: no setting is taken from it")
        return {}

    def _read_section(
        self, section: str, content: dict[str, Any], known: Mapping[str, Callable[[object], Value]]
    ) -> None:
        for key, value in content.items():
            if key not in known:
                self._problem(section, key, f"there is no {key} in [{section}]; there is {_listed(known)}")
                continue
            try:
                self._settings.values.setdefault(section, {})[key] = known[key](value)
            except ValueError as error:
                self._problem(section, key, f"{key} {error}")

    def _read_keys(self, content: dict[str, Any]) -> None:
        moved = dict(_flat(content))
        for act, keys in moved.items():
            if not isinstance(keys, str):
                self._problem("keys", act, f"{act} takes a key in quotes")
                continue
            wrong = "" if self._check_key is None else self._check_key(act, keys, moved)
            if wrong:
                self._problem("keys", act, wrong)
            else:
                self._settings.keymap[act] = keys

    def _problem(self, section: str, key: str | None, text: str) -> None:
        self._say(_line_of(self._lines, section, key), f"{text}: this setting is left out")

    def _say(self, line: int, text: str) -> None:
        self._settings.problems.append(f"{self._settings.path}, line {line}: {text}")


def _listed(names: Mapping[str, object]) -> str:
    return ", ".join(names)


def _flat(content: Mapping[str, Any], before: str = "") -> list[tuple[str, Any]]:
    """Without quotes around it, TOML reads ``job.kill`` as a table in a table."""
    found: list[tuple[str, Any]] = []
    for name, value in content.items():
        found += _flat(value, f"{before}{name}.") if isinstance(value, dict) else [(f"{before}{name}", value)]
    return found


def _line_of(lines: list[str], section: str, key: str | None) -> int:
    inside = ""
    headed = 1
    for place, line in enumerate(lines, 1):
        stripped = line.strip()
        if stripped.startswith("["):
            inside = stripped.strip("[] \t").partition("#")[0].strip("] ")
            if inside == section:
                headed = place
        elif key is not None and inside == section:
            name = stripped.partition("=")[0].strip().strip("\"'")
            if name == key:
                return place
    return headed


# --- writing


def _write(path: Path, section: str, key: str, value: Value | None) -> None:
    # A link to the file is kept: people have their settings in a repository.
    path = path.resolve()
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        text = ""
    except UnicodeDecodeError as error:
        raise OSError(f"it is not UTF-8: {error}") from error
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    beside.write_text(changed(text, section, key, value), encoding="utf-8")
    os.replace(beside, path)


def changed(text: str, section: str, key: str, value: Value | None) -> str:
    """A file's text with one value set, or with None taken out, and all else as it was. Pure."""
    lines = text.split("\n")
    written = [] if value is None else [f"{key} = {_written(value)}"]
    begin, end = _section(lines, section)
    if begin is None:
        if not written:
            return text
        head = [] if not text.strip() else [*_without_last_blanks(lines), ""]
        return "\n".join([*head, f"[{section}]", *written, ""])
    for place in range(begin + 1, end):
        found = _KEY.match(lines[place])
        if found is not None and found[1].strip("\"'") == key:
            lines[place : _value_end(lines, place, end)] = written
            return "\n".join(lines)
    while end > begin + 1 and not lines[end - 1].strip():
        end -= 1
    lines[end:end] = written
    return "\n".join(lines)


def _section(lines: list[str], section: str) -> tuple[int | None, int]:
    begin: int | None = None
    for place, line in enumerate(lines):
        if line.lstrip().startswith("["):
            if begin is not None:
                return begin, place
            if line.partition("#")[0].strip() == f"[{section}]":
                begin = place
    return begin, len(lines)


def _value_end(lines: list[str], place: int, end: int) -> int:
    """Behind the last line of a value: a list may have many."""
    for last in range(place + 1, end + 1):
        try:
            tomllib.loads("\n".join(lines[place:last]))
        except tomllib.TOMLDecodeError:
            continue
        return last
    return place + 1


def _without_last_blanks(lines: list[str]) -> list[str]:
    while lines and not lines[-1].strip():
        lines = lines[:-1]
    return lines


def _written(value: Value) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        # A JSON string is a TOML one, but for a character that JSON may leave as it is.
        return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
    if isinstance(value, tuple):
        return f"[{', '.join(map(_written, value))}]"
    return f"{value:g}"
