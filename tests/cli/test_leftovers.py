"""What a program has left behind is known for its own, whatever moment it is at."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping

from poolmgr.runners import leftovers

MARK = b"POOLMGR_TEST_MARK=1"
#: More often than not a new process has no environment yet when whoever started it goes on.
TIMES = 50


def times_found(env: Mapping[str, str]) -> int:
    """In how many of the looks at a process that has just been started it is taken for the program's."""
    found = 0
    for _ in range(TIMES):
        process = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"], env=env)
        try:
            found += process.pid in leftovers._left(MARK, os.getsid(0), ())
        finally:
            process.kill()
            process.wait()
    return found


def test_process_that_is_being_started_is_left_behind() -> None:
    """In the middle of an exec it has no environment: that it is the program's will be seen when it has one."""
    name, value = MARK.decode().split("=")
    assert times_found({**os.environ, name: value}) == TIMES


def test_process_of_another_environment_is_not_ended() -> None:
    """One whose environment lacks the mark is nobody's to end, as soon as it has one."""
    with subprocess.Popen(
        [sys.executable, "-c", "input()"], stdin=subprocess.PIPE, env={**os.environ, "A": "b"}
    ) as one:
        assert one.stdin is not None
        assert leftovers._wait_for_ends(MARK, os.getsid(0), (), 15) == []
        assert one.poll() is None
        one.stdin.write(b"\n")
