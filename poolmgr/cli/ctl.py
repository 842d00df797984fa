"""``poolmgr ctl``: one act on a pool of another terminal."""

from __future__ import annotations

from collections.abc import Callable

import click

from poolmgr.cli.options import MOST_WORKERS
from poolmgr.cli.output import result, tell
from poolmgr.errors import UsageError
from poolmgr.model.requests import (
    Cancel,
    Continue,
    Drain,
    Kill,
    Move,
    Pause,
    Recycle,
    Request,
    Resize,
    Resume,
    Retry,
    RetryAllFailed,
    Suspend,
    Terminate,
)

#: What acts on the pool, on one job, and on one worker, which is given by its slot.
POOL_ACTS: dict[str, Callable[[], Request]] = {
    "pause": Pause,
    "resume": Resume,
    "retry-failed": RetryAllFailed,
    "drain": Drain,
    "terminate": Terminate,
}
JOB_ACTS: dict[str, Callable[[int], Request]] = {
    "kill": Kill,
    "cancel": Cancel,
    "retry": Retry,
    "up": lambda job_id: Move(job_id, "up"),
    "down": lambda job_id: Move(job_id, "down"),
    "top": lambda job_id: Move(job_id, "top"),
}
WORKER_ACTS: dict[str, Callable[[int], Request]] = {"suspend": Suspend, "continue": Continue, "recycle": Recycle}

REFUSED = 1


@click.command(
    epilog="Example: poolmgr ctl stdlib resize 4",
    short_help="Act on a pool from another terminal.",
    context_settings={"ignore_unknown_options": True},
)
@click.argument("pool")
@click.argument("action")
@click.argument("number", required=False)
def ctl(pool: str, action: str, number: str | None) -> int:
    """Act on POOL, given by its name or the process id of its program.

    \b
    resize N      have N workers: grows at once, shrinks as workers finish their jobs
    pause         start no more tasks; those that run go on
    resume        start tasks again
    kill JOB      kill the worker that runs this job, and the job with it
    cancel JOB    take a waiting job out, or stop a running one softly
    retry JOB     submit an ended job again with its own arguments
    retry-failed  the same for all that failed or were lost and were not retried
    up, down, top JOB   move a waiting job past one other, or before all, of its priority
    suspend W     stop worker W (such as 3, for w3) and what its jobs have started
    continue W    let it go on
    recycle W     let it leave after its job, and another take its place
    drain         take no more jobs, finish those there are, then end
    terminate     end all workers now

    Nothing is asked. Exit code: 0 if the pool took it, 1 if it refused, 2 for wrong usage or an unknown pool.
    """
    request = make_request(action, number)
    from poolmgr.control.asking import ask
    from poolmgr.monitor.viewer import find

    reply = ask(find(pool), request)
    if reply.ok:
        result(reply.text)
        return 0
    tell(f"poolmgr: {reply.text}")
    return REFUSED


def make_request(action: str, number: str | None) -> Request:
    """The request in words.

    Raises:
        UsageError: There is no such act, or it takes another number.
    """
    if action in POOL_ACTS:
        if number is not None:
            raise UsageError(f"{action} acts on the whole pool and takes no number, such as {number!r}")
        return POOL_ACTS[action]()
    if action == "resize":
        size = _number(number, "resize takes the number of workers")
        if size > MOST_WORKERS:
            raise UsageError(f"{size} workers are too many: {MOST_WORKERS} is the most")
        return Resize(size)
    if action in JOB_ACTS:
        return JOB_ACTS[action](_number(number, f"{action} takes the number of a job"))
    if action in WORKER_ACTS:
        # People type w3 as well as 3, and count from one.
        text = None if number is None else number.removeprefix("w")
        return WORKER_ACTS[action](_number(text, f"{action} takes the number of a worker") - 1)
    acts = ("resize", *POOL_ACTS, *JOB_ACTS, *WORKER_ACTS)
    raise UsageError(f"there is no act {action!r}; there is {', '.join(acts)}")


def _number(text: str | None, what: str) -> int:
    if text is None:
        raise UsageError(f"{what}, and none was given")
    if not text.isdecimal() or not text.isascii() or len(text) > 18 or int(text) < 1:
        raise UsageError(f"{what}, 1 or more, not {text!r}")
    return int(text)
