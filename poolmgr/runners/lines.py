"""Cuts what a program writes to a terminal into the lines that a person would see in the end.

    rows      the last lines, as a terminal shows them: the program may go back to them and write over what is there
    told      a row goes to the log once it is above the cursor, and nothing has changed it for a moment

A bar that writes over itself is its last state.  Programs that draw several bars go up and down between them; the rows
in which they do that are left alone for longer.  A row that changes after it was told is told again.

Of what terminals understand this is the part that such programs use: return, new line, backspace; moves of the cursor
up, down and along a row; erasing.  All else is left out.  What is drawn on the alternate screen is no line.

Pure: the time is given.  One thread at a time.
"""

from __future__ import annotations

import codecs
import math
import re

#: Rows that can be gone back to.  More than most terminals have.
WINDOW = 60
#: Characters of a line; of a longer one the end is kept: a program that never ends one must not fill the memory.
LONGEST = 4096
#: Seconds without a change after which a line is told: a bar's program goes down and up again within a millisecond, and
#: a person who waits for a line does not notice this.
SETTLED = 0.2
#: The same for the rows between which the program goes up and down: bars that change seldom would be told each time.
HELD = 3.0
#: Rows after which a program that has gone up no more is taken to be done with that.
FORGOTTEN = 20

#: Control sequences: CSI with its parameters and its end, OSC and the like, and the short ones.
_ESCAPE = r"\x1b(?:\[([0-?]*)[ -/]*([@-~])|[\]PX^_][^\x07\x1b]*(?:\x07|\x1b\\)?|[ -/]*([0-OQ-WYZ\\`-~]))"
_TOKEN = re.compile(rf"([^\x00-\x08\x0a-\x1f\x7f]+)|{_ESCAPE}|([\x08\r\n])|.", re.DOTALL)
#: One that has not come whole.
_BEGUN = re.compile(r"\x1b(?:\[[0-?]*[ -/]*|[\]PX^_][^\x07\x1b]*\x1b?|[ -/]*)?\Z")
#: Modes that are the alternate screen.
_ALTERNATE = ("?1049", "?1047", "?47")


class _Row:
    """A line as it is shown."""

    __slots__ = ("text", "told", "touched", "written")

    def __init__(self, now: float) -> None:
        self.text = ""
        #: Whether anything ever was in it: one that was erased is no empty line.
        self.written = False
        #: As it was told last; None if it never was.
        self.told: str | None = None
        #: When it was changed, or the cursor was in it.
        self.touched = now

    @property
    def fresh(self) -> bool:
        """Whether it has something that was not told."""
        shown = self.text.rstrip()
        return shown != self.told if shown else self.told is None and not self.written

    def tell(self) -> str:
        """What it shows."""
        self.told = self.text.rstrip()
        return self.told


class Lines:
    """The lines of one program."""

    def __init__(self) -> None:
        self._rows = [_Row(0.0)]
        #: Where the cursor is.
        self._row = self._column = 0
        #: Where it was when the program asked for that to be kept, and is to come back to.
        self._saved: tuple[int, int] | None = None
        #: It is at a place of the screen that is told by numbers, and will be back.
        self._away = False
        #: How many rows up the program went last, and how many new rows there have been since.
        self._reach = self._since = 0
        self._alternate = False
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._rest = ""
        self._now = 0.0

    def feed(self, data: bytes, now: float) -> list[str]:
        """The program has written this; the lines that are to be told."""
        self._now = now
        text = self._rest + self._decoder.decode(data)
        begun = _BEGUN.search(text, max(0, len(text) - LONGEST))
        self._rest = text[begun.start() :] if begun else ""
        first, *others = (text[: begun.start()] if begun else text).split("\n")
        self._write(first)
        for line in others:
            self._new_line()
            self._write(line)
        return self.settled(now)

    def settled(self, now: float) -> list[str]:
        """The lines that are to be told by now."""
        lines = []
        for place in range(self._row):
            row = self._rows[place]
            if row.fresh:
                if now < self._due(place):
                    break
                lines.append(row.tell())
        excess = min(len(self._rows) - WINDOW, self._row)
        if excess > 0:
            del self._rows[:excess]
            self._row -= excess
            if self._saved is not None:
                self._saved = max(0, self._saved[0] - excess), self._saved[1]
        return lines

    def patience(self, now: float) -> int | None:
        """Milliseconds until :meth:`settled` is to be asked; None if nothing waits to be told."""
        due = next((self._due(place) for place in range(self._row) if self._rows[place].fresh), None)
        return None if due is None else max(0, math.ceil((due - now) * 1000))

    def rest(self) -> list[str]:
        """The program has ended: all that was not told."""
        self._write(self._decoder.decode(b"", final=True))
        while len(self._rows) > 1 and not self._rows[-1].text.strip():
            self._rows.pop()
        return [row.tell() for row in self._rows if row.fresh and (row.written or row is not self._rows[-1])]

    def _due(self, place: int) -> float:
        below = len(self._rows) - 1 - place
        if below >= WINDOW:
            return 0.0
        return self._rows[place].touched + (HELD if below <= self._reach else SETTLED)

    # -- what a terminal does

    def _write(self, line: str) -> None:
        """A piece without a new line."""
        if not (self._alternate or self._away) and line.rstrip("\r").isprintable():
            # Most lines of most programs.
            self._put(line.rstrip("\r"))
            if line.endswith("\r"):
                self._column = 0
            return
        for match in _TOKEN.finditer(line):
            text, parameters, final, short, control = match.groups()
            if final and parameters in _ALTERNATE and final in "hl":
                self._alternate = final == "h"
            if self._alternate:
                continue
            if text:
                if not self._away:
                    self._put(text)
            elif final:
                self._obey(final, parameters)
            elif short in ("7", "8"):
                self._obey("s" if short == "7" else "u", "")
            elif short == "M":
                self._go(self._row - 1)
            elif control == "\r":
                self._column = 0
            elif control == "\b":
                self._column = max(0, self._column - 1)

    def _put(self, text: str) -> None:
        if not text:
            return
        row, end = self._rows[self._row], self._column + len(text)
        row.text = row.text[: self._column].ljust(self._column) + text + row.text[end:]
        self._column = end
        row.touched, row.written = self._now, True
        if len(row.text) > LONGEST:
            self._column = max(0, self._column - len(row.text) + LONGEST)
            row.text = row.text[-LONGEST:]

    def _new_line(self) -> None:
        if self._alternate or self._away:
            return
        self._rows[self._row].touched = self._now
        self._row += 1
        self._column = 0
        if self._row == len(self._rows):
            self._rows.append(_Row(self._now))
            self._since += 1
            if self._since > FORGOTTEN:
                self._reach = 0

    def _go(self, place: int) -> None:
        """Go to a row that there is."""
        place = min(max(0, place), len(self._rows) - 1)
        if place < self._row:
            up = len(self._rows) - 1 - place
            self._reach, self._since = max(self._reach, up), 0
        self._rows[self._row].touched = self._now
        self._row = place

    def _obey(self, final: str, parameters: str) -> None:
        """A control sequence; those that are not known do nothing."""
        first = parameters.partition(";")[0]
        number = min(int(first), LONGEST) if first.isdecimal() else 0
        if final in "AF":
            self._go(self._row - max(1, number))
        elif final in "BE":
            self._go(self._row + max(1, number))
        elif final in "CD":
            self._column = min(max(0, self._column + max(1, number) * (1 if final == "C" else -1)), LONGEST - 1)
        elif final == "G":
            self._column = max(0, number - 1)
        elif final == "K":
            self._erase(number)
        elif final == "J":
            self._clear(number)
        elif final == "s":
            self._saved = self._row, self._column
        elif final == "u" and self._saved is not None:
            self._go(self._saved[0])
            self._column, self._saved, self._away = self._saved[1], None, False
        elif final in "Hf":
            self._away = self._saved is not None
            self._clear(2)
        if final in "EF":
            self._column = 0

    def _erase(self, how: int) -> None:
        """Of the cursor's row what is from there on, up to there, or all."""
        row = self._rows[self._row]
        before = "" if how == 2 else " " * (self._column + 1) if how == 1 else row.text[: self._column]
        after = row.text[self._column + 1 :] if how == 1 else ""
        row.text = (before + after) if after else before.rstrip() if how else before
        row.touched = self._now

    def _clear(self, how: int) -> None:
        """What is below the cursor; or the screen: its lines were seen, and stay, and what comes is written below."""
        if how == 0:
            self._erase(0)
            for row in self._rows[self._row + 1 :]:
                row.text = ""
                row.touched = self._now
        elif how in (2, 3) and not self._away and any(row.text for row in self._rows[self._row :]):
            self._row = len(self._rows) - 1
            self._new_line()
