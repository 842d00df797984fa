"""The pool: every way to submit, what each of them waits for, and in which order results come back.

What to watch:
  - Each worker compiles its patterns once, in the initializer, and uses them for all its jobs.
  - apply and map wait; the _async ones return at once.  map gives the results in the order of the input, imap too, one
    by one; imap_unordered gives each as soon as it is there, so the largest file, submitted first, comes late.
  - Callbacks run in a thread of this program.  While one runs, no other result is handed over.
  - close() lets the workers finish; terminate() does not: what had not ended never will.

Runs alone (python demos/pool.py), under the screen (poolmgr demo pool), and without one (--headless).
"""

from __future__ import annotations

import io
import itertools
import multiprocessing
import os
import re
import sysconfig
import threading
import time
import tokenize
from multiprocessing.pool import Pool
from pathlib import Path

from poolmgr.demos import arguments, check, figures, raised

LIBRARY = Path(sysconfig.get_path("stdlib"))

#: Set in each worker by the initializer; in this process it stays empty.
patterns: dict[str, re.Pattern[str]] = {}


def prepare(words: tuple[str, ...]) -> None:
    """Run once in each worker, before its first job."""
    for word in words:
        patterns[word] = re.compile(rf"\b{word}\b")


def tokens_in(name: str) -> tuple[str, int]:
    """How many tokens a source has."""
    text = (LIBRARY / name).read_text(encoding="utf-8")
    return name, sum(1 for _ in tokenize.generate_tokens(io.StringIO(text).readline))


def uses_of(word: str, name: str) -> int:
    """How often a word stands in a source."""
    return len(patterns[word].findall((LIBRARY / name).read_text(encoding="utf-8")))


def wait_for_ever() -> None:
    """A job that does not end by itself."""
    threading.Event().wait()


def submit_one(pool: Pool, largest: str) -> None:
    """apply and apply_async."""
    print("1. one job: apply waits, apply_async does not")
    began = time.monotonic()
    _, tokens = pool.apply(tokens_in, (largest,))
    print(f"  apply came back after {time.monotonic() - began:.3f} s, with the result: {largest} has {tokens:,} tokens")
    began = time.monotonic()
    job = pool.apply_async(tokens_in, (largest,))
    print(f"  apply_async came back after {time.monotonic() - began:.6f} s, with an AsyncResult")
    check("its get() gives what apply gave", job.get() == (largest, tokens))

    called: list[tuple[str, object]] = []

    def note(value: object) -> None:
        called.append((threading.current_thread().name, value))

    pool.apply_async(tokens_in, (largest,), callback=note).wait()
    failed = pool.apply_async(tokens_in, ("no_such_file.py",), callback=note, error_callback=note)
    failed.wait()
    check("callback got the result", called[0][1] == (largest, tokens))
    check(f"error_callback got {type(called[1][1]).__name__}", isinstance(called[1][1], FileNotFoundError))
    check("both ran in a thread of this process, not in the main one", "MainThread" not in dict(called))


def submit_many(pool: Pool, names: list[str]) -> int:
    """map and its kin, on files from the largest to the smallest."""
    print(f"2. {len(names)} jobs: in which order do results come?")
    began = time.monotonic()
    mapped = pool.map(tokens_in, names, chunksize=4)
    seconds = time.monotonic() - began
    check(f"map: all at once after {seconds:.2f} s, in the order of the input", [name for name, _ in mapped] == names)
    later = pool.map_async(tokens_in, names)
    print(f"  map_async: came back at once, ready() is {later.ready()}")
    check("its get() gives what map gave", later.get() == mapped)

    began = time.monotonic()
    ordered = []
    for pair in pool.imap(tokens_in, names):
        if not ordered:
            print(f"  imap: the first after {time.monotonic() - began:.3f} s, {pair[0]}")
        ordered.append(pair)
    check("imap: one by one, in the order of the input", ordered == mapped)
    began = time.monotonic()
    loose = []
    for pair in pool.imap_unordered(tokens_in, names, chunksize=2):
        if not loose:
            print(f"  imap_unordered: the first after {time.monotonic() - began:.3f} s, {pair[0]}")
        loose.append(pair)
    place = [name for name, _ in loose].index(names[0])
    print(f"  imap_unordered: {names[0]} was submitted first and came as number {place + 1}")
    check("imap_unordered: each once, in the order in which they ended", sorted(loose) == sorted(mapped))
    pairs = list(itertools.product(("def", "class", "return"), names))
    uses = pool.starmap(uses_of, pairs)
    check("starmap: several arguments for each call, one result for each", len(uses) == len(pairs))
    print(f"  def {sum(uses[: len(names)]):,} times, class {sum(uses[len(names) : 2 * len(names)]):,} times")
    return sum(tokens for _, tokens in mapped)


def main() -> None:
    """One job, many jobs, and the two ways to end."""
    options = arguments(__doc__, workers=2)
    ctx = multiprocessing.get_context(options.start_method)
    paths = LIBRARY.glob("[a-b]*.py" if options.quick else "*.py")
    names = [path.name for path in sorted(paths, key=lambda path: path.stat().st_size, reverse=True)]

    with ctx.Pool(options.workers, initializer=prepare, initargs=(("def", "class", "return"),)) as pool:
        submit_one(pool, names[0])
        total = submit_many(pool, names)
        check("the initializer ran in the workers, and not here", patterns == {})
        print("3. the end: close and join, or terminate")
        last = pool.apply_async(os.getpid)
        check("join() before close() is refused", isinstance(raised(pool.join), ValueError))
        pool.close()
        check("after close() nothing more can be submitted", isinstance(raised(pool.apply_async, abs), ValueError))
        pool.join()
        check("what was submitted before was still done", last.successful())

    with ctx.Pool(options.workers) as pool:
        endless = pool.apply_async(wait_for_ever)
        check("get(timeout=0.1) gives up", isinstance(raised(endless.get, timeout=0.1), multiprocessing.TimeoutError))
    # Leaving the with statement is terminate(), not close().
    pool.join()
    check("terminate() ended a job that would never have ended, and it never becomes ready", not endless.ready())
    check("no worker is left", multiprocessing.active_children() == [])
    figures(workers=options.workers, files=len(names), tokens=total)


if __name__ == "__main__":
    main()
