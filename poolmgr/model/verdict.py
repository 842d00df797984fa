"""Why is the pool as fast as it is: one line, with its numbers, and one thing to do about it.

Each rule is a small function that looks at one picture and gives a verdict or None; the first that gives one holds.
Their order is that of what an operator must know first: what breaks, then what hangs, then what is slow (``slow.py``).

Pure; for any thread.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable

from poolmgr.model.buckets import History
from poolmgr.model.lock_rows import blocked_text
from poolmgr.model.locked import lock_bound
from poolmgr.model.slow import ipc_bound, memory, oversubscribed, skew, start_up, starved, waiting_on_io
from poolmgr.model.snapshot import FunctionSnapshot, JobSnapshot, PoolSnapshot, Rule, Verdict, WorkerSnapshot
from poolmgr.model.states import JobState, PoolState, WorkerState
from poolmgr.model.view import LONG, WAITS, View, in_seconds, one_line, short_name

#: Unasked deaths within a minute that are no accident any more; in large pools, as a part of the workers.
DEATHS, DEATHS_SHARE = 5, 0.5
#: The same where no worker is ready, of a pool that has as many: none is left to go on.
UNREADY = 3
#: Share of tasks that failed in a minute, and how many at least: one bad input of a few says nothing.
FAILURES_SHARE, FAILURES = 0.10, 5
#: A task is late at so many times the p99 of its function, if that is known from so many tasks, and after so many
#: seconds: with short tasks everything exceeds ten times a p99 now and then.
LATE, LATE_TASKS, LATE_SECONDS = 10.0, 20, 1.0
#: The last one that runs, while at least half of the workers have nothing: so many times the p95 is worth a word.
LAST, LAST_SECONDS = 3.0, 2.0


def judge(snapshot: PoolSnapshot, history: History) -> Verdict:
    """The verdict on a picture: the first rule that holds, or that all is well."""
    view = View(snapshot, history)
    if snapshot.state is not PoolState.ENDED and not snapshot.bare:
        for rule in RULES:
            verdict = rule(view)
            if verdict is not None:
                return verdict
    return healthy(view)


# -- what breaks


def dead_loop(view: View) -> Verdict | None:
    """Workers die again and again, or none of them gets ready."""
    died, snapshot = view.minute.died, view.snapshot
    none_ready = not any(worker.state not in (WorkerState.STARTING, WorkerState.DYING) for worker in snapshot.workers)
    if died < (min(UNREADY, snapshot.size) if none_ready else max(DEATHS, DEATHS_SHARE * snapshot.size)):
        return None
    found = [line for line in snapshot.log if line.kind == "event" and line.level != "info" and line.slot is not None]
    # What an initializer raised says more than that its worker left.
    found = [line for line in found if line.level == "error"] or found if none_ready else found
    last = f"; the last: {one_line(found[-1].text)}" if found else ""
    text = f"{died} {'worker' if died == 1 else 'workers'} died in the last minute{last}"
    slot = found[-1].slot if found else None
    if none_ready:
        return Verdict(Rule.DEAD_LOOP, text, "mend the initializer: no worker gets ready", slot=slot)
    return Verdict(Rule.DEAD_LOOP, text, "look at the jobs that were lost, and at what their workers wrote", slot=slot)


def failing(view: View) -> Verdict | None:
    """Many tasks fail."""
    failed = view.minute.failed + view.minute.lost
    ended = failed + view.minute.done
    if failed < FAILURES or failed < FAILURES_SHARE * ended:
        return None
    since = view.snapshot.time - LONG
    bad = [job for job in view.snapshot.jobs if job.state in _BAD and (job.ended or 0.0) >= since]
    text = f"{failed:,} of {ended:,} tasks failed in the last minute ({100 * failed / ended:.0f}%)"
    if not bad:
        return Verdict(Rule.FAILING, text, "look at one of them: its traceback says where")
    (function, error), times = Counter((job.function, _error(job)) for job in bad).most_common(1)[0]
    job = next(job for job in bad if (job.function, _error(job)) == (function, error))
    text += f"; most often {error} in {short_name(function)} ({times} of the last {len(bad)})"
    return Verdict(Rule.FAILING, text, f"look at job {job.id}: its traceback says where", job.id, job.slot)


# -- what hangs


def straggler(view: View) -> Verdict | None:
    """One task has run for much longer than others of its function."""
    workers = [worker for worker in view.snapshot.workers if worker.state is WorkerState.RUNNING]
    idle = sum(worker.state is WorkerState.IDLE for worker in view.snapshot.workers)
    alone = not view.queued and idle >= len(workers)
    late = [worker for worker in workers if _is_late(worker, view.functions.get(worker.function), alone)]
    # Where most of them are late, it is the load that has changed.
    if not late or len(late) > max(1, len(workers) // 2):
        return None
    worst = max(late, key=lambda worker: worker.elapsed)
    function = view.functions[worst.function]
    times = worst.elapsed / function.p50 if function.p50 else math.inf
    where = f"{short_name(worst.function)}, {worst.name}"
    text = f"job {worst.job_id} ({where}) has run {in_seconds(worst.elapsed)} = {times:,.0f} x p50"
    if worst.cpu_percent is not None:
        text += f" with {worst.cpu_percent:.0f}% CPU"
        text += ": it waits" if worst.cpu_percent < WAITS else ""
    lock = blocked_text(view.snapshot, worst.pid)
    text += f"; it {lock}" if lock else ""
    more, others = len(late) - 1, len(view.snapshot.workers) - 1
    if more:
        text += f"; so do {more} more"
    elif others:
        text += f"; {others} others are fine" if others > 1 else "; the other one is fine"
    return Verdict(Rule.STRAGGLER, text, "see what it does; stop it if it hangs", worst.job_id, worst.slot)


def _is_late(worker: WorkerSnapshot, function: FunctionSnapshot | None, alone: bool) -> bool:
    if function is None or function.durations.tasks < LATE_TASKS or function.p99 is None or function.p95 is None:
        return False
    if worker.elapsed >= max(LATE_SECONDS, LATE * function.p99):
        return True
    return alone and worker.elapsed >= max(LAST_SECONDS, LAST * function.p95)


def healthy(view: View) -> Verdict:
    """Nothing to complain of."""
    snapshot, times = view.snapshot, view.times
    if snapshot.state is PoolState.ENDED:
        return Verdict(Rule.HEALTHY, "the pool has ended")
    if snapshot.bare:
        return Verdict(Rule.HEALTHY, f"{snapshot.engine}: the program's processes, as they are seen from outside")
    if snapshot.state is PoolState.HELD:
        return Verdict(Rule.HEALTHY, "tasks are held: none is started until they are resumed", "resume")
    if not view.ended and not snapshot.counts.running and not view.queued:
        return Verdict(Rule.HEALTHY, "nothing to do")
    known = [worker.cpu_percent for worker in snapshot.workers if worker.cpu_percent is not None]
    text = f"workers work {times.work:.0f}% of the time, at {view.rate:,.1f} tasks/s"
    return Verdict(Rule.HEALTHY, text + (f" with {sum(known) / len(known):.0f}% CPU each" if known else ""))


RULES: tuple[Callable[[View], Verdict | None], ...] = (
    dead_loop, failing, lock_bound, straggler, ipc_bound, starved, oversubscribed, waiting_on_io, memory, start_up,
    skew,
)  # fmt: skip


#: Ends that are the fault of the job.
_BAD = (JobState.FAILED, JobState.LOST)


def _error(job: JobSnapshot) -> str:
    """``KeyError``: what is told apart; its text differs from job to job."""
    if job.state is JobState.LOST:
        return "a worker that died"
    return job.message.partition(":")[0][:40] or str(job.state)
