"""Floor 7: the command line. Alone may print.

A spawned worker imports this module with the program's ``__main__``: it must stay cheap, and imports the verbs (and
with them click) only when it is called.
"""

from __future__ import annotations

import sys


def main() -> None:
    """Run ``poolmgr`` with the arguments of this process, and end the process with its exit code."""
    from poolmgr.cli.root import run

    sys.exit(run(sys.argv[1:]))
