"""What apply_async returns: asking whether the result is there, waiting for it with a limit, and taking it.

What to watch:
  - One job packs the standard library into an archive; one is asked for a file that is not there;
    one packs a single module.  All three wait at a gate first, so what you see does not depend on the machine.
  - Before its end a job is not ready(), wait(timeout) gives up in silence, get(timeout) with TimeoutError, and
    successful() is a ValueError: the question came too early.
  - A get() that gave up stops nothing: the job goes on, and the next get() has its result.
  - An error is raised by get(), with the worker's own traceback as its cause, and by nothing else.

Runs alone (python demos/async_result.py), under the screen (poolmgr demo async_result), and without one (--headless).
"""

from __future__ import annotations

import io
import lzma
import multiprocessing
import sysconfig
import tarfile
import time
from multiprocessing.pool import AsyncResult
from multiprocessing.synchronize import Event
from pathlib import Path
from typing import Any

from poolmgr.demos import arguments, check, figures, raised

LIBRARY = Path(sysconfig.get_path("stdlib"))


def at_the_gate(shared: Event) -> None:
    """The initializer: an Event cannot travel with a job, only with a process when that starts."""
    global gate
    gate = shared


def pack(pattern: str) -> bytes:
    """An archive of the sources whose names match, packed by lzma."""
    gate.wait()
    paths = sorted(LIBRARY.glob(pattern))
    if not paths:
        raise FileNotFoundError(f"no source is called {pattern}")
    with io.BytesIO() as archive:
        with tarfile.open(fileobj=archive, mode="w") as tar:
            for path in paths:
                tar.add(path, arcname=path.name)
        return lzma.compress(archive.getvalue(), preset=3)


def unpacked(archive: bytes) -> list[str]:
    """The names of the files in an archive."""
    with tarfile.open(fileobj=io.BytesIO(lzma.decompress(archive))) as tar:
        return tar.getnames()


def too_early(job: AsyncResult[Any]) -> None:
    """All that can be asked of a job that has not ended."""
    print("1. before the end")
    check("ready() is False, and does not wait", not job.ready())
    error = raised(job.successful)
    check(f"successful() raises ValueError: {error}", isinstance(error, ValueError))
    began = time.monotonic()
    job.wait(timeout=0.1)
    check("wait(0.1) came back, and says nothing of why", not job.ready())
    error = raised(job.get, timeout=0.1)
    check("get(0.1) raises multiprocessing.TimeoutError", isinstance(error, multiprocessing.TimeoutError))
    print(f"  the last two waited for {time.monotonic() - began:.2f} s")
    # Two classes of one name: `except TimeoutError` alone does not catch it.
    check("which is not the built-in TimeoutError", not isinstance(error, TimeoutError))


def main() -> None:
    """Three jobs, asked too early, then opened, then taken."""
    options = arguments(__doc__, workers=2)
    ctx = multiprocessing.get_context(options.start_method)
    pattern = "[a-c]*.py" if options.quick else "*.py"
    shared = ctx.Event()
    with ctx.Pool(options.workers, initializer=at_the_gate, initargs=(shared,)) as pool:
        small = pool.apply_async(pack, ("queue.py",))
        wrong = pool.apply_async(pack, ("no_such_module.py",))
        large = pool.apply_async(pack, (pattern,))
        too_early(large)

        print("2. the gate opens")
        shared.set()
        began = time.monotonic()
        looks = 0
        while not large.ready():
            # Here is where a program does something else meanwhile.
            large.wait(timeout=0.05)
            looks += 1
        seconds = time.monotonic() - began
        print(f"  the large job was ready after {seconds:.2f} s, and was looked at {looks} times")
        check("successful() is True", large.successful())
        archive = large.get()
        check("get() gives its result now, and does not wait", raised(large.get, timeout=0) is None)
        check("a second get() gives the very same object", large.get() is archive)

        print("3. success and failure")
        check("queue.py is in the small archive, and nothing else", unpacked(small.get()) == ["queue.py"])
        wrong.wait()
        check("a job that raised is ready() and not successful()", (wrong.ready(), wrong.successful()) == (True, False))
        error = raised(wrong.get)
        check(f"its get() raises it here: {type(error).__name__}: {error}", isinstance(error, FileNotFoundError))
        cause = str(error.__cause__) if error is not None else ""
        print("  the worker's own traceback is its cause:")
        for line in cause.strip().strip('"').strip().splitlines()[-3:]:
            print(f"    {line}")
        check("which names the function that raised it", "in pack" in cause)

    names = sorted(path.name for path in LIBRARY.glob(pattern))
    check(f"the archive has all {len(names)} sources", unpacked(archive) == names)
    size = sum((LIBRARY / name).stat().st_size for name in names)
    print(f"  {size:,} bytes became {len(archive):,}")
    figures(files=len(names), bytes=size, packed=len(archive), seconds=seconds)


if __name__ == "__main__":
    main()
