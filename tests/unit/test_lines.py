"""The lines of a program, as a person would have seen them in the end."""

from __future__ import annotations

import io
import random

import pyte
import pytest
from tqdm import tqdm

from poolmgr.runners.lines import HELD, LONGEST, SETTLED, WINDOW, Lines

LATER = SETTLED + 0.01


def shown(data: bytes, *, piece: int = 1 << 16) -> list[str]:
    """All lines of a program that writes this at once, in pieces, and ends."""
    lines, told = Lines(), []
    for begin in range(0, len(data), piece):
        told += lines.feed(data[begin : begin + piece], 0.0)
    return told + lines.rest()


def test_lines_are_what_is_seen_in_the_end() -> None:
    """A bar that writes over itself is its last state; colours and titles are left out."""
    lines = Lines()
    assert lines.feed(b"  0%|  |\r 50%|# |\r", 0.0) == []
    assert lines.feed(b"100%|##|\r\nnext \x1b[31mred\x1b[0m\x1b]0;title\x07\r\nunfin", 1.0) == []
    assert lines.settled(1.0 + LATER) == ["100%|##|", "next red"]
    assert lines.feed("isch\u00e9d".encode()[:5], 2.0) == []
    assert lines.rest() == ["unfinisch\ufffd"]
    assert lines.rest() == []


def test_line_is_told_when_it_has_settled() -> None:
    """A line that has ended is told a moment later, in order, and says when that is; one that has not is not."""
    lines = Lines()
    assert lines.patience(0.0) is None
    assert lines.feed(b"one\r\n\r\ntw", 0.0) == []
    assert lines.patience(0.0) == round(SETTLED * 1000)
    assert lines.settled(SETTLED / 2) == []
    assert lines.settled(LATER) == ["one", ""]
    assert lines.patience(LATER) is None
    assert lines.feed(b"o\r\n", 5.0) == []
    assert lines.settled(5.0 + LATER) == ["two"]


def test_bars_that_go_up_and_down_are_told_once() -> None:
    """Two bars, of which the cursor rests at the upper one, are two lines, with what they showed last."""
    lines, told = Lines(), []
    for step in range(11):
        bar = f"\router {step}\n\rinner {step}\x1b[A".encode()
        # A second between two steps, and each in two pieces.
        told += lines.feed(bar[:9], step)
        told += lines.feed(bar[9:], step)
        told += lines.settled(step + 0.9)
    assert told == []
    told += lines.feed(b"\n\nafter\n", 20.0)
    assert told + lines.settled(20.0 + HELD) == ["outer 10", "inner 10", "after"]


def test_bars_that_are_drawn_anew_from_below_are_told_once() -> None:
    """Lines to which the program comes back from below them are told when that has ended."""
    lines, told = Lines(), []
    told += lines.feed(b"a 0\nb 0\nc 0\n", 0.0)
    for step in range(1, 8):
        told += lines.feed(f"\x1b[3A\r\x1b[2Ka {step}\n\x1b[Kb {step}\n\x1b[2K\rc {step}\n".encode(), step / 8)
    assert told == []
    assert lines.settled(7 / 8 + LATER) == []
    assert lines.settled(7 / 8 + HELD + 0.01) == ["a 7", "b 7", "c 7"]
    assert lines.feed(b"\x1b[3Aa 8\n\n\n", 9.0) == []
    assert lines.settled(9.0 + HELD + 0.01) == ["a 8"]
    assert lines.rest() == []


def test_lines_after_the_bars_are_told_at_once_again() -> None:
    """A program that has gone up once, long ago, does not wait for the rest of its life."""
    lines = Lines()
    lines.feed(b"1\n2\n\x1b[2Ax\n\n" + b"more\n" * 30, 0.0)
    assert lines.settled(LATER)[:3] == ["x", "2", "more"]
    lines.feed(b"last\n", 1.0)
    assert lines.settled(1.0 + LATER) == ["last"]


def test_erased_bar_is_no_line() -> None:
    """A bar that goes away when it is done, as tqdm's with ``leave=False``, leaves nothing, not even an empty line."""
    assert shown(b"outer\n\rinner 1\x1b[A\n\r       \r\x1b[A\nnext\n") == ["outer", "next"]
    assert shown(b"a\n\rinner 1\r\x1b[K\nb\n") == ["a", "b"]
    assert shown(b"a\n\nb\n") == ["a", "", "b"]


@pytest.mark.parametrize(
    ("data", "rows"),
    [
        (b"abcdef\rxy\n", ["xycdef"]),
        (b"abc\b\bX\n", ["aXc"]),
        (b"abc\x1b[2DX\x1b[CY\n", ["aXcY"]),
        (b"abc\x1b[6Gd\n", ["abc  d"]),
        (b"abcdef\x1b[3G\x1b[1K\n", ["   def"]),
        (b"a\nb\nc\x1b[2F\x1b[Jx\ny\n", ["x", "y"]),
        (b"a\nb\x1b[9Ax\x1b[9By\n", ["ax", "b y"]),
        (b"a\x1b[1;1Hb\x1b[2Jc\n", ["a", "b", "c"]),
        (b"a\x1b7\x1b[24;1Hstatus\x1b8b\n", ["ab"]),
        (b"a\x1b[sb\x1b[uc\n", ["ac"]),
        (b"a\n\x1b[?1049h\x1b[2Jeditor\nfull\x1b[?1049lb\n", ["a", "b"]),
        (b"\x1b[38;5;3mred\x1b(B\x1b[m\x1b[?25l\x1b=\n", ["red"]),
        (b"a\tb\n", ["a\tb"]),
        ("中文\r日\n".encode(), ["日文"]),
        (b"\x1b[99999999999999999999Ax\x1b[;;Ay\x1b[99999999999999Cz", ["xy" + " " * (LONGEST - 3) + "z"]),
    ],
)
def test_what_a_terminal_does(data: bytes, rows: list[str]) -> None:
    """Moves and erasing do what a terminal does, and do the same when they come byte by byte."""
    assert shown(data) == rows
    assert shown(data, piece=1) == rows


def test_flood_is_told_whole_and_what_waits_is_bounded() -> None:
    """Of many lines at once those are told that nothing can reach any more; none is lost, and the order stays."""
    lines = Lines()
    told = lines.feed(b"".join(b"%d\n" % number for number in range(5000)), 0.0)
    assert 5000 - WINDOW <= len(told) < 5000
    assert told + lines.rest() == [str(number) for number in range(5000)]


def test_a_line_without_end_is_bounded() -> None:
    """A program that never ends one, nor a sequence, does not fill the memory."""
    lines = Lines()
    for _ in range(100):
        lines.feed(b"x" * 1000, 0.0)
    (line,) = lines.rest()
    assert len(line) == LONGEST
    lines = Lines()
    lines.feed(b"\x1b]0;", 0.0)
    for _ in range(100):
        lines.feed(b"x" * 1000, 0.0)
    assert sum(map(len, lines.rest())) <= LONGEST


def test_noise_does_no_harm() -> None:
    """Whatever bytes come, in whatever pieces, lines come out and nothing is raised."""
    chance = random.Random(7)
    alphabet = [
        b"\x1b[",
        b"\x1b",
        b"A",
        b"B",
        b"5",
        b";",
        b"?1049h",
        b"?1049l",
        b"\n",
        b"\r",
        b"J",
        b"K",
        b"x",
        b"\xff",
    ]
    lines = Lines()
    for step in range(3000):
        lines.feed(b"".join(chance.choices(alphabet, k=chance.randrange(20))), step / 100)
        wait = lines.patience(step / 100)
        assert wait is None or wait > 0
    lines.rest()


def on_a_terminal(data: bytes) -> list[str]:
    """The rows of a terminal in the end, but for those that are empty."""
    screen = pyte.Screen(600, WINDOW)
    pyte.ByteStream(screen).feed(data.replace(b"\n", b"\r\n"))
    return [row.rstrip() for row in screen.display if row.strip()]


def test_it_is_what_a_terminal_shows() -> None:
    """Programs of random moves, texts and erasings leave the lines that a whole terminal's emulation leaves."""
    chance = random.Random(11)
    pieces = ["\n", "\n", "\r", "\b", "word", "x", "12345678 ", "\x1b[A", "\x1b[2A", "\x1b[C", "\x1b[3D", "\x1b[4G"]
    pieces += ["\x1b[K", "\x1b[1K", "\x1b[2K", "\x1b[J", "\x1b[F", "\x1b[32m", "\x1b7"]
    for _ in range(80):
        # Within a window, at the top of which a terminal stops.
        data = "".join(chance.choices(pieces, k=50)).encode()
        assert [line for line in shown(data) if line] == on_a_terminal(data), data


class Bars(io.StringIO):
    """What tqdm draws on."""

    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize("leave", [True, False])
def test_bars_of_tqdm(leave: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """Three bars of tqdm, each in its place, and a line that is written between them."""
    # It would have a thread of its own.
    monkeypatch.setattr(tqdm, "monitor_interval", 0)
    file = Bars()
    make = {"file": file, "mininterval": 0, "bar_format": "{desc} {n}/{total}"}
    with tqdm(total=3, desc="outer", **make) as outer:
        for step in range(3):
            with tqdm(total=2, desc="middle", position=1, leave=leave, **make) as middle:
                for _ in range(2):
                    with tqdm(total=2, desc="inner", position=2, leave=False, **make) as inner:
                        inner.update(1)
                        inner.update(1)
                    middle.update(1)
            outer.update(1)
            tqdm.write(f"step {step}", file=file)
    written = file.getvalue().encode()
    told = [line for line in shown(written, piece=7) if line]
    assert told == on_a_terminal(written)
    assert told.count("outer 3/3") == 1
    assert not [line for line in told if "inner" in line]
    if not leave:
        assert told == ["step 0", "step 1", "step 2", "outer 3/3"]
