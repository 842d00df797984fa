"""One lock, queue or the like in words: where it was made, who has it, who waits, and what can be done.  Pure."""

from __future__ import annotations

from textual.content import Content

from poolmgr.model.lock_rows import LockRow, deadlock_text, ends_text, state_text, who, worker_of
from poolmgr.model.sizes import in_bytes
from poolmgr.model.snapshot import PoolSnapshot
from poolmgr.model.stacks import Frame, place_text
from poolmgr.model.sync import Call, Deadlock, SyncSnapshot, SyncState
from poolmgr.tui.format import count, duration, fine, fit, harmless, plural, rate, time_of_day
from poolmgr.tui.marks import JOB_STYLES, lock_mark

Part = tuple[str, str]

#: Waiters that are told of one object.
MOST = 6
#: Cells of a line of source.
SOURCE = 40
#: What stands where nothing is tracked.
UNTRACKED = (
    "The locks, queues, pipes and shared values of this pool's program are not tracked. Start the program with "
    "poolmgr run SCRIPT, and they are listed here: who has each, who waits for it, and which are in a deadlock or "
    "abandoned. For a program that runs already: poolmgr locks PID"
)
#: What stands where there is none.
NONE = "The program has made no lock, queue, pipe or shared value that is still in use."


def describe_lock(row: LockRow, snapshot: PoolSnapshot) -> Content:
    """Everything that a snapshot knows about one object."""
    each, sync = row.each, snapshot.sync or SyncSnapshot()
    mark, style = lock_mark(row.state)
    parts: list[Part] = [(f"{mark} {row.state}  ", f"bold {JOB_STYLES[style]}"), (harmless(each.label), "bold")]
    parts.append((f"  {harmless(state_text(each))}\n", ""))
    deadlock = _deadlock_of(row, sync)
    if deadlock is not None:
        for line in deadlock_text(snapshot, deadlock):
            parts.append((f"  {harmless(line)}\n", "$text-error"))
        parts += _field(
            "do", "X kills the jobs that wait for it; b shows what its holder does. Take locks in one order."
        )
    parts += _stacks(row, deadlock, snapshot)
    place = f"{harmless(each.file)}:{each.line}, " if each.file else ""
    made = f"{place}{time_of_day(each.made)}, by process {each.maker}"
    parts += _field("made", made + (f", for {each.machinery}" if each.machinery else ""))
    parts += _holder(row, snapshot)
    parts += _waiters(row, snapshot)
    if each.acquires is not None:
        parts += _field("taken", _taken(row))
    if each.puts is not None:
        speed = f", {rate(each.rate_in)}/s in, {rate(each.rate_out or 0.0)}/s out" if each.rate_in is not None else ""
        parts += _field("items", f"{count(each.puts)} sent, {count(each.gets or 0)} received{speed}")
    if each.bytes_waiting is not None:
        ends = ends_text(each)
        parts += _field("pipe", f"{in_bytes(each.bytes_waiting)} wait in it" + (f": {harmless(ends)}" if ends else ""))
    return Content.assemble(*parts)


def _holder(row: LockRow, snapshot: PoolSnapshot) -> list[Part]:
    holder = row.holder
    if holder is None:
        return []
    name = harmless(who(snapshot, holder.pid, holder.thread))
    since = f"for {duration(snapshot.time - holder.since)}"
    if not holder.dead:
        worker = worker_of(snapshot, holder.pid)
        runs = f", {harmless(worker.function)}" if worker is not None and worker.function else ""
        return _field("held", f"by {name} (pid {holder.pid}){runs}, {since}")
    return [
        *_field("held", f"by {name}, which is DEAD and will never release it, {since}", "bold $text-error"),
        *_field("do", "L releases it in the dead holder's place (asks); X kills the jobs that wait for it"),
    ]


def _waiters(row: LockRow, snapshot: PoolSnapshot) -> list[Part]:
    parts: list[Part] = []
    for waiter in row.waiters[:MOST]:
        text = f"{harmless(who(snapshot, waiter.pid, waiter.thread))} (pid {waiter.pid})"
        text += f" to {waiter.what}" if waiter.what else ""
        text += f", for {duration(snapshot.time - waiter.since)}"
        text += f", gives up after {duration(waiter.limit)}" if waiter.limit is not None else ""
        parts += _field("waits" if not parts else "", text)
    if len(row.waiters) > MOST:
        parts += _field("", f"and {plural(len(row.waiters) - MOST, 'more thread')}")
    return parts


def _stacks(row: LockRow, deadlock: Deadlock | None, snapshot: PoolSnapshot) -> list[Part]:
    """What those are at that are stuck: all of a deadlock, who has the lock among them, and who else waits for it."""
    sync = snapshot.sync or SyncSnapshot()
    chain = () if deadlock is None else deadlock.chain
    stamps = dict.fromkeys([*(link.stamp for link in chain), *(waiter.stamp for waiter in row.waiters[:MOST])])
    stacks = [stack for stack in map(sync.stack, stamps) if stack is not None]
    calls = [[_told(call) for call in stack.calls] for stack in stacks]
    widths = [max((len(call[part]) for told in calls for call in told), default=0) for part in (0, 1)]
    parts: list[Part] = []
    for stack, told in zip(stacks, calls, strict=True):
        parts += _field("" if parts else "stack", harmless(who(snapshot, stack.pid, stack.thread)))
        for place, function, source in told:
            parts.append((f"          {place:<{widths[0]}}  {function:<{widths[1]}}  ", ""))
            parts.append((f"{source}\n", "$text-muted"))
    return parts


def _told(call: Call) -> tuple[str, str, str]:
    """Where it is, in what, and its line, so short that a stack stays a list on most screens."""
    place, source = place_text(Frame(call.file, call.line, call.function)), harmless(call.source)
    return harmless(place), harmless(call.function), fit(source, SOURCE) if len(source) > SOURCE else source


def _taken(row: LockRow) -> str:
    each = row.each
    text = plural(each.acquires or 0, "time")
    if each.contended:
        mean = (each.waited or 0.0) / each.contended
        text += f", {count(each.contended)} of them after waiting {fine(mean)} on average"
    if row.waiting is not None:
        text += f"; in the last 10 s {row.waiting:.2f} threads waited on average"
    return text


def _deadlock_of(row: LockRow, sync: SyncSnapshot) -> Deadlock | None:
    if row.state is not SyncState.DEADLOCK:
        return None
    members = {row.each.id, *(part.id for part in sync.parts(row.each.id))}
    return next((each for each in sync.deadlocks if any(link.lock in members for link in each.chain)), None)


def _field(name: str, text: str, style: str = "") -> list[Part]:
    return [(f"{name:<7} ", "$text-muted"), (f"{text}\n", style)]
