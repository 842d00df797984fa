"""The jobs of an observed pool, as far as its record and its workers' cells tell of them.

The record has the last few hundred jobs that were submitted and that ended, and the counts of all; the cells have the
tasks that run and the last that were finished.  What fell out of a ring between two looks is counted, and not shown.

Thread: the observer's alone, but for :meth:`Jobs.kill_asked`.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import replace
from itertools import islice

from poolmgr.hook.site.poolmgr_hook import layout
from poolmgr.model.snapshot import Counts, JobSnapshot
from poolmgr.model.states import JobState
from poolmgr.monitor.observed import End, Failure, ObservedPool, ObservedTask, Submission
from poolmgr.monitor.observed_workers import Seated

#: Jobs that have not ended and are known by name.  More wait only where nobody scrolls to.
OPEN_KEPT = 2000
#: Jobs that are shown: those that come next, those that ended badly, and those that ended well, newest first.
QUEUED_SHOWN, BAD_KEPT, DONE_KEPT = 100, 300, 200
#: Who ran what, of jobs whose end is not told yet.
RUNS_KEPT = 4000

_ENDS = {layout.OK: JobState.DONE, layout.ERROR: JobState.FAILED, layout.WORKER_LOST: JobState.LOST}


class _Ran:
    """What is known of the tasks of one job."""

    __slots__ = ("bad_call", "began_ns", "call", "ended_ns", "failed", "function", "pid", "result", "slot", "tasks")

    def __init__(self, began_ns: int) -> None:
        self.began_ns = self.ended_ns = began_ns
        #: Of the last task that is known; and of the last one that failed, empty if none has.
        self.function = self.call = self.result = self.bad_call = ""
        self.slot = self.pid = self.tasks = self.failed = 0


class Jobs:
    """What is remembered of one pool's jobs.

    Args:
        epoch: Seconds to add to CLOCK_MONOTONIC to get seconds since the epoch.
    """

    def __init__(self, epoch: float) -> None:
        self._epoch = epoch
        self._open: dict[int, Submission] = {}
        self._runs: dict[int, _Ran] = {}
        #: What was seen in workers' hands of jobs whose end is not told yet: a job may end before its worker tells that
        #: it has finished the task, and a worker that died tells no more.
        self._hands: dict[int, _Ran] = {}
        #: Jobs of which the end is told, and by their workers not yet that they have finished them.
        self._early: dict[int, JobSnapshot] = {}
        self._bad: deque[JobSnapshot] = deque(maxlen=BAD_KEPT)
        self._done: deque[JobSnapshot] = deque(maxlen=DONE_KEPT)
        #: Numbers in the rings up to which all is known.
        self._submitted = self._ended = -1
        #: Jobs that ended so, of those whose ends were seen.
        self._ends = dict.fromkeys(JobState, 0)
        #: Jobs that somebody asked to be killed.  Written by who asks, read and emptied by the observer.
        self._asked: set[int] = set()
        #: Jobs and the functions of those that have ended badly since :meth:`news` was asked.
        self._news: list[JobSnapshot] = []

    def kill_asked(self, job_id: int) -> None:
        """The job is to die with its worker: its end is then no accident. From any thread."""
        self._asked.add(job_id)

    def ran(self, seated: Seated, tasks: Iterable[ObservedTask]) -> None:
        """A worker has finished these tasks."""
        for task in tasks:
            run = self._run_of(task, seated)
            run.tasks += 1
            if task.outcome != layout.OK:
                run.failed += 1
                run.bad_call = call(task)
            run.ended_ns = max(run.ended_ns, task.ended_ns or task.began_ns)
            early = self._early.pop(task.job, None)
            if early is not None:
                self._told_late(early, self._runs.pop(task.job))
        while len(self._runs) > RUNS_KEPT:
            del self._runs[next(iter(self._runs))]

    def in_hands(self, seated: Iterable[Seated]) -> None:
        """Note what workers are at, or were at when they died."""
        for one in seated:
            task = one.worker.running
            if task is not None:
                hand = self._hands[task.job] = _Ran(task.began_ns)
                hand.function, hand.call, hand.slot, hand.pid = task.function, call(task), one.slot, one.worker.pid
        while len(self._hands) > RUNS_KEPT:
            del self._hands[next(iter(self._hands))]

    def take(self, pool: ObservedPool) -> None:
        """Note what the record tells; after :meth:`ran` and :meth:`in_hands` for all workers."""
        for submission in pool.submissions:
            if submission.sequence > self._submitted:
                self._submitted = submission.sequence
                self._open[submission.job] = submission
        for end in pool.ends:
            if end.sequence > self._ended:
                self._ended = end.sequence
                self._end(end)
        while len(self._open) > OPEN_KEPT:
            del self._open[next(iter(self._open))]

    def news(self) -> list[JobSnapshot]:
        """Jobs that ended badly since the last call."""
        news, self._news = self._news, []
        return news

    def counts(self, pool: ObservedPool, running: int, tasks_done: int) -> Counts:
        """How many jobs are where.

        Args:
            pool: The pool's record.
            running: Jobs that run.
            tasks_done: Tasks that workers have finished.
        """
        failed, lost, killed = (self._ends[state] for state in (JobState.FAILED, JobState.LOST, JobState.KILLED))
        ended = pool.finished
        return Counts(
            submitted=pool.submitted,
            queued=max(0, pool.pending - running),
            running=min(running, pool.pending),
            done=max(0, ended - failed - lost - killed),
            failed=failed,
            lost=lost,
            killed=killed,
            tasks_done=tasks_done,
        )

    def running(self, seated: Iterable[Seated]) -> dict[int, JobSnapshot]:
        """The jobs that run, by id: those in the workers' hands, and those of which some tasks are done."""
        found: dict[int, JobSnapshot] = {}
        for one in seated:
            task = one.worker.running
            if task is not None and task.job not in found and task.job not in self._early:
                run = self._runs.get(task.job)
                began = task.began_ns if run is None else min(run.began_ns, task.began_ns)
                found[task.job] = self._describe(
                    task.job,
                    JobState.RUNNING,
                    run,
                    function=task.function,
                    now_at=call(task),
                    slot=one.slot,
                    pid=one.worker.pid,
                    began=began,
                )
        for job, run in self._runs.items():
            if job in self._open and job not in found and self._tasks(job) > run.tasks:
                found[job] = self._describe(job, JobState.RUNNING, run, function=run.function, began=run.began_ns)
        return found

    def shown(self, running: Mapping[int, JobSnapshot], *, ended: bool = False) -> tuple[JobSnapshot, ...]:
        """The jobs that a picture has: running, ended badly, waiting, done; nothing waits once the pool has ended."""
        shown = dict(running)
        for job in reversed(self._bad):
            shown.setdefault(job.id, job)
        waiting = (number for number in self._open if number not in shown and number not in self._runs)
        for number in islice(() if ended else waiting, QUEUED_SHOWN):
            shown[number] = self._describe(number, JobState.QUEUED, None)
        for job in reversed(self._done):
            shown.setdefault(job.id, job)
        return tuple(shown.values())

    def waiting(self, pool: ObservedPool, running: Mapping[int, JobSnapshot]) -> dict[str, int] | None:
        """How many tasks of each function wait; None if not all of them are known."""
        left = {number: one for number, one in self._open.items() if number not in running}
        if len(left) != pool.submitted - pool.finished - len(running):
            return None
        found: dict[str, int] = {}
        for number, submission in self._open.items():
            if submission.tasks is None:
                return None
            run = self._runs.get(number)
            tasks = submission.tasks - (0 if run is None else run.tasks)
            found[submission.function] = found.get(submission.function, 0) + max(0, tasks)
        for job in running.values():
            # Its task in a worker's hands does not wait.
            found[job.function] = max(0, found.get(job.function, 0) - (job.slot is not None))
        return found

    def _tasks(self, job: int) -> int:
        submission = self._open.get(job)
        return 1 if submission is None or submission.tasks is None else submission.tasks

    def _run_of(self, task: ObservedTask, seated: Seated) -> _Ran:
        run = self._runs.get(task.job)
        if run is None:
            run = self._runs[task.job] = _Ran(task.began_ns)
        run.began_ns = min(run.began_ns, task.began_ns)
        run.function, run.slot, run.pid = task.function, seated.slot, seated.worker.pid
        run.call, run.result = call(task), task.result
        return run

    def _end(self, end: End) -> None:
        submission, hand = self._open.pop(end.job, None), self._hands.pop(end.job, None)
        run = self._runs.pop(end.job, None) or hand
        state = _ENDS.get(end.outcome, JobState.DONE)
        if end.job in self._asked:
            self._asked.discard(end.job)
            state = JobState.KILLED if state is JobState.LOST else state
        self._ends[state] += 1
        job = self._describe(
            end.job,
            state,
            run,
            submission=submission,
            function=run.function if submission is None and run is not None else "",
            slot=None if run is None else run.slot,
            pid=None if run is None else run.pid,
            began=None if run is None else run.began_ns,
            ended=end.at_ns,
            failure=end.failure,
        )
        if state is JobState.DONE:
            self._done.append(job)
        else:
            self._bad.append(job)
            self._news.append(job)
        if job.tasks == 1 and (run is None or not run.tasks):
            self._early[end.job] = job
            if len(self._early) > BAD_KEPT:
                del self._early[next(iter(self._early))]

    def _told_late(self, job: JobSnapshot, run: _Ran) -> None:
        """Add what its worker has told of a job whose end was known."""
        done = job.state is JobState.DONE
        full = replace(
            job,
            function=job.function or run.function,
            slot=run.slot,
            pid=run.pid,
            started=self._time(run.began_ns),
            args=job.args or run.call,
            message=run.result if done else job.message,
        )
        kept = self._done if done else self._bad
        for place, one in enumerate(reversed(kept), 1):
            if one is job:
                kept[-place] = full
                return

    def _describe(
        self,
        job: int,
        state: JobState,
        run: _Ran | None,
        *,
        submission: Submission | None = None,
        function: str = "",
        slot: int | None = None,
        pid: int | None = None,
        began: int | None = None,
        ended: int | None = None,
        now_at: str = "",
        failure: Failure | None = None,
    ) -> JobSnapshot:
        submission = submission or self._open.get(job)
        tasks = 1 if submission is None or submission.tasks is None else submission.tasks
        done = 0 if run is None else run.tasks
        given = began if submission is None else submission.at_ns
        message = _MESSAGES.get(state, "")
        if failure is not None:
            message = failure.line
        elif state is JobState.DONE and run is not None and tasks == done == 1:
            message = run.result
        return JobSnapshot(
            id=job,
            state=state,
            function=function or ("" if submission is None else submission.function),
            slot=slot,
            pid=pid,
            submitted=0.0 if given is None else self._time(given),
            started=None if began is None else self._time(began),
            ended=None if ended is None else self._time(ended),
            args=_whole_call(submission, run, state, now_at),
            message=message,
            traceback="" if failure is None else failure.traceback,
            tasks=max(tasks, done),
            tasks_done=max(tasks, done) if state is JobState.DONE else done,
        )

    def _time(self, ns: int) -> float:
        return ns / 1e9 + self._epoch


def call(task: ObservedTask) -> str:
    """The arguments of a task as one reads them behind the function's name."""
    if task.items <= 1:
        return task.args
    return f"({task.items:,} items" + f" from {task.args}" * bool(task.args) + ")"


def _whole_call(submission: Submission | None, run: _Ran | None, state: JobState, now_at: str) -> str:
    """The arguments of a job; of a map how many items, and with which one it failed or is at."""
    known = run.bad_call or run.call if run is not None else ""
    if submission is None or submission.kind == layout.APPLY:
        return now_at or known
    items = "lazy items" if submission.items is None else f"{submission.items:,} items"
    if state is JobState.RUNNING:
        return f"({items}" + f", now {now_at}" * bool(now_at) + ")"
    bad = known if state in (JobState.LOST, JobState.KILLED) else "" if run is None else run.bad_call
    return f"({items}" + f", {state} at {bad}" * bool(bad) + ")"


#: What the program's own pool has told whoever waits is between the two of them.
_MESSAGES = {
    JobState.LOST: "its worker died",
    JobState.KILLED: "killed with its worker",
}
