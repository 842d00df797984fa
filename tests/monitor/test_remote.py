"""The control of another program's pool: pictures and acts, and what a viewer sees when somebody dies."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
import pytest

from poolmgr.control import remote
from poolmgr.control.remote import RemoteControl
from poolmgr.errors import PoolGone, UsageError
from poolmgr.model.buckets import History
from poolmgr.model.control import PoolControl
from poolmgr.model.requests import Cancel, Kill, Pause, Resize, Resume, Retry, Submit
from poolmgr.model.snapshot import PoolSnapshot
from poolmgr.model.states import JobState, PoolState
from poolmgr.monitor import status, viewer
from poolmgr.monitor.viewer import find
from poolmgr.runtime import folder
from tests.helpers.owners import owner
from tests.helpers.programs import line, program
from tests.helpers.wait import wait_until

#: Follows the pool for ever, and says when it has begun.
VIEWER = """
    import threading
    from poolmgr.control.remote import RemoteControl
    from poolmgr.monitor.viewer import find
    with RemoteControl(find("far")) as control:
        print(control.snapshot().name, flush=True)
        threading.Event().wait()
"""


def seen(control: RemoteControl, reached: Callable[[PoolSnapshot], bool]) -> PoolSnapshot:
    """The first picture for which ``reached`` holds."""
    wait_until(lambda: reached(control.last))
    return control.last


def board_of(pid: int) -> psutil.Process:
    """The board of an owner: its child that is no worker."""
    (board,) = (each for each in psutil.Process(pid).children() if "poolmgr-board" in each.cmdline())
    return board


def test_every_act_works_from_another_program(tmp_path: Path) -> None:
    """Resize, hold, submit, kill, cancel and retry change the other program's pool as keys there would."""
    with owner() as program_, RemoteControl(find("far")) as control:
        whole: PoolControl = control
        assert whole.send(Resize(1)).text == "from 2 to 1 worker: those too many leave after their jobs"
        seen(control, lambda picture: len(picture.workers) == 1)
        assert control.send(Submit("tests.helpers.jobs:mark_and_wait", (str(tmp_path), "begun"))).job_id == 1
        # It is said to run from when it was sent, and one that is not begun would be cancelled and not killed.
        wait_until((tmp_path / "begun").exists)
        seen(control, lambda picture: picture.counts.running == 1)
        assert control.send(Submit("math:factorial", (5,))).job_id == 2
        assert control.send(Cancel(2)).text == "job 2 is cancelled before it started"
        assert control.send(Kill(1)).text == "job 1 is killed with its worker"
        picture = seen(control, lambda picture: (job := picture.job(1)) is not None and job.state is JobState.KILLED)
        assert picture.pid == program_.pid
        assert control.send(Retry(2)).ok
        # How many were submitted is read first, so a picture may have the end of a job that it does not count yet.
        seen(control, lambda picture: (picture.counts.done, picture.counts.submitted) == (1, 3))
        assert control.send(Pause()).ok
        seen(control, lambda picture: picture.state is PoolState.HELD)
        assert control.send(Resume()).ok


def test_only_what_changed_crosses() -> None:
    """A frame of a pool at rest brings the keys that changed, which are few."""
    with owner(), RemoteControl(find("far")) as control:
        taken: list[set[str]] = []
        take = control._take

        def spy(changed: dict[str, Any]) -> None:
            taken.append(set(changed))
            take(changed)

        control._take = spy  # type: ignore[method-assign]
        wait_until(lambda: len(taken) > 6)
        recent = set[str]().union(*taken[-3:])
        assert {"time", "workers"} <= recent
        assert not {"pool", "jobs", "log", "counts", "functions"} & recent


def test_history_comes_whole_and_then_in_pieces() -> None:
    """A viewer that asks for the history gets all of it, late as it may be, and then what is added."""
    with owner() as program_, RemoteControl(find("far")) as control:
        program_.say("good", "bad")
        assert control.history() == History()
        # The newest frame may be one that was taken between the two.
        wait_until(lambda: (whole := control.history().over(60)).done == 1 and whole.failed == 1)
        late = control.history()
        assert late.names[1:] == ("math.factorial",)
        program_.say("good")
        wait_until(lambda: control.history().over(60).done == 2)
        assert late.over(60).done == 1


def test_history_outlives_the_board() -> None:
    """A board that is started again has the history from before, and viewers go on with theirs."""
    with owner() as program_, RemoteControl(find("far")) as control:
        program_.say("good")
        wait_until(lambda: control.history().over(60).done == 1)
        board_of(program_.pid).kill()
        program_.say("good")
        wait_until(lambda: control.history().over(60).done == 2)
        with RemoteControl(find("far")) as late:
            wait_until(lambda: late.history().over(60).done == 2)


def test_listeners_hear_of_frames_until_they_leave() -> None:
    """A listener is called with each frame, and not after its subscription has ended."""
    with owner() as program_, RemoteControl(find("far")) as control:
        heard = threading.Event()
        unsubscribe = control.subscribe(heard.set)
        assert heard.wait(10)
        unsubscribe()
        assert control._listeners._all == ()
        program_.say("good")


def test_read_only_sends_nothing() -> None:
    """A viewer that may only look says so for every request, and the pool never hears of it."""
    with owner(), RemoteControl(find("far"), read_only=True) as looker, RemoteControl(find("far")) as actor:
        for request in (Resize(4), Pause(), Kill(1)):
            reply = looker.send(request)
            assert (reply.ok, reply.text) == (False, remote.READ_ONLY)
        assert actor.send(Resize(3)).ok
        for control in (looker, actor):
            assert seen(control, lambda picture: picture.size == 3).state is PoolState.RUN
        assert not [each for each in actor.last.log if "Pause" in each.text]


def test_killed_owner_is_told_and_the_last_picture_stays(runtime_folder: Path) -> None:
    """SIGKILL to the owner: each viewer says so and keeps what it saw; nothing of the pool is left in the folder."""
    with owner() as program_, RemoteControl(find("far")) as first, RemoteControl(find("far")) as second:
        program_.say("good", "long")
        for control in (first, second):
            # A picture in which only one runs may be of the time when that was the first one.
            seen(control, lambda picture: (picture.counts.done, picture.counts.running) == (1, 1))
        program_.process.kill()
        program_.process.wait()
        for control in (first, second):
            wait_until(lambda control=control: control.over)  # type: ignore[misc]
            assert control.over == f"process {program_.pid} is gone, and its pool with it; this is the last picture"
            assert not control.closed
            assert (control.last.counts.done, control.last.counts.running) == (1, 1)
            assert control.send(Pause()).text == f"{control.over}: nothing was sent"
        control.snapshot()
        with pytest.raises(PoolGone, match="is gone"):
            control.snapshot()
    assert list(runtime_folder.iterdir()) == []


def test_killed_board_is_followed_to_the_next(runtime_folder: Path) -> None:
    """SIGKILL to the board: the work goes on, and a viewer goes on with the board that takes its place."""
    with owner() as program_, RemoteControl(find("far")) as control:
        first = control.last.board_pid
        board_of(program_.pid).kill()
        program_.say("good")
        # The first frame of a board is taken before its process is known, and may be before the job has come.
        seen(control, lambda picture: picture.board_pid not in (None, first) and picture.counts.done == 1)
        # The log of a picture is copied before it is asked which process the board is.
        told = "was killed by SIGKILL; it is started again"
        seen(control, lambda picture: any(told in each.text for each in picture.log))
        assert control.send(Resize(3)).ok


def test_killed_viewer_costs_nobody_anything() -> None:
    """SIGKILL to one of two viewers: the other one and the work go on, and the owner ends without waiting for it."""
    with owner() as program_, RemoteControl(find("far")) as control, program(VIEWER) as viewer:
        assert line(viewer) == "far"
        viewer.kill()
        viewer.wait()
        program_.say("good")
        seen(control, lambda picture: picture.counts.done == 1)
        program_.say("end")
        wait_until(lambda: control.over)


def test_stopped_viewer_does_not_hold_the_owner_up() -> None:
    """A viewer that was stopped (Ctrl-Z) does not keep an owner from ending."""
    with owner() as program_, program(VIEWER) as viewer:
        assert line(viewer) == "far"
        viewer.send_signal(signal.SIGSTOP)
        program_.say("good", "end")
        program_.process.wait(10)


def test_end_of_the_pool_is_seen_by_every_viewer() -> None:
    """A pool that ends and closes: viewers have its last picture, with the end in it, and say so."""
    with owner() as program_, RemoteControl(find("far")) as first, RemoteControl(find("far")) as second:
        program_.say("good", "bad", "end")
        for control in (first, second):
            wait_until(lambda control=control: control.over)  # type: ignore[misc]
            assert control.closed
            assert control.over == f"the pool has ended, and process {program_.pid} has closed it"
            assert control.last.state is PoolState.ENDED
            assert (control.last.counts.done, control.last.counts.failed) == (1, 1)


def test_program_that_ends_without_a_word_is_closed_in_order() -> None:
    """A program that does not close what it published has it closed at its end, and its viewers hear of it."""
    source = """
        import sys, poolmgr
        pool = poolmgr.Pool(1)
        print(poolmgr.publish(pool).name, flush=True)
        sys.stdin.readline()
    """
    with program(source) as process:
        assert line(process) == f"python-{process.pid}"
        with RemoteControl(find(f"python-{process.pid}")) as control:
            assert process.stdin is not None
            process.stdin.close()
            wait_until(lambda: control.over)
            assert control.closed
            assert control.over == f"process {process.pid} shows the pool no more"
            assert process.wait(10) == 0
            process.stdin = None


def test_stopped_owner_is_called_old(monkeypatch: pytest.MonkeyPatch) -> None:
    """An owner that stands still (SIGSTOP) is told after a while, and forgotten about when it goes on."""
    monkeypatch.setattr(remote, "SILENCE", 1.5)
    with owner() as program_, RemoteControl(find("far")) as control:
        os.kill(program_.pid, signal.SIGSTOP)

        def refused() -> str:
            try:
                control.snapshot()
            except PoolGone as error:
                return str(error)
            return ""

        assert "has said nothing for" in wait_until(refused)
        os.kill(program_.pid, signal.SIGCONT)
        wait_until(lambda: not refused())


def test_viewer_of_a_board_that_stands_leaves_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """A viewer that is just finding a board that does not answer is not kept from leaving."""
    monkeypatch.setattr(remote, "LEAVE", 0.1)
    with owner() as program_, RemoteControl(find("far")) as control:
        board_of(program_.pid).suspend()
        asking = threading.Event()

        def line_to(*args: Any, **options: Any) -> Any:
            asking.set()
            return viewer.line_to(*args, **options)

        monkeypatch.setattr(remote, "line_to", line_to)
        assert control._line is not None
        control._line.hang_up()
        assert asking.wait(10)
        control.close()
        assert control._thread.is_alive()
        board_of(program_.pid).kill()
        control._thread.join()


def test_pool_that_never_shows_is_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    """An entry without a board: entering ends with the reason, after a time."""
    monkeypatch.setattr(remote, "FIRST", 0.3)
    entry = folder.open_entry("empty", version="1")
    with pytest.raises(UsageError, match=r"'empty' of process .* cannot be seen: the board is gone"):
        RemoteControl(entry).__enter__()
    folder.close_entry(entry)


def test_pool_of_another_version_is_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    """A pool that speaks another version of the status dict is refused at once, with what to do."""
    monkeypatch.setattr(status, "STATUS_VERSION", 2)
    with owner(), pytest.raises(UsageError, match="use the same poolmgr on both sides"):
        RemoteControl(find("far")).__enter__()
