"""What plain pickle cannot send: lambdas, closures, local classes, and what is defined at a prompt or in a notebook.

cloudpickle, an extra, sends these by value.  It is imported when it is needed, and never otherwise:

    plain pickle refuses a call or                by value, as it is when it is sent
    an initializer
    plain pickle names something of a             by value if the workers have no such thing.  Those that are forked
    ``__main__`` in no file (prompt, notebook)    have what was there before; others never have any of it
    plain pickle refuses a result                 by value if its call came so, or it has something of ``__main__``;
                                                  others are refused, as in the stock pool

A value by value looks like any other on the wire: a pickle whose rebuilding unpickles what cloudpickle has made.

Thread: whoever feeds, for arguments; whoever starts workers, for the initializer; the worker's own, for results.
Imports the standard library only: a worker under spawn pays for every import.
"""

from __future__ import annotations

import contextlib
import io
import pickle
import sys
import weakref
from collections import ChainMap
from collections.abc import Callable
from multiprocessing.reduction import ForkingPickler
from types import FunctionType
from typing import Any, TypeVar

T = TypeVar("T")

#: What plain pickle raises for what it cannot name: by the type of the object, and by the version of Python.
REFUSALS = (pickle.PicklingError, AttributeError, TypeError)
#: What whoever has no cloudpickle is told.
ADVICE = (
    "cloudpickle sends lambdas, closures, and what is defined at a prompt or in a notebook: "
    "pip install 'poolmgr[cloudpickle]'"
)
#: Bytes of one piece of a pickle up to which it may hold a name: a frame of pickle's, which ends soon after 64 KB.
#: Longer ones are data, which pickle puts between frames.
NAME_PIECE = 1 << 17

#: The pickler, once it was needed.
_found: type[pickle.Pickler] | None = None
#: Values that have come to this process by value.
arrivals = 0


def dumps(dump: Callable[[Any], T], value: Any) -> T:
    """``dump(value)``, by value if plain pickle refuses.

    Raises:
        BaseException: What plain pickle raises, with a note if cloudpickle might help and is not there.
    """
    try:
        return dump(value)
    except REFUSALS as error:
        pickler = _pickler()
        if pickler is None:
            error.add_note(ADVICE)
            raise
        try:
            sent = _ByValue(value, pickler)
        except Exception:  # user code: __reduce__ and __getstate__; users know what plain pickle says
            raise error from None
    return dump(sent)


def dumps_result(dump: Callable[[Any], T], value: Any, by_value: bool) -> T:
    """In a worker: ``dump(value)``, by value if plain pickle refuses and the call came ``by_value``, or from a prompt.

    Raises:
        BaseException: What plain pickle raises.
    """
    try:
        return dump(value)
    except REFUSALS:
        if not by_value and not _has_main(value):
            raise
        return dumps(dump, value)


def advise(error: BaseException) -> None:
    """In a worker: say what would help, if ``error`` is that something of the owner's ``__main__`` is not here."""
    if isinstance(error, AttributeError) and "__main__" in str(error) and _pickler() is None:
        error.add_note(ADVICE)


def with_notes(error: BaseException, other: BaseException) -> BaseException:
    """``error`` with what was noted on ``other``, in whose place it stands."""
    for note in getattr(other, "__notes__", ()):
        error.add_note(note)
    return error


class Sender:
    """Pickles for the workers of one pool, and knows what of ``__main__`` they have."""

    def __init__(self, forks: bool) -> None:
        """Make it before the first worker is started; ``forks`` says whether workers have what is there now."""
        main = sys.modules.get("__main__")
        #: What workers have of a ``__main__`` that is in no file, by id; None if there is a file, which they import.
        self._known: dict[int, weakref.ref[Any]] | None = None
        if main is not None and getattr(main, "__file__", None) is None and getattr(main, "__spec__", None) is None:
            there = [value for value in list(vars(main).values()) if isinstance(value, (FunctionType, type))]
            self._known = {id(value): weakref.ref(value) for value in there} if forks else {}

    def dumps(self, dump: Callable[[Any], T], value: Any) -> T:
        """``dump(value)``, by value if plain pickle refuses, or names what workers lack.

        Raises:
            BaseException: What plain pickle raises.
        """
        pickled = dumps(dump, value)
        if self.lacks(value, pickled):
            pickler = _pickler()
            # Without it the worker says what it lacks, and what would help.
            if pickler is not None:
                return dump(_ByValue(value, pickler))
        return pickled

    def lacks(self, value: Any, pickled: Any) -> bool:
        """Whether workers lack something of ``__main__`` that a value refers to, which plain pickle has pickled."""
        if self._known is None or not _names_main(pickled):
            return False
        inspector = _Inspector(self._known)
        try:
            inspector.dump(value)
        except REFUSALS:
            # Plain pickle has refused it already: it goes by value, and nothing is lacking.
            return False
        return inspector.missed


class Carried:
    """A value among the arguments of a process: pickled, by value if need be, when the process is started."""

    def __init__(self, value: Any, sender: Sender) -> None:
        self.value = value
        self._sender = sender

    def __reduce__(self) -> tuple[Any, ...]:
        return _arrived, (bytes(self._sender.dumps(ForkingPickler.dumps, self.value)),)


def _arrived(pickled: bytes) -> Carried:
    carried = Carried.__new__(Carried)
    carried.value = pickle.loads(pickled)
    return carried


class _ByValue:
    """Becomes the value itself when it is unpickled."""

    def __init__(self, value: Any, pickler: type[pickle.Pickler]) -> None:
        file = io.BytesIO()
        pickler(file, pickle.HIGHEST_PROTOCOL).dump(value)
        self._pickled = file.getvalue()

    def __reduce__(self) -> tuple[Any, ...]:
        return _arrive, (self._pickled,)


def _arrive(pickled: bytes) -> Any:
    global arrivals
    arrivals += 1
    return pickle.loads(pickled)


class _Inspector(pickle.Pickler):
    """Looks for functions and classes of ``__main__`` that are not known; what it pickles is thrown away."""

    def __init__(self, known: dict[int, weakref.ref[Any]]) -> None:
        super().__init__(io.BytesIO(), pickle.HIGHEST_PROTOCOL, buffer_callback=lambda _: None)
        self._known = known
        self.missed = False

    def reducer_override(self, obj: Any) -> Any:
        if isinstance(obj, (FunctionType, type)):
            there = self._known.get(id(obj))
            if obj.__module__ == "__main__" and (there is None or there() is not obj):
                self.missed = True
        elif type(obj) in ForkingPickler._extra_reducers and not callable(obj):  # type: ignore[attr-defined]
            # A connection, say: to pickle it is to open it for somebody.
            return int, ()
        return NotImplemented


def _has_main(value: Any) -> bool:
    inspector = _Inspector({})
    # It ends at what cannot be pickled, and that is what was looked at last.
    with contextlib.suppress(Exception):  # user code: __reduce__ and __getstate__
        inspector.dump(value)
    return inspector.missed


def _names_main(pickled: Any) -> bool:
    pieces = getattr(pickled, "pieces", None)
    if pieces is None:
        return b"__main__" in bytes(pickled)
    return any(len(piece) <= NAME_PIECE and b"__main__" in bytes(piece) for piece in pieces)


def _pickler() -> type[pickle.Pickler] | None:
    """cloudpickle's pickler, which knows connections and the like too; None if it is not installed (yet)."""
    global _found
    if _found is None:
        try:
            import cloudpickle
        except ImportError:
            return None

        class Pickler(cloudpickle.Pickler):  # type: ignore[misc]
            dispatch_table = ChainMap(  # noqa: RUF012  (pickle reads it, nobody changes it)
                cloudpickle.Pickler.dispatch_table,
                ForkingPickler._extra_reducers,  # type: ignore[attr-defined]
            )

        _found = Pickler
    return _found
