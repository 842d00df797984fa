"""The rule of the verdict that looks at locks: workers wait for one, more than they work.

Pure; for any thread.
"""

from __future__ import annotations

from poolmgr.model.snapshot import Rule, Verdict, WorkerSnapshot
from poolmgr.model.sync import MUTEXES, SyncObject
from poolmgr.model.view import SETTLED, View, in_seconds
from poolmgr.model.waits import blocked

#: Percent of the workers that wait for one lock on average, from which on that is why the pool is slow.
MUCH_WAITING = 30.0
#: Seconds for which a lock that nobody gives back for a moment is no news.
LONG_HELD = 1.0


def lock_bound(view: View) -> Verdict | None:
    """Many workers wait for one lock, or for each other."""
    snapshot = view.snapshot
    sync, workers = snapshot.sync, {worker.pid: worker for worker in snapshot.workers}
    if sync is None or not workers:
        return None
    for deadlock in sync.deadlocks:
        ours = [workers[link.pid] for link in deadlock.chain if link.pid in workers]
        if ours:
            ours.sort(key=lambda worker: worker.slot)
            return _deadlock(ours, len(deadlock.chain), [sync.find(link.lock) for link in deadlock.chain])
    if view.history.seconds < SETTLED:
        return None
    waited = [
        (each.waiting, each)
        for each in sync.objects
        if each.kind in MUTEXES and not sync.whole(each).machinery and each.waiting is not None
    ]
    if not waited:
        return None
    waiting, lock = max(waited, key=lambda pair: pair[0])
    share = min(100.0, 100 * waiting / len(workers))
    if share < MUCH_WAITING:
        return None
    whole = sync.whole(lock)
    text = f"{share:.0f}% of the workers' time goes into waiting for {whole.label}"
    stuck = [worker for pid, worker in workers.items() if (found := blocked(sync, pid)) and found.lock.id == lock.id]
    text += f"; waiting now: {', '.join(worker.name for worker in stuck[:4])}" if stuck else ""
    text += f" and {len(stuck) - 4} more" if len(stuck) > 4 else ""
    return _held(lock, text, workers, snapshot.time)


def _held(lock: SyncObject, text: str, workers: dict[int, WorkerSnapshot], now: float) -> Verdict:
    holder = lock.holder
    if holder is None or now - holder.since < LONG_HELD:
        if lock.acquires and lock.contended:
            text += f"; {lock.contended:,} of {lock.acquires:,} times it was not free"
        return Verdict(Rule.LOCK_BOUND, text, "do less while it is held, or give each part of the data its own lock")
    who = workers.get(holder.pid)
    name = f"process {holder.pid}" if who is None else who.name
    if holder.dead:
        return Verdict(Rule.LOCK_BOUND, f"{text}; {name}, which had it, is dead", "release it in the view of locks (7)")
    text += f"; {name} has held it for {in_seconds(now - holder.since)}"
    job = None if who is None else who.job_id
    return Verdict(Rule.LOCK_BOUND, text, "see what its holder does", job, None if who is None else who.slot)


def _deadlock(ours: list[WorkerSnapshot], threads: int, locks: list[SyncObject | None]) -> Verdict:
    names = ", ".join(worker.name for worker in ours)
    of = " and ".join(lock.label for lock in locks if lock is not None)
    rest = threads - len(ours)
    text = f"deadlock: {names}" + (f" and {rest} other threads" if rest else "") + f" wait for each other's {of}"
    victim = ours[-1]
    return Verdict(
        Rule.LOCK_BOUND, text, "kill one of their jobs, and take locks in one order", victim.job_id, victim.slot
    )
