"""Jobs that tell of themselves: how far they are, with bars, and in log records."""

from __future__ import annotations

import io
import logging
import os
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import poolmgr


def _await(folder: str, name: str) -> None:
    while not Path(folder, name).exists():
        time.sleep(0.005)


def say(folder: str, *said: Any) -> str:
    """Say it, and wait until it may end."""
    poolmgr.progress(*said)
    _await(folder, "go")
    return "said"


def say_step_by_step(folder: str, total: int) -> None:
    """Say how far it is, a step for each file that is made."""
    for step in range(total):
        poolmgr.progress(step, total, f"step {step}")
        _await(folder, f"step{step}")


def wait_only(folder: str) -> None:
    """Say nothing, and wait until it may end."""
    _await(folder, "go")


def say_in_a_thread(folder: str) -> None:
    """Say it from a thread of the job's own."""
    thread = threading.Thread(target=poolmgr.progress, args=(1, 2, "thread"))
    thread.start()
    thread.join()
    _await(folder, "go")


def say_in_a_child(folder: str) -> None:
    """Say one thing, and have a forked child say another."""
    poolmgr.progress(1, 2, "job")
    child = os.fork()
    if child == 0:
        poolmgr.progress(2, 2, "child")
        os._exit(0)
    os.waitpid(child, 0)
    _await(folder, "go")


def say_and_die(folder: str) -> None:
    """Say how far it is, and be killed."""
    poolmgr.progress(3, 4, "nearly")
    print("last words", flush=True)
    _await(folder, "go")


def refused(*said: Any) -> str:
    """What is said of what cannot be meant."""
    try:
        poolmgr.progress(*said)
    except (TypeError, ValueError) as error:
        return type(error).__name__
    return ""


def bar(folder: str, total: int, files: bool) -> int:
    """A loop under tqdm, a round for each file that is made; with another bar inside, or into a file of its own."""
    from tqdm import tqdm

    shown = io.StringIO()
    target = {"file": shown} if files else {}
    for step in tqdm(range(total), desc="outer", mininterval=0, **target):
        for _ in tqdm(range(3), desc="inner", mininterval=0, leave=False):
            pass
        _await(folder, f"step{step}")
    return len(shown.getvalue())


def import_beside_an_odd_finder() -> str:
    """Import tqdm past a finder of the kind of Python 2, and tell whose code shows its bars."""
    import warnings

    class Odd:
        """Has no ``find_spec``."""

        def find_module(self, name: str, path: object = None) -> None:
            return None

    assert "tqdm.std" not in sys.modules
    sys.meta_path.insert(1, Odd())  # type: ignore[arg-type]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from tqdm import tqdm
    module: str = tqdm.display.__module__
    return module


def log(configure: Callable[[], Any] | None = None) -> None:
    """Log at three levels, after something was printed, and print again."""
    # Those of the test's own, which a forked worker has inherited.
    logging.getLogger().handlers.clear()
    if configure is not None:
        configure()
    print("before", file=sys.stderr)
    logger = logging.getLogger("pipeline")
    logger.info("all is well")
    logger.warning("careful\nin two lines")
    logger.error("broken")
    print("after", file=sys.stderr)


def to_stderr() -> None:
    """As most programs set logging up."""
    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(message)s", force=True)


def closes_stderr_and_logs() -> str:
    """Logging into a stream that is closed is the job's affair."""
    logging.raiseExceptions = False
    sys.stderr.close()
    logging.getLogger("pipeline").warning("into nothing")
    return "lives"
