"""Does something in the main thread at one of the moments at which CPython may run a signal handler there.

Those are: where a function is entered, after a call, and where a loop goes back.  They are counted in the engine's own
code, and at the one that is asked for something is done as a handler would do it: it raises, or it runs any code and
lets go on.  A call of a Python function counts when it returns too, which is more than CPython does.
"""

from __future__ import annotations

import contextlib
import dis
import functools
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from types import CodeType, FrameType, FunctionType
from typing import Any

import poolmgr

ENGINE = str(Path(poolmgr.__file__).parent / "engine")
#: Instructions at which CPython looks for signals, by the begin of their names; RESUME is where a function is entered.
LOOKS = ("CALL", "JUMP_BACKWARD", "POP_JUMP_BACKWARD")
#: Those that only sound so.
NO_LOOKS = ("CALL_INTRINSIC_1", "CALL_INTRINSIC_2", "JUMP_BACKWARD_NO_INTERRUPT")


@functools.cache
def looking(code: CodeType) -> dict[int, str]:
    """The instructions of a function at which CPython looks for signals, by their place."""
    return {
        instruction.offset: instruction.opname
        for instruction in dis.get_instructions(code)
        if instruction.opname.startswith(LOOKS) and instruction.opname not in NO_LOOKS
    }


class Cut:
    """What happened: how many moments there were, and in which function the act came."""

    def __init__(self, at: int, act: Callable[[], object]) -> None:
        self.at = at
        self.moments = 0
        #: The function's name, empty if the code ended before.
        self.where = ""
        self._act = act
        self._thread = threading.get_ident()
        self._last: dict[FrameType, int] = {}

    def entered(self, frame: FrameType) -> None:
        """A function of the engine is entered."""
        if not self.where and threading.get_ident() == self._thread:
            self._moment(frame)

    def about_to(self, frame: FrameType, offset: int) -> None:
        """An instruction of the engine is about to be run."""
        if self.where or threading.get_ident() != self._thread:
            return
        last = self._last.get(frame, -1)
        self._last[frame] = offset
        if last in looking(frame.f_code):
            self._moment(frame)

    def _moment(self, frame: FrameType) -> None:
        self.moments += 1
        if self.moments == self.at:
            self.where = frame.f_code.co_name
            self._last.clear()
            self._act()


if sys.version_info >= (3, 12):
    # Here the instructions are seen by a tracer only from the second call of a function on, so it is done otherwise.
    _TOOL = 4
    _EVENTS = sys.monitoring.events.PY_START, sys.monitoring.events.INSTRUCTION

    @contextlib.contextmanager
    def watching() -> Iterator[None]:
        """While cuts are made."""
        codes = list(_codes())
        sys.monitoring.use_tool_id(_TOOL, "cuts")
        try:
            for code in codes:
                sys.monitoring.set_local_events(_TOOL, code, _EVENTS[0] | _EVENTS[1])
            yield
        finally:
            for code in codes:
                sys.monitoring.set_local_events(_TOOL, code, 0)
            sys.monitoring.free_tool_id(_TOOL)

    @contextlib.contextmanager
    def cut(at: int, act: Callable[[], object]) -> Iterator[Cut]:
        """Run ``act`` at moment number ``at`` (from 1) of what this thread does in the engine."""
        done = Cut(at, act)
        register = sys.monitoring.register_callback
        register(_TOOL, _EVENTS[0], lambda code, offset: done.entered(sys._getframe(1)))
        register(_TOOL, _EVENTS[1], lambda code, offset: done.about_to(sys._getframe(1), offset))
        try:
            yield done
        finally:
            for event in _EVENTS:
                register(_TOOL, event, None)

else:

    @contextlib.contextmanager
    def watching() -> Iterator[None]:
        """While cuts are made."""
        yield

    @contextlib.contextmanager
    def cut(at: int, act: Callable[[], object]) -> Iterator[Cut]:
        """Run ``act`` at moment number ``at`` (from 1) of what this thread does in the engine."""
        done = Cut(at, act)

        def trace(frame: FrameType, event: str, arg: Any) -> Any:
            if not frame.f_code.co_filename.startswith(ENGINE):
                return None
            if event == "call":
                frame.f_trace_opcodes = True
                done.entered(frame)
            elif event == "opcode":
                done.about_to(frame, frame.f_lasti)
            return trace

        before = sys.gettrace()
        sys.settrace(trace)
        try:
            yield done
        finally:
            sys.settrace(before)


def _codes() -> Iterator[CodeType]:
    """All code of the engine."""
    found: set[CodeType] = set()
    for name, module in list(sys.modules.items()):
        if name.startswith("poolmgr.engine."):
            for value in list(vars(module).values()):
                members = list(vars(value).values()) if isinstance(value, type) else [value]
                for member in members:
                    function = member.fget if isinstance(member, property) else member
                    if isinstance(function, FunctionType):
                        found |= set(_inner(function.__code__))
    yield from (code for code in found if code.co_filename.startswith(ENGINE))


def _inner(code: CodeType) -> Iterator[CodeType]:
    yield code
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _inner(constant)
