"""The file whose lines are jobs: text as it stands, or JSON where the name says so.

Thread: the caller's.
"""

from __future__ import annotations

import json
import os
from typing import Any

from poolmgr.errors import UsageError

#: Endings of files with a JSON value in each line.
JSON_LINES = (".jsonl", ".ndjson")


def read_items(path: str, most: int) -> list[Any]:
    """What stands in each line that is not blank.

    Args:
        path: The file; ``.jsonl`` and ``.ndjson`` hold a JSON value in each line, all others text.
        most: Lines that it may have.

    Raises:
        UsageError: It cannot be read, has no line or too many, or a line is not JSON. Names the file and the line.
    """
    path = os.path.expanduser(path)
    as_json = path.lower().endswith(JSON_LINES)
    items: list[Any] = []
    try:
        with open(path, encoding="utf-8") as file:
            for number, line in enumerate(file, 1):
                text = line.rstrip("\r\n")
                if not text.strip():
                    continue
                if len(items) == most:
                    raise UsageError(f"{path} has more than {most:,} lines: split it")
                items.append(_value(text, path, number) if as_json else text)
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror or error}") from error
    except UnicodeDecodeError as error:
        raise UsageError(f"{path} is no text in UTF-8: byte {error.start} is {error.object[error.start]:#x}") from error
    if not items:
        raise UsageError(f"{path} has no line with anything in it")
    return items


def _value(text: str, path: str, number: int) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise UsageError(f"{path}, line {number}: not JSON: {error}") from error
