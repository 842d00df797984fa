"""A Manager: objects that live in a process of their own, and that others use as if they had them.

What to watch:
  - Three workers tokenise sources into one dict, one list and one Namespace, all of which live in the manager.
  - d[key] += 1 is two messages, and others may write between them: with the manager's Lock around it nothing is lost.
  - A list inside a shared dict comes as a copy: what is appended to that is gone.
  - Whoever knows the address and the key may use a manager from anywhere; with another key nobody gets in.
  - Every operation is a message there and one back: compare the microseconds with those of a plain dict.

Runs alone (python demos/manager.py), under the screen (poolmgr demo manager), and without one (--headless).
"""

from __future__ import annotations

import io
import multiprocessing
import sysconfig
import threading
import time
import tokenize
from collections import Counter
from collections.abc import Callable
from multiprocessing.context import BaseContext
from multiprocessing.managers import BaseManager, Namespace, SyncManager
from pathlib import Path
from typing import Any

from poolmgr.demos import arguments, check, figures, raised

LIBRARY = Path(sysconfig.get_path("stdlib"))
KEY = b"what both sides know"
#: What the remote manager serves, in its own process.
stock = {"paper": 3}


def tokens_of(names: list[str], counts: Any, finished: Any, state: Any, lock: Any) -> None:
    """Count the kinds of tokens in some sources, all in objects of the manager."""
    for name in names:
        text = (LIBRARY / name).read_text(encoding="utf-8")
        tokens = tokenize.generate_tokens(io.StringIO(text).readline)
        own = Counter(tokenize.tok_name[token.type] for token in tokens)
        finished.append(name)
        with lock:
            # Read and written under one lock: += on what a manager holds is two messages.
            for kind, number in own.items():
                counts[kind] = counts.get(kind, 0) + number
            if sum(own.values()) > state.most:
                state.most, state.name = sum(own.values()), name


def share(ctx: BaseContext, manager: SyncManager, names: list[str]) -> int:
    """Three workers, one dict, one list, one Namespace and one Lock.  Returns the number of tokens."""
    print(f"1. three workers and the manager's dict, list, Namespace and Lock: {len(names)} sources")
    counts, finished, lock = manager.dict(), manager.list(), manager.Lock()
    state = manager.Namespace(most=0, name="")
    workers = [
        ctx.Process(target=tokens_of, args=(names[part::3], counts, finished, state, lock), name=f"tokens-{part}")
        for part in range(3)
    ]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    check("the list has every source once, in the order in which they were done", sorted(finished) == names)
    print(f"  most tokens: {state.name} with {state.most:,}; kinds: {', '.join(sorted(counts.keys())[:5])}, ...")
    total = sum(counts.values())

    alone: dict[str, int] = {}
    own = Namespace(most=0, name="")
    tokens_of(names, alone, [], own, threading.Lock())
    check(f"{total:,} tokens, the same as counted by one", (dict(counts), state.most) == (alone, own.most))

    counts["notes"], counts["shared"] = [], manager.list()
    counts["notes"].append("lost")
    counts["shared"].append("kept")
    check("what is appended to a list inside the dict is lost: it was a copy", counts["notes"] == [])
    check("but not if it is a manager's list itself", len(counts["shared"]) == 1)
    return total


def get_stock() -> dict[str, int]:
    """Run in the server: whoever asks for the stock gets this very dict, by reference."""
    return stock


class Store(BaseManager):
    """A manager that is reached by its address."""


Store.register("get_stock", get_stock, exposed=("get", "update", "__len__"))


def buy(address: Any) -> None:
    """A client, as it could run on another machine."""
    client = Store(address, KEY)
    client.connect()
    client.get_stock().update(paper=client.get_stock().get("paper") - 1, ink=1)


def serve(ctx: BaseContext) -> None:
    """A manager on a port of this machine, a client, and one who does not know the key."""
    with Store(("127.0.0.1", 0), KEY, ctx=ctx) as store:
        print(f"3. a manager at {store.address[0]}, port {store.address[1]}, with a key")
        client = ctx.Process(target=buy, args=(store.address,), name="client")
        client.start()
        client.join()
        shared = store.get_stock()
        check("a client with the key changed the stock", (shared.get("paper"), shared.get("ink")) == (2, 1))
        error = raised(Store(store.address, b"a guess").connect)
        check(f"with another key: {error!r}", isinstance(error, multiprocessing.AuthenticationError))
        check("what is not exposed cannot be called", not hasattr(shared, "clear"))
    check("this process's own dict was never touched", stock == {"paper": 3})


def microseconds(call: Callable[[], object], times: int) -> float:
    """What one call takes in the mean."""
    began = time.perf_counter()
    for _ in range(times):
        call()
    return (time.perf_counter() - began) / times * 1e6


def measure(ctx: BaseContext, manager: SyncManager, times: int) -> dict[str, float]:
    """The same operation on a plain dict, on shared memory, and on a manager's dict."""
    plain, value = {"x": 1}, ctx.Value("q", 1)
    held = manager.dict(plain)
    cost = {
        "dict": microseconds(lambda: plain["x"], times * 100),
        "Value": microseconds(lambda: value.value, times * 10),
        "manager": microseconds(lambda: held["x"], times),
    }
    print("2. one read, in microseconds:", ", ".join(f"{name} {each:.2f}" for name, each in cost.items()))
    return cost


def main() -> None:
    """Share, measure, serve."""
    options = arguments(__doc__)
    ctx = multiprocessing.get_context(options.start_method)
    names = sorted(path.name for path in LIBRARY.glob("[a-b]*.py" if options.quick else "*.py"))
    with ctx.Manager() as manager:
        total = share(ctx, manager, names)
        cost = measure(ctx, manager, 200 if options.quick else 5000)
    serve(ctx)
    figures(tokens=total, dict_us=cost["dict"], manager_us=cost["manager"])


if __name__ == "__main__":
    main()
