"""Why a pool that works is slow: the rules of the verdict that compare shares of time.

Pure; for any thread.
"""

from __future__ import annotations

import itertools
import math

from poolmgr.model.buckets import NONE, SECOND, SECONDS
from poolmgr.model.sizes import in_bytes
from poolmgr.model.snapshot import Rule, Verdict
from poolmgr.model.states import PoolState
from poolmgr.model.times import RECENT
from poolmgr.model.view import LONG, SETTLED, WAITS, View, in_seconds

#: Less work than this is little; hand-over of more than this is much.  Percent.
LITTLE_WORK, MUCH_HAND_OVER = 50.0, 30.0
#: A task should do so many times the work that handing it over takes.
WORTH = 5.0
#: Tasks a second that an owner can hardly hand out one by one, and ns of work that make a task tiny.
FLOOD, TINY = 2000.0, 100_000.0
#: Percent of idling that is worth a word.
MUCH_IDLE = 20.0
#: Percent of a core below which a busy worker is short of one, if it is taken from it so often in a second and more
#: often than it gives it up.
SHORT_OF_CPU, TAKEN = 70.0, 5.0
#: A worker's memory grows if it is higher in each quarter of the last five minutes, by so much in all (bytes, and
#: part), over so many tasks and seconds.
GROWTH, GROWTH_SHARE, GROWTH_TASKS, GROWTH_SECONDS = 32 << 20, 0.20, 4, 8
#: A worker may grow by so many bytes before it should be replaced.
ALLOWANCE = 256 << 20
#: Percent of a minute that goes into starting workers anew, and how many starts at least.
MUCH_START, STARTS = 10.0, 2
#: Points between the busiest and the idlest worker, and seconds that both must have been there.
UNEVEN, UNEVEN_SECONDS = 50.0, 20


def ipc_bound(view: View) -> Verdict | None:
    """Handing tasks over takes the time that they should run."""
    times, ended, recent = view.times, view.ended, view.recent
    if ended < RECENT or times.work >= LITTLE_WORK:
        return None
    whole = len(view.snapshot.workers) * view.span * SECOND
    mean = (recent.busy_ns - recent.serialise) / ended
    queued = times.wait + times.serialise >= MUCH_HAND_OVER
    flood = view.rate >= FLOOD and mean < TINY
    if times.serialise >= MUCH_HAND_OVER:
        moved = (recent.bytes_in + recent.bytes_out) / view.span
        text = f"pickling takes {times.serialise:.0f}% of the workers' time, work {times.work:.0f}%"
        text += f"; {in_bytes(moved)}/s travel, {in_bytes(moved * view.span / ended)} a task" if moved else ""
        return Verdict(Rule.IPC_BOUND, text, "send less: a path or a key in place of the data")
    # A queue that stands empty because the owner cannot fill it is hand-over too.
    overhead = whole * (100 - times.work if flood else times.wait + times.serialise) / 100 / ended
    if not (queued or flood) or mean >= WORTH * overhead:
        return None
    size = max(2, math.ceil(WORTH * overhead / max(mean, 1.0)))
    text = f"a task works for {in_seconds(mean / 1e9)} and its hand-over takes {in_seconds(overhead / 1e9)}"
    text += f": {times.work:.0f}% of the workers' time is work, at {view.rate:,.0f} tasks/s"
    return Verdict(Rule.IPC_BOUND, text, f"give a task more to do: about {size} items each (chunksize={size})")


def starved(view: View) -> Verdict | None:
    """Workers have nothing to do, though more is to come."""
    snapshot, times = view.snapshot, view.times
    more = snapshot.state is PoolState.RUN and not (
        snapshot.expected is not None and snapshot.counts.submitted >= snapshot.expected
    )
    if snapshot.times is None or view.queued or times.idle < MUCH_IDLE or not more or view.history.seconds < SETTLED:
        return None
    if not view.ended and not snapshot.counts.running:
        return None
    used = (100 - times.idle) / 100
    size = max(1, math.ceil(snapshot.size * used))
    text = f"nothing is queued and workers idle {times.idle:.0f}% of the time"
    if view.ended:
        text += f": {view.rate:,.1f} tasks/s are submitted, {view.rate / max(used, 0.01):,.0f} could be done"
    shrink = f", or shrink to {size}" if size < snapshot.size else ""
    return Verdict(Rule.STARVED, text, f"submit further ahead{shrink}")


def oversubscribed(view: View) -> Verdict | None:
    """Workers want more cores than there are."""
    machine, busy = view.snapshot.machine, view.busy
    known = [cpu for worker in busy if (cpu := view.cpu(worker)) is not None]
    if machine is None or not known or machine.runnable <= machine.cores:
        return None
    cpu = sum(known) / len(known)
    buckets = [view.ten[worker.slot] for worker in busy]
    taken, given = sum(bucket.involuntary for bucket in buckets), sum(bucket.voluntary for bucket in buckets)
    each = taken / len(busy) / view.span
    if cpu >= SHORT_OF_CPU or each < TAKEN or taken <= given:
        return None
    who = "1 busy worker shares" if len(busy) == 1 else f"{len(busy)} busy workers share"
    text = f"{who} {machine.cores} cores with {machine.runnable:.0f} that want to run"
    text += f": each gets {cpu:.0f}% of one and loses it {each:.0f} times a second"
    if len(busy) > machine.cores:
        return Verdict(Rule.OVERSUBSCRIBED, text, f"shrink to {machine.cores} workers")
    return Verdict(Rule.OVERSUBSCRIBED, text, "end what else computes on this machine, or shrink")


def waiting_on_io(view: View) -> Verdict | None:
    """Workers are busy and use no CPU."""
    busy = view.busy
    known = [cpu for worker in busy if (cpu := view.cpu(worker)) is not None]
    if not known or 2 * len(busy) < len(view.snapshot.workers):
        return None
    cpu = sum(known) / len(known)
    if cpu >= WAITS or view.history.seconds < SETTLED:
        return None
    text = f"{len(busy)} of {len(view.snapshot.workers)} workers run tasks with {cpu:.0f}% CPU"
    text += ": they wait for the network, a disk, a lock or a sleep"
    if not view.queued:
        return Verdict(Rule.WAITING_ON_IO, text, "nothing is queued: more workers would not help")
    return Verdict(Rule.WAITING_ON_IO, text, f"more workers may help: grow to {2 * view.snapshot.size}")


def memory(view: View) -> Verdict | None:
    """The memory of workers grows with their tasks."""
    growing = [(growth, slot) for slot in view.history.tracks if (growth := _growth(view, slot)) is not None]
    if not growing:
        return None
    (grown, tasks, _), slot = max(growing)
    each = grown / tasks
    worker = next((worker for worker in view.snapshot.workers if worker.slot == slot), None)
    if worker is None:
        return None
    text = f"{worker.name} grows by {in_bytes(each)} a task"
    text += f" ({in_bytes(worker.rss)} now)" if worker.rss else ""
    text += f", {len(growing)} of {len(view.snapshot.workers)} workers grow"
    machine = view.snapshot.machine
    if machine is not None:
        speed = sum(bytes_ / length for (bytes_, _, length), _ in growing)
        text += f"; memory is full in {in_seconds(machine.memory_available / speed)}"
    limit = max(1, int(ALLOWANCE / each))
    return Verdict(Rule.MEMORY, text, f"replace a worker after {limit:,} tasks (maxtasksperchild={limit})", slot=slot)


def _growth(view: View, slot: int) -> tuple[int, int, float] | None:
    """Bytes by which the worker has grown, and over how many tasks and seconds; None if it does not grow."""
    seconds = view.history.tracks[slot].ring(SECONDS)
    begin = max([i for i, bucket in enumerate(seconds) if bucket.died or bucket.restarted], default=-1) + 1
    life = [bucket for bucket in seconds[begin:] if bucket.rss != NONE]
    if len(life) < GROWTH_SECONDS:
        return None
    quarter = len(life) // 4
    lows = [min(bucket.rss for bucket in life[i * quarter : (i + 1) * quarter]) for i in range(4)]
    grown, tasks = lows[3] - lows[0], sum(bucket.done + bucket.failed for bucket in life[: 3 * quarter])
    steady = all(before < after for before, after in itertools.pairwise(lows))
    if not steady or grown < GROWTH or grown < GROWTH_SHARE * lows[0] or tasks < GROWTH_TASKS:
        return None
    return grown, tasks, float(life[3 * quarter].number - life[0].number)


def start_up(view: View) -> Verdict | None:
    """Much of the time goes into starting workers anew."""
    minute, snapshot = view.minute, view.snapshot
    if minute.restarted < STARTS:
        return None
    share = 100 * minute.start / SECOND / max(1, snapshot.size) / min(LONG, max(1.0, view.history.seconds))
    if share < MUCH_START:
        return None
    each = minute.start / SECOND / minute.restarted
    text = f"starting workers takes {share:.0f}% of their time"
    text += f": {minute.restarted:,} were replaced in the last minute, each took {in_seconds(each)} to be ready"
    return Verdict(Rule.START_UP, text, "raise maxtasksperchild, or do less in the initializer")


def skew(view: View) -> Verdict | None:
    """Some workers do most of the work."""
    spans = {slot: seconds for slot, seconds in view.minutes.items() if seconds}
    busy: list[tuple[float, int]] = []
    for slot, seconds in spans.items():
        length = view.history.now / SECOND - seconds[0].number
        if length >= UNEVEN_SECONDS:
            busy.append((100 * sum(bucket.busy_ns for bucket in seconds) / SECOND / length, slot))
    if len(busy) < 2 or not view.ended:
        return None
    (least, idlest), (most, busiest) = min(busy), max(busy)
    if most - least < UNEVEN:
        return None
    text = f"w{busiest + 1} worked {most:.0f}% of the last minute, w{idlest + 1} {least:.0f}%"
    return Verdict(Rule.SKEW, text, "cut the work into smaller tasks (a smaller chunksize)", slot=busiest)
