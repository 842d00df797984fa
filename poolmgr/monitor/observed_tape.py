"""What the workers of an observed pool did, as spans for the history (``record.py``), like the engine's own tape.

A worker's cells have the last tasks that it finished, and the counts of all.  Of a worker that finishes more between
two looks than its ring holds, the others are taken to be like those that are known.

Thread: spans are added by the observer's, and taken by the collector's; a deque's ends are safe between the two.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping

from poolmgr.engine.tape import KEPT, Happened, Now, Ran
from poolmgr.hook.site.poolmgr_hook import layout
from poolmgr.monitor.observed import ObservedTask
from poolmgr.monitor.observed_workers import Seated


class ObservedTape:
    """Spans, newest last, and what goes on."""

    def __init__(self) -> None:
        self._spans: deque[Ran | Happened] = deque(maxlen=KEPT)
        self._now = Now(False, None, [], [])

    def take(self) -> list[Ran | Happened]:
        """All spans since the last call."""
        return [self._spans.popleft() for _ in range(len(self._spans))]

    def look(self) -> Now:
        """What the workers did when they were looked at last, and what waited."""
        return self._now

    def note(self, seated: Seated) -> list[ObservedTask]:
        """Add what is new of a worker, and return the tasks that it has finished since, as far as they are known."""
        worker = seated.worker
        if worker.ready_ns is not None and not seated.told_ready:
            seated.told_ready = True
            replaced = seated.generation > 1
            self._spans.append(Happened(seated.slot, "ready", worker.born_ns, worker.ready_ns, None, replaced))
        fresh = [task for task in worker.finished if task.sequence > seated.sequence and task.ended_ns is not None]
        done, failed = worker.done - seated.done, worker.failed - seated.failed
        self._spans.extend(spans(seated.slot, fresh, done, failed, worker.busy_ns - seated.busy_ns))
        seated.done, seated.failed, seated.busy_ns = worker.done, worker.failed, worker.busy_ns
        if fresh:
            seated.sequence = fresh[-1].sequence
        return fresh

    def died(self, seated: Seated, now_ns: int) -> None:
        """A worker has died that nobody had asked to, inside a task or not."""
        worker = seated.worker
        if worker.running is not None:
            task = worker.running
            self._spans.append(Happened(seated.slot, "lost", task.began_ns, now_ns, task.function))
        self._spans.append(Happened(seated.slot, "died", worker.born_ns, now_ns, None))

    def set_now(self, seated: Iterable[Seated], waiting: Mapping[str, int] | None, *, queued: bool) -> None:
        """Note what goes on."""
        running, starting = [], []
        for one in seated:
            task = one.worker.running
            if task is not None:
                running.append((one.slot, task.began_ns, task.function))
            elif one.worker.ready_ns is None:
                starting.append((one.slot, one.worker.born_ns))
        self._now = Now(queued, waiting, running, starting)


def spans(slot: int, tasks: list[ObservedTask], done: int, failed: int, busy: int) -> list[Ran]:
    """One span for each function, which together have all that was done.

    Args:
        slot: Of the worker.
        tasks: Those that are known, oldest first.
        done: Tasks that ended well, known or not.
        failed: And badly.
        busy: ns in all of them.
    """
    by_function: dict[str, list[ObservedTask]] = {}
    for task in tasks:
        by_function.setdefault(task.function, []).append(task)
    found = [_span(slot, function, known) for function, known in by_function.items()]
    if found:
        # What nobody has seen one by one goes to the function of which there was most, before what is known of it.
        place = max(range(len(found)), key=lambda number: len(found[number].durations))
        most = found[place]
        longer = most.busy + max(0, busy - sum(span.busy for span in found))
        found[place] = most._replace(
            begin=min(most.begin, most.end - longer),
            busy=longer,
            done=most.done + max(0, done - sum(span.done for span in found)),
            failed=most.failed + max(0, failed - sum(span.failed for span in found)),
        )
    return found


def _span(slot: int, function: str, tasks: list[ObservedTask]) -> Ran:
    ends = [task.began_ns if task.ended_ns is None else task.ended_ns for task in tasks]
    durations = [end - task.began_ns for end, task in zip(ends, tasks, strict=True)]
    failed = sum(task.outcome != layout.OK for task in tasks)
    return Ran(
        slot=slot,
        begin=tasks[0].began_ns,
        end=max(ends),
        busy=sum(durations),
        done=len(tasks) - failed,
        failed=failed,
        serialise=0,
        encode=0,
        bytes_in=0,
        bytes_out=0,
        func=function,
        durations=durations,
    )
