"""fork, spawn and forkserver side by side: how fast a process starts, what it inherits, and why the guard is there.

What to watch:
  - A fork is a copy of this process at this moment: fast, and with all that the program has set and opened.  spawn is
    a new interpreter that imports this script again.  forkserver is a small server that forks copies of itself.
  - This script sets a variable and opens a file in main().  Only a fork has them; the others see what an import sees.
  - The environment, the working folder and what is passed as an argument reach all of them.
  - A script without `if __name__ == "__main__"` starts itself again and again under spawn; Python notices, and says so.

Runs alone (python demos/start_methods.py), under the screen (poolmgr demo start_methods), and without (--headless).
"""

from __future__ import annotations

import multiprocessing
import os
import statistics
import subprocess
import sys
import sysconfig
import tempfile
import time
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from poolmgr.demos import arguments, check, figures

#: What main() puts here is what a fork sees and an import does not.
index: dict[str, int] = {}

UNGUARDED = """\
import multiprocessing

process = multiprocessing.get_context("spawn").Process(target=print, args=("hello",))
process.start()
process.join()
raise SystemExit(process.exitcode)
"""


def look_around(writer: Connection, fd: int, inode: int) -> None:
    """Tell the parent what there is in here."""
    try:
        # Another file may have the number here.
        open_file = os.fstat(fd).st_ino == inode
    except OSError:
        open_file = False
    found = {
        "began": time.monotonic(),
        "files": len(index),
        "open_file": open_file,
        "variable": os.environ.get("DEMO_VARIABLE"),
        "parent": os.getppid(),
        "modules": len(sys.modules),
        "memory": own_memory(),
        "main": sys.modules["__main__"].__name__,
    }
    writer.send(found)


def own_memory() -> float | None:
    """MiB that this process has to itself, which what it shares with its parent is not; None where Linux is not."""
    try:
        lines = Path("/proc/self/smaps_rollup").read_text().splitlines()
    except OSError:
        return None
    return sum(int(line.split()[1]) for line in lines if line.startswith("Private_")) / 1024


def start_one(method: str, fd: int) -> dict[str, Any]:
    """Start a process and have it look around."""
    ctx = multiprocessing.get_context(method)
    reader, writer = ctx.Pipe(duplex=False)
    process = ctx.Process(target=look_around, args=(writer, fd, os.fstat(fd).st_ino), name=method)
    asked = time.monotonic()
    process.start()
    writer.close()
    found: dict[str, Any] = reader.recv()
    process.join()
    reader.close()
    # The clock is the same for all processes of a machine.
    return {**found, "milliseconds": 1000 * (found["began"] - asked), "exitcode": process.exitcode}


def compare(methods: list[str], times: int) -> dict[str, float]:
    """Start some processes by each method, and show what the first found.  Returns the median start in ms."""
    medians = {}
    os.environ["DEMO_VARIABLE"] = "set in main()"
    with open(sysconfig.get_path("stdlib") + "/os.py", "rb") as opened:
        # The fork server is started by its first process, and takes with it what it found then.
        runs = {method: [start_one(method, opened.fileno()) for _ in range(times)] for method in methods}
    print(
        f"{'':<11} {'first':>8} {'median':>8} {'own memory':>10} {'modules':>8} {'files':>6} {'open file':>10} __main__"
    )
    for method, found in runs.items():
        first = found[0]
        # Without the first: it also starts the fork server, or reads modules that are not in the disk's cache yet.
        medians[method] = statistics.median(run["milliseconds"] for run in found[1:])
        memory = "?" if first["memory"] is None else f"{first['memory']:.1f} MiB"
        print(
            f"{method:<11} {first['milliseconds']:>5.1f} ms {medians[method]:>5.1f} ms {memory:>10} "
            f"{first['modules']:>8} {first['files']:>6} {first['open_file']!s:>10} {first['main']}"
        )
        check(f"{method}: {times} processes looked around and ended well", not any(run["exitcode"] for run in found))
        check(f"{method}: the environment came with it", all(run["variable"] == "set in main()" for run in found))
        inherits = method == "fork"
        right = {(run["files"], run["open_file"]) for run in found} == {(len(index) * inherits, inherits)}
        check(f"{method}: what main() had set and opened {'came with it' if inherits else 'did not'}", right)
        parent = "the fork server" if method == "forkserver" else "this process"
        check(f"{method}: its parent is {parent}", (first["parent"] == os.getpid()) == (method != "forkserver"))
    return medians


def forget_the_guard() -> None:
    """Run a script without a main guard under spawn, and show what Python says of it."""
    print("a script without the guard, under spawn:")
    with tempfile.TemporaryDirectory() as folder:
        script = Path(folder) / "unguarded.py"
        script.write_text(UNGUARDED)
        run = subprocess.run([sys.executable, str(script)], capture_output=True, text=True)
    lines = [line.strip() for line in run.stderr.splitlines() if line.strip()]
    start = next((number for number, line in enumerate(lines) if line.startswith("RuntimeError")), len(lines))
    for line in lines[start : start + 3]:
        print(f"  {line}")
    print("  The new process imports the script to find its functions, so it comes to start() again itself.  What is")
    print('  under `if __name__ == "__main__":` is left out there: the module is called "__mp_main__" then.')
    check("Python refuses the second start, and the first process ends with exit code 1", run.returncode == 1)
    check("hello was never printed", "hello" not in run.stdout and "RuntimeError" in run.stderr)


def main() -> None:
    """Compare the methods that this system has."""
    options = arguments(__doc__, start_method=False)
    index.update((path.name, path.stat().st_size) for path in Path(sysconfig.get_path("stdlib")).glob("*.py"))
    methods = multiprocessing.get_all_start_methods()
    medians = compare(methods, 3 if options.quick else 15)
    forget_the_guard()
    figures(**{f"{method}_ms": median for method, median in medians.items()})


if __name__ == "__main__":
    main()
