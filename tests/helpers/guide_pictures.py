"""Takes the pictures of the guide: each from a run of its demo on a terminal, by the program's own export.

    python -m tests.helpers.guide_pictures [NAME ...]

A demo ends by itself, and what a page talks about may be on the screen for a moment only.  So the picture is taken as
soon as the screen shows it, and once more if it was gone by then.  Look at each before you commit it.
"""

from __future__ import annotations

import html
import re
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from tests.helpers.terminal import Terminal, terminal

FOLDER = Path(__file__).resolve().parents[2] / "docs" / "guide" / "pictures"
DEMOS = FOLDER.parents[2] / "demos"
COLUMNS, LINES = 120, 36
END, CLEAR = "\x1b[F", "\x15"
#: A click on the notice that lies over the last lines of the screen, which takes it away.
CLICK = f"\x1b[<0;{COLUMNS - 20};{LINES - 2}M\x1b[<0;{COLUMNS - 20};{LINES - 2}m"
#: Seconds after which the keys are pressed again.
AGAIN = 3.0
#: Seconds that a run is watched for its moment: the longest demo takes about fifteen.
LONGEST = 20.0
#: Runs of a demo that may miss the moment.
RUNS = 6


@dataclass(frozen=True)
class Shot:
    """What is to be seen of a demo."""

    keys: str
    #: What the screen has to show, as patterns.
    shows: tuple[str, ...]
    #: Whether it is over before there is a screen: Python is to stay after it then, as with ``python -i``.
    stays: bool = False


SHOTS = {
    "process": Shot("1", (r"2 processes", r"w2 .*\d+M", r"out +")),
    "queue": Shot("7", (r"8 of 8 items", r"to put", r"held +by", r"sent")),
    "pipe": Shot("7", (r"[1-9][\d.]* K?B (waiting|for)",)),
    "pool": Shot("1", (r"imap: the first", r"w1 .*R▸", r"w2 .*R▸", r"\d+/\d+ tasks")),
    "async_result": Shot("3", (r"R▸ *pack", r"F✗ *pack", r"D✓ *pack")),
    "shared_memory": Shot("7", (r"W‖ value", r"waits", r"held +by")),
    "synchronisation": Shot("7", (r"barrier", r"\d of 3 here", r"waits", r"accounts")),
    "start_methods": Shot("1", (r"resource_tracker", r"spawn import spawn")),
    "costs": Shot("1", (r"list, 4,096 KiB", r"is_prime")),
    "errors": Shot("O", (r"L! *count_lines", r"out +", r"JSONDecodeError"), stays=True),
    "executors": Shot("1", (r"PoolExecutor", r"digest_of")),
    "manager": Shot("1", (r"2 processes",)),
    "deadlock": Shot("7", (r"1 DEADLOCK", r"stack", r"transfer_crossed")),
}


def take(name: str, shot: Shot, file: Path) -> bool:
    """Run the demo once, and save the picture; False if its moment did not come, or was missed."""
    with tempfile.TemporaryDirectory() as folder:
        picture = Path(folder, "picture.svg")
        command = (
            ("run", "--name", name, sys.executable, "-i", str(DEMOS / f"{name}.py")) if shot.stays else ("demo", name)
        )
        with terminal(*command, cwd=Path(folder), columns=COLUMNS, lines=LINES) as screen:
            deadline, pressed = time.monotonic() + LONGEST, 0.0
            while screen.process.poll() is None and time.monotonic() < deadline:
                # Once more now and then: a pool that they lead to may not have been there.
                if "?help" in screen.read() and time.monotonic() - pressed > AGAIN:
                    screen.type(CLICK + shot.keys)
                    pressed = time.monotonic()
                if shown(shot, screen.read()) and export(screen, picture) and shown(shot, text_of(picture)):
                    file.write_bytes(picture.read_bytes())
                    # What stays ends with its terminal.
                    return shot.stays or screen.wait() == 0
            return False


def shown(shot: Shot, text: str) -> bool:
    """Whether a screen shows what it is to show."""
    return all(re.search(pattern, text) for pattern in shot.shows)


def export(screen: Terminal, file: Path) -> bool:
    """Save the screen, as a person does; False if the program ended meanwhile."""
    file.unlink(missing_ok=True)

    def until(done: Callable[[str], bool], again: str = "") -> bool:
        while not done(screen.read()):
            if screen.process.poll() is not None:
                return False
            screen.type(again)
        return True

    # Step by step: keys that are typed ahead go to what is in focus when they are read.
    screen.type("w")
    if not until(lambda text: "into the file" in text):
        return False
    screen.type(END)
    if not until(lambda text: ".svg" in text):
        return False
    screen.type("\r")
    if not until(lambda text: ".svg" not in text, CLEAR):
        return False
    screen.type(str(file))
    if not until(lambda text: file.name in text):
        return False
    screen.type("\r")
    if not until(lambda text: file.exists() and "</svg>" in file.read_text(encoding="utf-8")):
        return False
    until(lambda text: "into the file" not in text)
    return True


def text_of(picture: Path) -> str:
    """The text of a picture, line by line."""
    rows: dict[str, list[str]] = {}
    for top, text in re.findall(r'<text[^>]* y="([\d.]+)"[^>]*>([^<]*)</text>', picture.read_text(encoding="utf-8")):
        rows.setdefault(top, []).append(html.unescape(text).replace("\xa0", " "))
    return "\n".join(" ".join(row) for row in rows.values())


def main() -> None:
    """All, or those that were named."""
    FOLDER.mkdir(exist_ok=True)
    for name in sys.argv[1:] or SHOTS:
        taken = any(take(name, SHOTS[name], FOLDER / f"{name}.svg") for _ in range(RUNS))
        print(name, "is taken" if taken else "is NOT taken: what it is to show was not seen", flush=True)


if __name__ == "__main__":
    main()
