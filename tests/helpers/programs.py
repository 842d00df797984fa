"""Python programs of a test's own: started, spoken to by lines, killed, and never left behind."""

from __future__ import annotations

import subprocess
import sys
import textwrap
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def program(source: str, *args: str) -> Iterator[subprocess.Popen[str]]:
    """Run ``source`` in a new interpreter with pipes on its input and output; it is killed at the end."""
    process = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(source), *args],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def line(process: subprocess.Popen[str]) -> str:
    """The next line that the program prints; an error if it ended instead."""
    assert process.stdout is not None
    text = process.stdout.readline()
    assert text, f"the program ended with code {process.wait()} without a word"
    return text.rstrip("\n")
