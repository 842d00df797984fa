"""One process after the other: started, watched, waited for, ended in several ways, and none shares a variable.

What to watch:
  - "hasher" computes for a second.  The parent waits 50 ms for it, finds it alive, and waits again to its end.
  - "quitter" ends by itself with exit code 3.  "sleeper" is asked to end (SIGTERM, exit code -15), "stubborn" ignores
    that and is killed (SIGKILL, -9): a negative exit code is the number of the signal.
  - "helper" is a daemon: when the process that started it ends, it is ended too, though it would sleep for a minute.
  - What a child appends to a list, the parent never sees.  Only exit codes come back by themselves.

Runs alone (python demos/process.py), under the screen (poolmgr demo process), and without one (--headless).
"""

from __future__ import annotations

import hashlib
import multiprocessing
import os
import signal
import sys
import sysconfig
import time
from multiprocessing.connection import Connection
from multiprocessing.context import BaseContext
from multiprocessing.synchronize import Event
from pathlib import Path

from poolmgr.demos import arguments, check, figures, raised

LIBRARY = Path(sysconfig.get_path("stdlib"))

#: Every process has a list of this name, and no two of them are the same list.
notes: list[str] = []


def hash_library(pattern: str, *, rounds: int) -> int:
    """Hash files of the standard library, again and again.  What it returns is lost: a process has no result."""
    digest = hashlib.sha256()
    for _ in range(rounds):
        for path in sorted(LIBRARY.glob(pattern)):
            digest.update(path.read_bytes())
            notes.append(path.name)
    return len(notes)


def quit_early() -> None:
    """End with an exit code of one's own."""
    sys.exit(3)


def sleep(ready: Event) -> None:
    """What a download that hangs looks like from outside."""
    ready.set()
    time.sleep(60)


def ignore_and_sleep(ready: Event) -> None:
    """The same, in a library that has taken SIGTERM for itself."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    sleep(ready)


def start_helper(method: str, writer: Connection) -> None:
    """Start a daemon, tell its pid, and end."""
    ctx = multiprocessing.get_context(method)
    ready = ctx.Event()
    helper = ctx.Process(target=hold_and_sleep, args=(writer, ready), name="helper", daemon=True)
    helper.start()
    ready.wait()
    writer.send(helper.pid)


def hold_and_sleep(writer: Connection, ready: Event) -> None:
    """Have the pipe's end too, so that the pipe stays open for as long as this lives."""
    sleep(ready)


def live(ctx: BaseContext, rounds: int) -> float:
    """target, args, kwargs and name; start, is_alive, join.  Returns the seconds that the process took."""
    print("1. target, args, kwargs and name; start, is_alive, join with and without a timeout")
    hasher = ctx.Process(target=hash_library, args=("*.py",), kwargs={"rounds": rounds}, name="hasher")
    check("before start() there is no process yet: no pid, not alive", (hasher.pid, hasher.is_alive()) == (None, False))
    began = time.monotonic()
    hasher.start()
    hasher.join(timeout=0.05)
    print(f"  after 50 ms: pid {hasher.pid}, alive {hasher.is_alive()}, exit code {hasher.exitcode}")
    hasher.join()
    seconds = time.monotonic() - began
    print(f"  after {seconds:.2f} s: alive {hasher.is_alive()}, exit code {hasher.exitcode}")
    check("it ended well: exit code 0", hasher.exitcode == 0)
    check("the child noted every file in its list, the parent's list is empty: memory is not shared", notes == [])
    hasher.close()
    error = raised(hasher.is_alive)
    check(f"after close() it cannot be asked any more: {error}", isinstance(error, ValueError))
    return seconds


def end(ctx: BaseContext) -> None:
    """Ways to end."""
    print("2. sys.exit, terminate and kill")
    quitter = ctx.Process(target=quit_early, name="quitter")
    quitter.start()
    quitter.join()
    check("sys.exit(3) in the child is exit code 3 in the parent", quitter.exitcode == 3)
    ready = ctx.Event()
    sleeper = ctx.Process(target=sleep, args=(ready,), name="sleeper")
    sleeper.start()
    ready.wait()
    sleeper.terminate()
    sleeper.join()
    check("terminate() asks: exit code -15, the number of SIGTERM", sleeper.exitcode == -signal.SIGTERM)
    # Another Event: whoever is ended at any moment may have died with the lock of the first one.
    ready = ctx.Event()
    stubborn = ctx.Process(target=ignore_and_sleep, args=(ready,), name="stubborn")
    stubborn.start()
    ready.wait()
    stubborn.terminate()
    stubborn.join(timeout=0.2)
    check("a process that ignores SIGTERM outlives terminate()", stubborn.is_alive())
    stubborn.kill()
    stubborn.join()
    check("kill() does not ask: exit code -9, the number of SIGKILL", stubborn.exitcode == -signal.SIGKILL)


def follow(ctx: BaseContext) -> None:
    """A daemon ends with whoever started it."""
    print("3. a daemon")
    reader, writer = ctx.Pipe(duplex=False)
    starter = ctx.Process(target=start_helper, args=(ctx.get_start_method(), writer), name="starter")
    starter.start()
    writer.close()
    helper = reader.recv()
    starter.join()
    error = raised(reader.recv) if reader.poll(10) else None
    check(f"helper {helper} ended with its starter: nobody has the pipe's other end", isinstance(error, EOFError))


def main() -> None:
    """Start them one after the other."""
    options = arguments(__doc__)
    ctx = multiprocessing.get_context(options.start_method)
    seconds = live(ctx, 1 if options.quick else 120)
    end(ctx)
    follow(ctx)
    check("no child of this process is left", multiprocessing.active_children() == [])
    figures(hasher_seconds=seconds, pid=os.getpid())


if __name__ == "__main__":
    main()
