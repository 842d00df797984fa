"""``poolmgr ctl``: one act on a pool of another terminal."""

from __future__ import annotations

from collections.abc import Callable

import click

from poolmgr.cli.options import complete_pool
from poolmgr.cli.output import result, tell
from poolmgr.errors import UsageError
from poolmgr.model.fleet import MOST_WORKERS
from poolmgr.model.literals import parse_call, parse_target
from poolmgr.model.requests import (
    Cancel,
    Continue,
    Drain,
    Kill,
    Move,
    Pause,
    Recycle,
    ReleaseLock,
    Request,
    Resize,
    Resume,
    Retry,
    RetryAllFailed,
    Submit,
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
    "cancel": Cancel,
    "retry": Retry,
    "up": lambda job_id: Move(job_id, "up"),
    "down": lambda job_id: Move(job_id, "down"),
    "top": lambda job_id: Move(job_id, "top"),
}
WORKER_ACTS: dict[str, Callable[[int], Request]] = {"suspend": Suspend, "continue": Continue, "recycle": Recycle}
ACTS = ("resize", "submit", "kill", *POOL_ACTS, *JOB_ACTS, *WORKER_ACTS, "release")

REFUSED = 1
#: Most seconds that a job may be let clean up: an hour is a slip of the finger.
LONGEST_GRACE = 3600


def _complete_act(context: click.Context, parameter: click.Parameter, typed: str) -> list[str]:
    return [act for act in ACTS if act.startswith(typed)]


@click.command(
    epilog="Example: poolmgr ctl stdlib resize 4",
    short_help="Act on a pool from another terminal.",
    context_settings={"ignore_unknown_options": True},
)
@click.argument("pool", shell_complete=complete_pool)
@click.argument("action", shell_complete=_complete_act)
@click.argument("rest", metavar="[NUMBER]", nargs=-1)
@click.option("--grace", metavar="S", type=float, help="kill: let the job clean up for S seconds.  [default: 0]")
def ctl(pool: str, action: str, rest: tuple[str, ...], grace: float | None) -> int:
    """Act on POOL, given by its name or the process id of its program.

    \b
    resize N      have N workers: grows at once, shrinks as workers finish their jobs
    pause         start no more tasks; those that run go on
    resume        start tasks again
    kill JOB      kill the worker that runs this job, and the job with it; with --grace S
                  SIGINT at once, SIGTERM after half of S seconds, SIGKILL after all of them
    cancel JOB    take a waiting job out, or stop a running one softly
    retry JOB     submit an ended job again with its own arguments
    retry-failed  the same for all that failed or were lost and were not retried
    up, down, top JOB   move a waiting job past one other, or before all, of its priority
    suspend W     stop worker W (such as 3, for w3) and what its jobs have started
    continue W    let it go on
    recycle W     let it leave after its job, and another take its place
    release LOCK  release a lock whose holder is dead, by its id in top --json
    submit MODULE:FUNCTION [ARG]...
                  submit a job; its arguments are literals, as in 20 "'text'" "name=[1, 2]"
    drain         take no more jobs, finish those there are, then end
    terminate     end all workers now

    Nothing is asked. Exit code: 0 if the pool took it, 1 if it refused, 2 for wrong usage or an unknown pool.
    """
    request = make_request(action, *rest, grace=grace)
    from poolmgr.control.asking import ask
    from poolmgr.monitor.viewer import find

    reply = ask(find(pool), request)
    if reply.ok:
        result(reply.text)
        return 0
    tell(f"poolmgr: {reply.text}")
    return REFUSED


def make_request(action: str, *rest: str, grace: float | None = None) -> Request:
    """The request in words.

    Raises:
        UsageError: There is no such act, or it takes something else.
    """
    if grace is not None and (action != "kill" or not 0 <= grace <= LONGEST_GRACE):
        raise UsageError(f"--grace goes with kill, and takes 0 to {LONGEST_GRACE:,} seconds, not {grace:g}")
    if action == "submit":
        return _submit(*rest)
    if len(rest) > 1:
        raise UsageError(f"{action} takes no {rest[1]!r} behind {rest[0]!r}")
    number = rest[0] if rest else None
    if action in POOL_ACTS:
        if number is not None:
            raise UsageError(f"{action} acts on the whole pool and takes no number, such as {number!r}")
        return POOL_ACTS[action]()
    if action == "resize":
        size = _number(number, "resize takes the number of workers")
        if size > MOST_WORKERS:
            raise UsageError(f"{size} workers are too many: {MOST_WORKERS} is the most")
        return Resize(size)
    if action == "kill":
        return Kill(_number(number, "kill takes the number of a job", 0), grace or 0.0)
    if action == "release":
        return ReleaseLock(_number(number, "release takes the id of a lock, as top --json has it"))
    if action in JOB_ACTS:
        # A program's own pool may count its jobs from 0.
        return JOB_ACTS[action](_number(number, f"{action} takes the number of a job", 0))
    if action in WORKER_ACTS:
        # People type w3 as well as 3, and count from one.
        text = None if number is None else number.removeprefix("w")
        return WORKER_ACTS[action](_number(text, f"{action} takes the number of a worker") - 1)
    raise UsageError(f"there is no act {action!r}; there is {', '.join(ACTS)}")


def _submit(target: str = "", *arguments: str) -> Submit:
    if not target:
        raise UsageError("submit takes MODULE:FUNCTION and its arguments, and none was given")
    parse_target(target)
    # A comma behind them: parentheses of a tuple that stands alone would be taken for those of the call.
    args, kwargs = parse_call("".join(f"{argument}, " for argument in arguments))
    return Submit(target, args, kwargs)


def _number(text: str | None, what: str, least: int = 1) -> int:
    if text is None:
        raise UsageError(f"{what}, and none was given")
    if not text.isdecimal() or not text.isascii() or len(text) > 18 or int(text) < least:
        raise UsageError(f"{what}, {least} or more, not {text!r}")
    return int(text)
