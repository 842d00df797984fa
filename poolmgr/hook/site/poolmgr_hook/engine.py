"""``--engine poolmgr``: the program's ``multiprocessing.Pool`` is made by poolmgr's engine, where that can be.

The stock class stays what it is.  Its ``__new__`` makes an instance of a subclass of it, which is poolmgr's; so
``isinstance``, subclasses of the program's and ``from multiprocessing.pool import Pool`` go on as they were.  A
subclass that overrides a private method relies on the stock engine and keeps it, watched as ever; a note says so.

Each such pool is published, so that it is seen and steered like any pool of poolmgr's.  That takes threads, and a
process for each pool; who asks for the engine asks for that.

Thread: the program's, in the constructor of its pool.
"""

from __future__ import annotations

import os
import sys

from . import files, layout, record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

#: Classes by the class that the program asked for; the same one where the stock engine stays.
_classes: dict[Any, Any] = {}


def wanted() -> bool:
    """Whether this run asks for poolmgr's engine."""
    return os.environ.get("POOLMGR_RUN_ENGINE") == "poolmgr"


def patch(stock: Any) -> None:
    """Have ``stock``, the class Pool, make pools of poolmgr's."""

    def new(kind: Any, *args: Any, **kwds: Any) -> Any:
        if kind not in _classes:
            _classes[kind] = _class_for(kind, stock)
        return object.__new__(_classes[kind])

    stock.__new__ = new


def _class_for(kind: Any, stock: Any) -> Any:
    try:
        ours = __import__("poolmgr").Pool
    except Exception as error:  # whatever the program's interpreter has under this name
        files.note(
            f"--engine poolmgr: {sys.executable} cannot import it ({error}); its pools stay as they are, watched"
        )
        return kind
    if issubclass(kind, ours) or (kind is not stock and kind.__module__ == stock.__module__):
        # Ours already, or ThreadPool, which has no processes.
        return kind
    reason = _why_stock(kind, stock)
    if reason:
        files.note(f"--engine poolmgr: {kind.__module__}.{kind.__qualname__} {reason}; it stays as it is, watched")
        return kind
    bases = (_published(ours),) if kind is stock else (kind, _published(ours))
    names = {"__module__": kind.__module__, "__qualname__": kind.__qualname__, "__doc__": kind.__doc__}
    return type(kind.__name__, bases, names)


def _why_stock(kind: Any, stock: Any) -> str:
    """Why a subclass needs the stock engine; empty if it does not."""
    for one in kind.__mro__[: kind.__mro__.index(stock)]:
        private = [
            name for name in vars(one) if name.startswith("_") and not name.startswith("__") and name in vars(stock)
        ]
        if private:
            return f"overrides {private[0]}"
        init = vars(one).get("__init__")
        if init is not None and "super" not in getattr(getattr(init, "__code__", None), "co_names", ()):
            return "calls the constructor of multiprocessing.Pool by its name"
    return ""


def _published(ours: Any) -> Any:
    """poolmgr's Pool, which is published while it is open."""

    class Pool(ours):  # type: ignore[misc]
        _hook_publication: Any = None
        _hook_record: Any = None

        def __init__(self, *args: Any, **kwds: Any) -> None:
            super().__init__(*args, **kwds)
            _publish(self)

        def terminate(self) -> None:
            super().terminate()
            _withdraw(self, layout.TERMINATED)

        def join(self) -> None:
            super().join()
            _withdraw(self, layout.CLOSED)

    return Pool


def _publish(pool: Any) -> None:
    try:
        pool._hook_publication = __import__("poolmgr").publish(pool)
        kind = type(pool)
        facts = {
            "kind": "poolmgr",
            "class": f"{kind.__module__}.{kind.__qualname__}",
            "site": record.site(),
            "start_method": getattr(pool._ctx, "_name", None) or pool._ctx.get_start_method(),
            "processes": str(len(pool._pool)),
            "published": pool._hook_publication.name,
        }
        pool._hook_record = record.Record(record.next_key(), 0, len(pool._pool), facts)
    except Exception as error:  # a pool that cannot be published works all the same
        files.note(f"--engine poolmgr: a pool could not be published: {type(error).__name__}: {error}")


def _withdraw(pool: Any, state: int) -> None:
    publication, pool._hook_publication = pool._hook_publication, None
    if publication is not None:
        publication.close()
    if pool._hook_record is not None:
        pool._hook_record.state(state)
