"""Measure all that docs/performance.md shows, and write it there: tables, plots, and how it was measured.

    python benchmarks/refresh.py                    about two hours on two cores, which nobody else should use meanwhile
    python benchmarks/refresh.py --rounds 9
    python benchmarks/refresh.py --only engine --case calls,round_trip       a part: the others stay as they are

Each table stands alone: whatever ends this program, what was measured before is written.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import time
from pathlib import Path

import rounds

HERE = Path(__file__).resolve().parent
PAGE = HERE.parent / "docs" / "performance.md"
PARTS = ("engine", "growth")


def main() -> int:
    """Measure and write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", choices=PARTS, help="poolmgr beside other pools, or as things grow")
    parser.add_argument("--case", help="of that part; all if not given")
    parser.add_argument("--rounds", type=int, default=5)
    wanted = parser.parse_args()
    if wanted.case and not wanted.only:
        parser.error("--case needs --only, which says what it is a case of")
    codes = []
    for part in [wanted.only] if wanted.only else PARTS:
        command = [sys.executable, str(HERE / f"{part}.py"), "--into", str(PAGE), "--rounds", str(wanted.rounds)]
        codes.append(subprocess.run([*command, *(["--case", wanted.case] if wanted.case else [])]).returncode)
    if not wanted.only and not any(codes):
        day = time.strftime("%Y-%m-%d")
        text = f"All tables and plots are of one run of {wanted.rounds} rounds, which ended on {day}."
        rounds.put_into(str(PAGE), "conditions", text)
    return max(codes)


if __name__ == "__main__":
    sys.exit(main())
