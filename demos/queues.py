"""Queues: readers of files, counters of names, and a bound between them that makes the fast side wait.

What to watch:
  - Two readers put the standard library's sources into a queue with room for eight, three counters take them out and
    count the names in them.
  - Counting takes longer than reading, so the queue is full nearly all the time and the readers wait in put(): that
    is back pressure.  Without a bound they would read everything into memory.
  - First in, first out: a counter meets the files of a reader in the order in which that put them.
  - A JoinableQueue knows when all that was put has been dealt with, not only taken.

Runs alone (python demos/queues.py), under the screen (poolmgr demo queue), and without one (--headless).  The file is
not called queue.py: the standard library has a module of that name, which multiprocessing itself imports.
"""

from __future__ import annotations

import io
import multiprocessing
import queue
import sysconfig
import time
import tokenize
from collections import Counter
from multiprocessing.context import BaseContext
from multiprocessing.queues import JoinableQueue, Queue
from pathlib import Path
from typing import Any

from poolmgr.demos import arguments, check, figures, raised

LIBRARY = Path(sysconfig.get_path("stdlib"))
ROOM, READERS, COUNTERS = 8, 2, 3
#: One file: its reader, its number among that reader's, its text.  None says that no more will come.
Item = tuple[int, int, str]


def read(reader: int, paths: list[Path], files: JoinableQueue[Item | None], report: Queue[tuple[str, Any]]) -> None:
    """Put the text of each file into the queue, and report the seconds for which there was no room."""
    waited = 0.0
    for number, path in enumerate(paths):
        text = _text(path)
        began = time.monotonic()
        files.put((reader, number, text))
        waited += time.monotonic() - began
    report.put(("waited", waited))


def _text(path: Path) -> str:
    return path.read_text(encoding="utf-8", errors="replace")


def names_in(text: str) -> Counter[str]:
    """How often each name stands in a source."""
    tokens = tokenize.generate_tokens(io.StringIO(text).readline)
    return Counter(token.string for token in tokens if token.type == tokenize.NAME)


def count(files: JoinableQueue[Item | None], report: Queue[tuple[str, Any]]) -> None:
    """Count names until there is nothing more, and report them, and how many files came in the wrong order."""
    names: Counter[str] = Counter()
    taken, last, late = 0, dict.fromkeys(range(READERS), -1), 0
    while (item := files.get()) is not None:
        reader, number, text = item
        late += number < last[reader]
        last[reader] = number
        names.update(names_in(text))
        taken += 1
        # Only now: join() is to return when the names are counted, not when the text has left the queue.
        files.task_done()
    files.task_done()
    report.put(("counted", (taken, late, names)))


def show_the_calls(ctx: BaseContext) -> None:
    """put and get, with and without waiting, on a queue with room for two."""
    print("1. a queue with room for two")
    small: Queue[str] = ctx.Queue(2)
    small.put("first")
    small.put("second", timeout=1)
    check("after two it is full", small.full())
    error = raised(small.put, "third", block=False)
    check(f"put(block=False) raises {type(error).__name__} at once", isinstance(error, queue.Full))
    error = raised(small.put, "third", timeout=0.1)
    check(f"put(timeout=0.1) raises {type(error).__name__} after 0.1 s", isinstance(error, queue.Full))
    print(f"  qsize() {small.qsize()}, empty() {small.empty()}: true for a moment, if others use the queue")
    check("first in, first out", [small.get(), small.get(timeout=1)] == ["first", "second"])
    error = raised(small.get, timeout=0.1)
    check(f"get(timeout=0.1) on an empty queue raises {type(error).__name__}", isinstance(error, queue.Empty))
    error = raised(small.get_nowait)
    check("get_nowait() is get(block=False)", isinstance(error, queue.Empty))
    small.close()
    small.join_thread()
    check("after close() this process puts nothing more", isinstance(raised(small.put, "late"), ValueError))


def run_the_pipeline(ctx: BaseContext, paths: list[Path]) -> None:
    """Readers, a bounded queue, counters, and a queue for what they found."""
    print(f"2. {READERS} readers -> queue of {ROOM} -> {COUNTERS} counters -> results, {len(paths)} files")
    files: JoinableQueue[Item | None] = ctx.JoinableQueue(ROOM)
    report: Queue[tuple[str, Any]] = ctx.Queue()
    began = time.monotonic()
    readers = [
        ctx.Process(target=read, args=(each, paths[each::READERS], files, report), name=f"reader-{each}")
        for each in range(READERS)
    ]
    counters = [
        ctx.Process(target=count, args=(files, report), name=f"counter-{each}", daemon=True) for each in range(COUNTERS)
    ]
    for process in readers + counters:
        process.start()
    fullest = 0
    while any(reader.is_alive() for reader in readers):
        fullest = max(fullest, files.qsize())
        time.sleep(0.02)
    # Not before the readers have ended: put() returns while the item is still on its way, in a thread of the reader,
    # and a None of this process could overtake it.  The order of a queue is that of each process by itself.
    waited = [report.get()[1] for _ in readers]
    for _ in counters:
        files.put(None)
    files.join()
    seconds = time.monotonic() - began
    # What was put into report is taken out before join(): a process ends only when its puts have left it.
    found = [report.get()[1] for _ in counters]
    for process in readers + counters:
        process.join()
    print(f"  in {seconds:.1f} s; readers waited in put() for {', '.join(f'{each:.1f} s' for each in waited)}")
    print(f"  files by counter: {', '.join(str(taken) for taken, _, _ in found)}")
    check("every file was counted once", sum(taken for taken, _, _ in found) == len(paths))
    check("no counter met a reader's files in another order than they were put", not any(late for _, late, _ in found))
    check(f"there were never more than {ROOM} in the queue", fullest <= ROOM)
    names = sum((each for _, _, each in found), Counter())
    largest = max(paths, key=lambda path: path.stat().st_size)
    check(f"all names of {largest.name} are among what they counted", names_in(_text(largest)) <= names)
    print("  most frequent:", ", ".join(f"{name} {times:,}" for name, times in names.most_common(5)))
    figures(files=len(paths), names=names.total(), fullest=fullest, waited=sum(waited))


def main() -> None:
    """The calls, then the pipeline."""
    options = arguments(__doc__)
    ctx = multiprocessing.get_context(options.start_method)
    show_the_calls(ctx)
    # Python's own tests are the most of its sources, where they are installed.
    paths = sorted(LIBRARY.glob("[a-b]*.py" if options.quick else "test/test_[a-p]*.py"))
    run_the_pipeline(ctx, paths or sorted(LIBRARY.glob("*.py")))


if __name__ == "__main__":
    main()
