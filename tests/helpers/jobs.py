"""Jobs for tests: importable by workers under every start method."""

from __future__ import annotations

import contextlib
import faulthandler
import multiprocessing
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn

from poolmgr.errors import SoftTimeout
from poolmgr.hook.site.poolmgr_hook import stacks as guest


def double(x: int) -> int:
    return x * 2


def add(x: int, y: int = 0) -> int:
    return x + y


def reciprocal(x: float) -> float:
    return 1 / x


def pid(_: object = None) -> int:
    return os.getpid()


def echo(x: Any) -> Any:
    return x


def call(func: Callable[..., Any], *args: Any) -> Any:
    return func(*args)


def hide(module: str) -> None:
    """Have this process think that a module is not installed."""
    sys.modules[module] = None  # type: ignore[assignment]


def sleep(seconds: float) -> float:
    time.sleep(seconds)
    return seconds


def sleep_long(_: object = None) -> None:
    time.sleep(600)


def fail(text: str = "no") -> NoReturn:
    raise ValueError(text)


def leave(code: int) -> NoReturn:
    os._exit(code)


_kept: list[bytes] = []


def keep_memory(size: int) -> int:
    """Have so much more memory from now on, and give the worker's pid."""
    _kept.append(b"x" * size)
    return os.getpid()


def take_memory_and_wait(size: int) -> int:
    taken = b"x" * size
    time.sleep(600)
    return len(taken)


def take_memory_once(path: str, size: int) -> int:
    """In the first attempt take memory and wait, in the next give its number."""
    append(path, "x")
    this = len(Path(path).read_text().splitlines())
    return this if this > 1 else take_memory_and_wait(size)


def leave_at_zero(x: int) -> int:
    if not x:
        os._exit(7)
    return x


def kill_self(number: int) -> None:
    # A forked worker has pytest's handler, which would write its stack into the report of a run that is green.
    faulthandler.disable()
    os.kill(os.getpid(), number)
    time.sleep(60)


def segfault() -> None:
    import ctypes

    ctypes.string_at(0)


def system_exit(code: int) -> NoReturn:
    sys.exit(code)


def interrupt() -> NoReturn:
    raise KeyboardInterrupt


def mark_and_wait(folder: str, name: str = "") -> str:
    """Tell that the job has begun, with its pid, then wait until somebody makes the file ``go``."""
    path = Path(folder, name or str(os.getpid()))
    path.with_suffix(".tmp").write_text(str(os.getpid()))
    path.with_suffix(".tmp").rename(path)
    while not Path(folder, "go").exists():
        time.sleep(0.005)
    return name


class _SlowToGo:
    def __init__(self, folder: str) -> None:
        self.folder = folder

    def __del__(self) -> None:
        mark_and_wait(self.folder)


def wait_where_exceptions_are_dropped(folder: str) -> None:
    """Tell that the job has begun from within a ``__del__``, and wait there; then wait again, outside of it."""
    going = _SlowToGo(folder)
    del going
    mark_and_wait(folder, "after")


class _Interrupting:
    def __del__(self) -> None:
        raise KeyboardInterrupt("of the job's own")


def interrupt_where_exceptions_are_dropped() -> None:
    """Raise what a request to stop raises, from within a ``__del__``, with nobody having asked."""
    going = _Interrupting()
    del going


def mark_and_wait_if(where: tuple[str, str]) -> str:
    """Do nothing, unless there is a folder: then as :func:`mark_and_wait`."""
    return mark_and_wait(*where) if where[0] else ""


def mark_and_spin_in_c(folder: str) -> int:
    """Tell that the job has begun, then hold the interpreter's lock in C for very long."""
    Path(folder, str(os.getpid())).write_text("")
    return sum(range(10**12))


def ignore_sigterm(folder: str) -> None:
    """Be a process that SIGTERM does not end, and tell so by a file named like its pid."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    Path(folder, str(os.getpid())).write_text("")


def append(path: str, text: str) -> str:
    """Add a line to a file in one write, so that a test sees what ran and how often."""
    fd = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    os.write(fd, f"{text}\n".encode())
    os.close(fd)
    return text


def append_late(path: str, text: str) -> str:
    time.sleep(0.01)
    return append(path, text)


def append_then_die(path: str, text: str) -> NoReturn:
    append(path, text)
    os.kill(os.getpid(), signal.SIGKILL)
    raise AssertionError("unreachable")


def wait_softly(folder: str) -> str:
    """Wait, and clean up at the soft time limit."""
    try:
        return mark_and_wait(folder)
    except SoftTimeout as error:
        return f"cleaned up after {error.limit}"


def note_soft_timeouts(path: str) -> NoReturn:
    """Go on for ever after each SoftTimeout, and note it."""
    while True:
        try:
            time.sleep(60)
        except SoftTimeout as error:
            append(path, type(error).__name__)


def fail_until(path: str, attempt: int, how: str = "raise") -> int:
    """Give the number of this attempt if it is as high as that, else end in another way; the file counts them."""
    append(path, "x")
    this = len(Path(path).read_text().splitlines())
    if this >= attempt:
        return this
    if how == "die":
        os._exit(3)
    if how == "exit":
        sys.exit(3)
    if how == "hang":
        time.sleep(600)
    raise ValueError(f"attempt {this}")


def fail_item_until(item: str) -> int:
    """As ``fail_until``, with one argument: ``PATH:ATTEMPT``."""
    path, _, attempt = item.rpartition(":")
    return fail_until(path, int(attempt))


def die_item_until(item: str) -> int:
    path, _, attempt = item.rpartition(":")
    return fail_until(path, int(attempt), "die")


def hang_item_until(item: str) -> int:
    path, _, attempt = item.rpartition(":")
    return fail_until(path, int(attempt), "hang")


def mark_wait_and_fail_once(folder: str, path: str) -> int:
    mark_and_wait(folder)
    return fail_until(path, 2)


def ignore_sigterm_and_wait(folder: str) -> None:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    mark_and_wait(folder)


def catch_everything_and_wait(folder: str) -> None:
    while True:
        try:
            mark_and_wait(folder)
            return
        except BaseException:  # a job that cannot be stopped softly
            pass


def start_child_and_wait(folder: str) -> None:
    """Start a process of the job's own, tell its pid, and wait."""
    child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
    Path(folder, "child.tmp").write_text(str(child.pid))
    Path(folder, "child.tmp").rename(Path(folder, "child"))
    mark_and_wait(folder)


def fork_and_return(folder: str) -> int:
    """Fork inside the job and return from both sides."""
    child = os.fork()
    if child == 0:
        Path(folder, "forked").write_text("")
        return -1
    os.waitpid(child, 0)
    return 1


def print_lines(text: str) -> None:
    print(text)
    print(f"{text} to stderr", file=sys.stderr)
    os.write(1, f"{text} to fd 1\n".encode())


def close_stdout() -> None:
    os.close(1)


def close_all_fds() -> None:
    os.closerange(3, 256)


def start_method_seen() -> str:
    return multiprocessing.get_start_method()


class UnpicklableResult:
    def __reduce__(self) -> NoReturn:
        raise TypeError("this cannot be pickled")


class SlowToPickle:
    """Takes a while to pickle."""

    def __getstate__(self) -> dict[str, int]:
        time.sleep(0.02)
        return {"x": 1}


def slow_to_pickle() -> SlowToPickle:
    return SlowToPickle()


def unpicklable_result() -> UnpicklableResult:
    return UnpicklableResult()


class UnpicklableAndUnprintable:
    def __reduce__(self) -> NoReturn:
        raise TypeError("this cannot be pickled")

    def __repr__(self) -> str:
        raise RuntimeError("nor shown")


def unpicklable_and_unprintable() -> UnpicklableAndUnprintable:
    return UnpicklableAndUnprintable()


def explode(*_: object) -> NoReturn:
    raise RuntimeError("it exploded while it was unpickled")


def exit_in_unpickling() -> NoReturn:
    os._exit(9)


class ExplodesWhenUnpickled:
    def __reduce__(self) -> tuple[Any, ...]:
        return explode, ()


class ExitsWorkerWhenUnpickled:
    def __reduce__(self) -> tuple[Any, ...]:
        return exit_in_unpickling, ()


def raise_system_exit() -> NoReturn:
    raise SystemExit(4)


class ExitsProgramWhenUnpickled:
    def __reduce__(self) -> tuple[Any, ...]:
        return raise_system_exit, ()


class ExitsProgramWhenPickled:
    def __reduce__(self) -> NoReturn:
        raise SystemExit(3)


def explosive_result() -> ExplodesWhenUnpickled:
    return ExplodesWhenUnpickled()


class TwoArgumentError(Exception):
    """As many people write it: pickles, but cannot be rebuilt from its args."""

    def __init__(self, code: int, text: str) -> None:
        super().__init__(text)
        self.code = code


def raise_two_argument_error() -> NoReturn:
    raise TwoArgumentError(1, "two")


class UnpicklableError(Exception):
    def __reduce__(self) -> NoReturn:
        raise TypeError("this error cannot be pickled")


def raise_unpicklable_error() -> NoReturn:
    raise UnpicklableError("but it has a text")


class UnprintableError(Exception):
    def __str__(self) -> str:
        raise RuntimeError("no text")


def raise_unprintable_error() -> NoReturn:
    raise UnprintableError


def initialize(value: int) -> None:
    global initialized
    initialized = value


initialized = 0


def initialized_value(_: object = None) -> int:
    return initialized


def failing_initializer(path: str) -> NoReturn:
    append(path, "tried")
    raise ValueError("the initializer says no")


def exiting_initializer(path: str) -> NoReturn:
    append(path, "tried")
    os._exit(7)


def initializer_that_needs(path: str) -> None:
    """Works once the file is there."""
    append(path + ".tries", "tried")
    if not Path(path).exists():
        raise FileNotFoundError(path)


def big(size: int) -> bytes:
    return bytes(size)


def length(data: Any) -> int:
    return len(data)


def append_line(path: str) -> str:
    """Add a line to a file and give its path back."""
    append(path, "line")
    return path


def wait_beside_a_thread(folder: str) -> None:
    """Wait for a thread of the job's own, which waits for a file."""
    thread = threading.Thread(target=mark_and_wait, args=(folder,))
    thread.start()
    thread.join()


def spin_in_c_beside_a_thread(folder: str) -> int:
    """Hold the interpreter's lock in C for very long, while a thread of the job's own wants it."""
    threading.Thread(target=mark_and_wait, args=(folder,), daemon=True).start()
    while not any(Path(folder).iterdir()):
        time.sleep(0.005)
    return sum(range(10**12))


def _until_go(folder: str, work: Callable[[], object]) -> int:
    """Tell that the job has begun, and do something again and again until somebody makes the file ``go``."""
    Path(folder, str(os.getpid())).write_text(str(os.getpid()))
    times = 0
    while not Path(folder, "go").exists():
        work()
        times += 1
    return times


def run_generators(folder: str) -> int:
    return _until_go(folder, lambda: ",".join(str(number) for number in range(20)))


def start_threads(folder: str) -> int:
    def start_one() -> None:
        thread = threading.Thread(target=str)
        thread.start()
        thread.join()

    return _until_go(folder, start_one)


def go_in_and_out_of_c(folder: str) -> int:
    return _until_go(folder, lambda: sum(range(1_500_000)))


def take_the_question_away(folder: str) -> None:
    """Take the handler away that answers looks between two instructions, tell so, and sleep for good."""
    signal.signal(guest.ASK, signal.SIG_DFL)
    Path(folder, str(os.getpid())).write_text("")
    threading.Event().wait()


def take_the_question_away_and_look(folder: str) -> str:
    """The same, but wake up again and again, for a moment."""
    signal.signal(guest.ASK, signal.SIG_DFL)
    return mark_and_wait(folder)


def stay_long_in_stacks() -> int:
    """Have this worker wait for long in what answers a look, should that be wanted."""
    guest._LOCKED = 1e6
    return os.getpid()


def close_stacks() -> int:
    """Close the memory into which this worker writes its stacks. Gives its pid."""
    for name in os.listdir("/proc/self/fd"):
        with contextlib.suppress(OSError):
            if "poolmgr-stacks" in os.readlink(f"/proc/self/fd/{name}"):
                os.close(int(name))
    return os.getpid()


def unregister_stacks() -> int:
    """Take the handler away that tells stacks. Gives the worker's pid."""
    faulthandler.unregister(signal.SIGRTMIN + 5)
    return os.getpid()
