"""CPython's own tests of processes, pools and executors, with the hook and without: the same result for each of them.

    python benchmarks/hook_cpython.py                        this Python, all three start methods
    python benchmarks/hook_cpython.py --method fork --python /usr/bin/python3.12

One line for each run; exit code 1 if a test ended otherwise with the hook than without.  A test that did is run again,
with the hook and without, since some depend on how busy the machine is: it counts if it differs again.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

from poolmgr.hook import environment
from poolmgr.runtime.run_folder import RunFolder

ROOT = Path(__file__).resolve().parents[1]
#: Seconds for one run of all of them.
LATE = 1500.0


def run(python: str, method: str, *, hooked: bool, only: tuple[str, ...] = ()) -> dict[str, str]:
    """What became of each test, by its name."""
    base = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    with RunFolder() as folder:
        env = environment(folder.path, base) if hooked else base
        env["PYTHONPATH"] = os.pathsep.join(filter(None, [env.get("PYTHONPATH"), str(ROOT)]))
        begun = time.monotonic()
        command = [python, "-W", "ignore", "-m", "tests.helpers.stdlib_pools", method, *only]
        done = subprocess.run(command, env=env, cwd=ROOT, capture_output=True, text=True, timeout=LATE)
        notes = "".join(path.read_text() for path in Path(folder.path).glob("notes.*"))
    last = done.stdout.splitlines()[-1:] or ["{}"]
    outcomes: dict[str, str] = json.loads(last[0]) if last[0].startswith("{") else {}
    counts = ", ".join(f"{count} {what}" for what, count in sorted(Counter(outcomes.values()).items()))
    how = "hooked" if hooked else "plain"
    print(
        f"{method:>10} {how:>6}: {counts or done.stderr[-500:]} in {time.monotonic() - begun:.0f} s {notes}", flush=True
    )
    return outcomes


def differ(python: str, method: str) -> list[str]:
    """Tests that end otherwise with the hook, twice."""
    plain, hooked = run(python, method, hooked=False), run(python, method, hooked=True)
    suspects = [name for name in plain.keys() | hooked.keys() if plain.get(name) != hooked.get(name)]
    if not suspects:
        return [] if plain else ["nothing ran"]
    classes = tuple(sorted({name.split(".")[-2] for name in suspects}))
    plain, hooked = run(python, method, hooked=False, only=classes), run(python, method, hooked=True, only=classes)
    return [f"{one}: {plain.get(one)} -> {hooked.get(one)}" for one in suspects if plain.get(one) != hooked.get(one)]


def main() -> int:
    """Run what the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--python", default=sys.executable)
    parser.add_argument("--method", default="fork,spawn,forkserver")
    args = parser.parse_args()
    found = [line for method in args.method.split(",") for line in differ(args.python, method)]
    print("\n".join(found) or "all the same")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
