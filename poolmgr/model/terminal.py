"""The seam between the app and the terminal of a program that runs beside it."""

from __future__ import annotations

from typing import Protocol


class OwnTerminal(Protocol):
    """A program's own terminal, which takes turns with the screen on the person's."""

    def visit(self) -> bool:
        """Show it in place of the screen, and pass keys to the program, until the person comes back.

        Returns:
            Whether there is a program to come back from: False once it has ended.
        """
        ...

    def fit(self) -> None:
        """Give it the size of the person's terminal."""
        ...

    @property
    def ended(self) -> bool:
        """Whether the program has ended."""
        ...

    def awaits_input(self) -> bool:
        """Whether the program waits for something to be typed. Cheap; False where nobody can tell."""
        ...
