"""What goes wrong, and what one sees of it: exceptions in children, what cannot be pickled, and a worker that dies.

What to watch:
  - A Process that raises prints its traceback itself, and its parent sees exit code 1 and nothing else.  A pool brings
    the exception back, with the worker's traceback as its cause.
  - Functions travel by their name, so a lambda does not travel at all; neither does anything that is open or alive.
  - A worker of the stock pool is killed in the middle of a job.  The pool starts another one, and the job is lost:
    get() would wait for ever, so it is given two seconds.  With poolmgr.Pool get() says who died, and how.
  - A with statement ends a pool whatever happens inside it.

Runs alone (python demos/errors.py), under the screen (poolmgr demo errors), and without one (--headless).
"""

from __future__ import annotations

import json
import multiprocessing
import os
import signal
import sys
import sysconfig
import threading
import time
from multiprocessing.context import BaseContext
from multiprocessing.pool import Pool
from multiprocessing.reduction import ForkingPickler
from pathlib import Path

import poolmgr
from poolmgr.demos import arguments, check, figures, raised

LIBRARY = Path(sysconfig.get_path("stdlib"))


def read_settings(text: str) -> int:
    """Parse JSON, and fail as JSON fails."""
    return len(json.loads(text))


def read_settings_aloud(text: str) -> None:
    """The same as a process of its own.  Its traceback would go to stderr; here it goes where all the rest goes."""
    sys.stderr = sys.stdout
    read_settings(text)


def count_lines(name: str) -> int:
    """Count a file's lines, unless the machine kills this process half-way, as it does when memory runs out."""
    text = (LIBRARY / name).read_text(encoding="utf-8")
    if name == "this.py":
        os.kill(os.getpid(), signal.SIGKILL)
    return text.count("\n")


def in_a_process(ctx: BaseContext) -> None:
    """What the parent of a process that raised gets to know."""
    print("1. an exception in a Process", flush=True)
    process = ctx.Process(target=read_settings_aloud, args=('{"workers": }',), name="settings")
    process.start()
    process.join()
    check("the parent sees exit code 1, and that is all", process.exitcode == 1)


def in_a_pool(ctx: BaseContext) -> None:
    """The exception comes back, with where it came from."""
    print("2. an exception in a pool")
    with ctx.Pool(1) as pool:
        error = raised(pool.apply, read_settings, ('{"workers": }',))
        check(f"get() raises {type(error).__name__}: {error}", isinstance(error, json.JSONDecodeError))
        cause = str(error.__cause__) if error is not None else ""
        check("its cause is the worker's traceback, which names the function", "in read_settings" in cause)
        check("the worker lives on", pool.apply(read_settings, ("[1, 2, 3]",)) == 3)


def what_cannot_travel(lines: int) -> int:
    """Try to pickle what people send.  Returns how many of them cannot be sent."""
    print("3. what cannot be pickled")

    def local() -> int:
        return lines

    with open(LIBRARY / "this.py", encoding="utf-8") as opened:
        attempts = {
            "a lambda": lambda: lines,
            "a function in a function": local,
            "an open file": opened,
            "a generator": (line for line in opened),
            "a thread's lock": threading.Lock(),
            "a running thread": threading.current_thread(),
        }
        for what, value in attempts.items():
            error = raised(ForkingPickler.dumps, value)
            check(f"{what} cannot be: {type(error).__name__}: {error}", error is not None)
    check("a function of a module can, since only its name is sent", raised(ForkingPickler.dumps, count_lines) is None)
    return len(attempts)


def a_worker_dies(pool: Pool, names: list[str], patience: float) -> tuple[Exception | None, float, int]:
    """Lose a worker in the midst of other jobs.

    Returns:
        What the lost job's get() raised, after how many seconds, and how many of the other jobs were done.
    """
    began = time.monotonic()
    jobs = [pool.apply_async(count_lines, (name,)) for name in names]
    lost = jobs.pop(names.index("this.py"))
    others = sum(job.get(timeout=30) > 0 for job in jobs)
    error = raised(lost.get, timeout=patience)
    return error, time.monotonic() - began, others


def main() -> None:
    """One failure after the other."""
    options = arguments(__doc__)
    ctx = multiprocessing.get_context(options.start_method)
    in_a_process(ctx)
    in_a_pool(ctx)
    kinds = what_cannot_travel(1)

    names = ["abc.py", "this.py", "os.py", "queue.py"]
    print("4. a worker of the stock pool is killed")
    patience = 0.5 if options.quick else 2.0
    with ctx.Pool(2) as pool:
        error, stock_seconds, others = a_worker_dies(pool, names, patience)
        # poolmgr run tells a stock pool of the death, and then its get() raises this.
        told = type(error).__name__ == "WorkerLost"
        what = f"get() raises {error!r}" if told else "nobody knows of its job"
        check(f"after {stock_seconds:.1f} s {what}", told or isinstance(error, multiprocessing.TimeoutError))
        check(f"the other {others} jobs were done, by a new worker too", others == 3)

    print("5. a worker of poolmgr.Pool is killed")
    try:
        with poolmgr.Pool(2, context=ctx) as pool:
            error, our_seconds, others = a_worker_dies(pool, names, 30)
            check(
                f"after {our_seconds:.2f} s get() raises {type(error).__name__}", isinstance(error, poolmgr.WorkerDied)
            )
            print(f"  {error}")
            check(f"the other {others} jobs were done", others == 3)
            raise KeyError("something else goes wrong in the program")
    except KeyError:
        pool.join()
    check("the with statements have ended both pools: no worker is left", multiprocessing.active_children() == [])
    figures(not_picklable=kinds, stock_seconds=stock_seconds, our_seconds=our_seconds, done=others)


if __name__ == "__main__":
    main()
