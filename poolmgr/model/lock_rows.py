"""The synchronisation objects as a list shows them: parts folded into their wholes, processes told as workers and jobs.

Pure; for any thread.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from poolmgr.model.sizes import in_bytes
from poolmgr.model.snapshot import PoolSnapshot, WorkerSnapshot
from poolmgr.model.sync import QUEUES, Deadlock, Holder, SyncObject, SyncSnapshot, SyncState, Waiter
from poolmgr.model.view import in_seconds
from poolmgr.model.waits import blocked, held_by

#: What is worst comes first.
_ORDER = (SyncState.ABANDONED, SyncState.DEADLOCK, SyncState.WAITED, SyncState.HELD, SyncState.FREE)


@dataclass(frozen=True, slots=True)
class LockRow:
    """One object with all that its parts tell."""

    each: SyncObject
    state: SyncState
    holder: Holder | None = None
    #: Those who wait longest come first.
    waiters: tuple[Waiter, ...] = ()
    #: Threads that waited on average over the last ten seconds; None where nobody counts.
    waiting: float | None = None
    #: The lock that can be released because its holder is gone: this one, or a part of it.
    abandoned: int | None = None

    def held(self, now: float) -> float | None:
        """Seconds for which its holder has had it; None without one."""
        return None if self.holder is None else max(0.0, now - self.holder.since)

    def waited(self, now: float) -> float | None:
        """Seconds for which somebody has waited for it; None if nobody does."""
        return max(0.0, now - self.waiters[0].since) if self.waiters else None


def rows(sync: SyncSnapshot) -> list[LockRow]:
    """One for each object that is no part of another: trouble first, what pools made for themselves last."""
    known = {each.id for each in sync.objects}
    found = [_row(sync, each) for each in sync.objects if each.part_of not in known]
    return sorted(found, key=lambda row: (row.state not in _ORDER[:3], bool(row.each.machinery), row.each.made))


def _row(sync: SyncSnapshot, each: SyncObject) -> LockRow:
    members = [each, *sync.parts(each.id)]
    states = {sync.state(member) for member in members}
    waiters = [waiter for member in members for waiter in member.waiters]
    holder = each.holder
    for member in members[1:]:
        if member.holder is None:
            continue
        if member.role == "reading" and not member.holder.dead and each.kind in QUEUES and not each.bytes_waiting:
            # It has the lock for reading and nothing to read: it is the first of those who wait for an item.
            waiters.append(_reader(member.holder))
        else:
            holder = holder or member.holder
    joins = each.kind == "joinable queue"
    counted = [member.waiting for member in members if member.waiting is not None]
    return LockRow(
        each,
        next(state for state in _ORDER if state in states),
        holder,
        tuple(
            replace(waiter, what="join") if joins and waiter.what == "wait" else waiter
            for waiter in sorted(waiters, key=lambda waiter: waiter.stamp)
        ),
        sum(counted) if counted else None,
        next((member.id for member in members if member.holder is not None and member.holder.dead), None),
    )


def _reader(holder: Holder) -> Waiter:
    return Waiter(holder.pid, holder.thread, holder.since, holder.stamp, what="get")


def who(snapshot: PoolSnapshot, pid: int, thread: int | None = None) -> str:
    """A process as people know it: ``w3 job 17``, ``the program``, ``pid 4121``; and its thread, if not the main."""
    worker = worker_of(snapshot, pid)
    if worker is not None:
        name = worker.name + (f" job {worker.job_id}" if worker.job_id is not None else "")
    else:
        name = "the program" if pid == snapshot.pid else f"pid {pid}"
    return name if thread in (None, pid) else f"{name} thread {thread}"


def worker_of(snapshot: PoolSnapshot, pid: int) -> WorkerSnapshot | None:
    """The worker whose process this is."""
    return next((worker for worker in snapshot.workers if worker.pid == pid), None)


def state_text(each: SyncObject) -> str:
    """What it is now, apart from who has it and who waits."""
    if each.kind == "event":
        return "" if each.value is None else "set" if each.value else "not set"
    if each.kind == "barrier":
        return f"{each.value} of {each.limit} here" if each.value is not None else f"for {each.limit}"
    if each.kind in QUEUES and each.depth is not None:
        return f"{each.depth:,} of {each.limit:,} items" if each.limit else f"{each.depth:,} items"
    if each.value is not None:
        return f"{each.value:,} of {each.limit:,} free" if each.limit else f"{each.value:,} free"
    if each.bytes_first is not None and each.bytes_second is not None:
        return f"{in_bytes(each.bytes_first)}+{in_bytes(each.bytes_second)}"
    if each.bytes_waiting is not None:
        return f"{in_bytes(each.bytes_waiting)} waiting"
    return each.content


def ends_text(each: SyncObject) -> str:
    """How much of a two-way pipe's bytes waits at which end, called as the program does; empty for what has no ends."""
    names = each.name[1:-1].split(", ") if each.name.startswith("(") else []
    ends = zip(
        (each.bytes_first, each.bytes_second),
        names if len(names) == 2 else ("the first end", "the second end"),
        strict=True,
    )
    return ", ".join(f"{in_bytes(size)} for {name}" for size, name in ends if size is not None)


def blocked_text(snapshot: PoolSnapshot, pid: int) -> str:
    """What a process waits for, who has it and since when, in one line; empty if it waits for nothing."""
    sync = snapshot.sync
    block = None if sync is None else blocked(sync, pid)
    if block is None:
        return ""
    what = f" to {block.waiter.what}" if block.waiter.what in ("get", "put", "join") else ""
    since = in_seconds(snapshot.time - block.waiter.since)
    text = f"waits{what} {'at' if what else 'for'} {block.whole.label} for {since}"
    if block.waiter.limit is not None:
        text += f" of {in_seconds(block.waiter.limit)}"
    holder = block.lock.holder
    if holder is not None:
        since = in_seconds(snapshot.time - holder.since)
        gone = ", which is DEAD," if holder.dead else ""
        text += f"; {who(snapshot, holder.pid, holder.thread)}{gone} has had it for {since}"
    return text


def holding_text(snapshot: PoolSnapshot, pid: int) -> str:
    """The locks that a process holds, in one line; empty if there are none."""
    sync = snapshot.sync
    held = () if sync is None else held_by(sync, pid)
    if sync is None or not held:
        return ""
    names = [
        f"{sync.whole(each).label}{f' ({each.role})' if each.part_of is not None else ''}"
        f" for {in_seconds(snapshot.time - each.holder.since)}"
        + (f", {len(each.waiters)} wait" if each.waiters else "")
        for each in held[:3]
        if each.holder is not None
    ]
    return "holds " + ", ".join(names) + (f" and {len(held) - 3} more" if len(held) > 3 else "")


def deadlock_text(snapshot: PoolSnapshot, deadlock: Deadlock) -> list[str]:
    """The chain, one line for each thread: what it waits for, and who has that."""
    sync = snapshot.sync or SyncSnapshot()
    lines = []
    for link, after in zip(deadlock.chain, (*deadlock.chain[1:], deadlock.chain[0]), strict=True):
        lock = sync.find(link.lock)
        label = "a lock" if lock is None else sync.whole(lock).label
        waits = in_seconds(snapshot.time - link.since)
        has = "itself" if after == link else who(snapshot, after.pid, after.thread)
        lines.append(f"{who(snapshot, link.pid, link.thread)} waits {waits} for {label}, which {has} has")
    return lines
