"""A program with a published pool, for tests that look at it and steer it from outside."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager

from poolmgr import connect
from tests.helpers.programs import line, program

#: Obeys a word a line on its input: ``good`` and ``bad`` submit a job and wait for its end, ``long`` one that runs
#: until it is killed.
#: ``end`` lets the jobs end and then the pool; ``leave`` only leaves.
OWNER = """
    import math, sys, time
    import poolmgr
    pool = poolmgr.Pool(2, name=sys.argv[1])
    with poolmgr.publish(pool):
        print("open", flush=True)
        for word in map(str.strip, sys.stdin):
            if word == "good":
                pool.apply_async(math.factorial, (5,)).get()
            elif word == "bad":
                pool.apply_async(math.factorial, (-5,)).wait()
            elif word == "long":
                pool.apply_async(time.sleep, (600,))
            elif word == "end":
                pool.close()
                pool.join()
                break
            elif word == "leave":
                break
            print("ok", flush=True)
    pool.terminate()
    pool.join()
    print("closed", flush=True)
"""


class Owner:
    """The program while it runs."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process
        self.pid = process.pid

    def say(self, *words: str) -> None:
        """Have it do what the words say, each done when this returns."""
        for word in words:
            self.tell(word)
            assert line(self.process) == ("closed" if word in ("end", "leave") else "ok")

    def tell(self, word: str) -> None:
        """Say a word and do not wait."""
        assert self.process.stdin is not None
        self.process.stdin.write(word + "\n")
        self.process.stdin.flush()


@contextmanager
def owner(name: str = "far") -> Iterator[Owner]:
    """A program with a published pool of two workers of this name; it is killed at the end."""
    with program(OWNER, name) as process:
        assert line(process) == "open"
        # Its board takes a moment to stand.
        connect(str(process.pid))
        yield Owner(process)
