"""ps, top, ctl and wait: a pool in one terminal, seen and steered from another."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from poolmgr import Pool, connect, publish
from poolmgr.cli import pools
from tests.helpers.commands import PATIENCE, on_terminal, poolmgr, started
from tests.helpers.owners import owner
from tests.helpers.terminal import terminal
from tests.helpers.wait import wait_until

WRONG = [
    (("ctl",), "Missing argument 'POOL'"),
    (("ctl", "far"), "Missing argument 'ACTION'"),
    (("ctl", "far", "explode"), "there is no act 'explode'; there is resize, submit, kill, pause, resume"),
    (("ctl", "far", "kill", "1", "2"), "kill takes no '2' behind '1'"),
    (("ctl", "far", "kill", "1", "--grace", "-1"), "--grace goes with kill, and takes 0 to 3,600 seconds, not -1"),
    (("ctl", "far", "pause", "--grace", "1"), "--grace goes with kill"),
    (("ctl", "far", "submit"), "submit takes MODULE:FUNCTION and its arguments, and none was given"),
    (("ctl", "far", "submit", "factorial"), "'factorial' is not module:function, as in math:factorial"),
    (("ctl", "far", "submit", "math:factorial", "x"), "argument 1"),
    (("ctl", "far", "resize"), "resize takes the number of workers, and none was given"),
    (("ctl", "far", "resize", "0"), "resize takes the number of workers, 1 or more, not '0'"),
    (("ctl", "far", "resize", "-3"), "resize takes the number of workers, 1 or more, not '-3'"),
    (("ctl", "far", "resize", "5000"), "1024 is the most"),
    (("ctl", "far", "kill", "x"), "kill takes the number of a job, 0 or more, not 'x'"),
    (("ctl", "far", "recycle", "w0"), "recycle takes the number of a worker, 1 or more, not '0'"),
    (("ctl", "far", "pause", "3"), "pause acts on the whole pool and takes no number"),
    (("ctl", "far", "pause"), "no pool 'far' of yours is running"),
    (("wait",), "Missing argument 'POOL'"),
    (("wait", "far"), "no pool 'far' of yours is running"),
    (("top", "far"), "no pool 'far' of yours is running"),
    (("top", "--batch", "0"), "--batch takes a number of lines, 1 or more, not 0"),
    (("top", "-1", "--batch", "3"), "give one of the two"),
    (("demo", "--headless", "--name", ""), "a pool cannot be called ''"),
    (("demo", "--headless", "--name", "a\x1bb"), "a pool cannot be called 'a\\x1bb'"),
    (("demo", "--headless", "--name", "42"), "read as a process id"),
]


@pytest.mark.parametrize(
    ("arguments", "sentence"), WRONG, ids=[" ".join(line).encode().hex()[:24] for line, _ in WRONG]
)
def test_wrong_usage_is_one_sentence(arguments: tuple[str, ...], sentence: str, tmp_path: Path) -> None:
    """A wrong value or an unknown pool ends with exit code 2 and one line on stderr."""
    run = poolmgr(*arguments, cwd=tmp_path)
    assert sentence in run.stderr
    assert run.stderr.startswith("poolmgr: ")
    assert run.stderr.count("\n") == 1
    assert (run.returncode, run.stdout) == (2, "")


@pytest.mark.parametrize("verb", ["ps", "top", "ctl", "wait"])
def test_help_has_an_example(verb: str, tmp_path: Path) -> None:
    """Every verb explains itself on stdout and gives an example."""
    run = poolmgr(verb, "--help", cwd=tmp_path)
    assert f"Example: poolmgr {verb} " in run.stdout
    assert (run.returncode, run.stderr) == (0, "")


def test_no_pool_is_no_error(tmp_path: Path) -> None:
    """Without any pool ps and top say so on stderr; JSON is as empty as there are pools."""
    for arguments in (("ps",), ("top", "-1"), ("top", "--batch", "1")):
        run = poolmgr(*arguments, cwd=tmp_path)
        assert (run.returncode, run.stdout, run.stderr) == (0, "", "no pool of yours is running\n")
    assert json.loads(poolmgr("ps", "--json", cwd=tmp_path).stdout) == []
    assert json.loads(poolmgr("top", "-1", "--json", cwd=tmp_path).stdout)["pools"] == []


def test_pools_are_listed_with_their_figures(tmp_path: Path) -> None:
    """ps gives a line for each pool, and the same in JSON; two of one name are told apart by their process ids."""
    with owner("one") as first, owner("two") as second, owner("two") as third:
        first.say("good", "bad", "long")
        # Of a picture in which only one runs, that may be one of those before.
        wait_until(lambda: (counts := _facts(tmp_path, 0)["counts"])["running"] == 1 and counts["failed"] == 1)
        run = poolmgr("ps", cwd=tmp_path)
        head, *rows = run.stdout.splitlines()
        assert head.split() == ["NAME", "PID", "STATE", "WORKERS", "ENDED", "BAD", "RATE", "ETA", "PROGRAM"]
        assert rows[0].split()[:6] == ["one", str(first.pid), "run", "2/2", "2/3", "1"]
        assert [row.split()[0] for row in rows[1:]] == [f"two-{second.pid}", f"two-{third.pid}"]
        assert "poolmgr.publish" not in run.stderr
        facts = _facts(tmp_path, 0)
        assert (facts["name"], facts["pid"], facts["state"], facts["workers"]) == ("one", first.pid, "run", 2)
        assert facts["program"].startswith(sys.executable)
        run = poolmgr("ctl", "two", "pause", cwd=tmp_path)
        assert run.returncode == 2
        assert f"two-{second.pid} (process {second.pid}), two-{third.pid}" in run.stderr
        assert poolmgr("ctl", f"two-{third.pid}", "pause", cwd=tmp_path).returncode == 0


def _facts(cwd: Path, place: int) -> Any:
    return json.loads(poolmgr("ps", "--json", cwd=cwd).stdout)[place]


def test_killed_owner_is_listed_no_more(tmp_path: Path, runtime_folder: Path) -> None:
    """A pool whose program was killed is not listed, and the look removes what it left."""
    with owner() as program:
        program.process.kill()
        program.process.wait()
        run = poolmgr("ps", cwd=tmp_path)
        assert run.stderr == "no pool of yours is running\n"
        assert list(runtime_folder.iterdir()) == []


def test_stopped_owner_is_called_silent(tmp_path: Path) -> None:
    """A program that is stopped (Ctrl-Z) is listed with what was seen last, and called silent until it goes on."""
    with owner() as program:
        program.process.send_signal(signal.SIGSTOP)
        wait_until(lambda: _facts(tmp_path, 0)["why"], PATIENCE)
        run = poolmgr("ps", cwd=tmp_path)
        assert run.stdout.splitlines()[1].split()[:4] == ["far", str(program.pid), "silent", "2/2"]
        assert "its program has said nothing for" in run.stderr
        assert poolmgr("top", "-1", cwd=tmp_path).stdout.startswith("far [silent] its program has said nothing for")
        program.process.send_signal(signal.SIGCONT)
        wait_until(lambda: not _facts(tmp_path, 0)["why"], PATIENCE)


def test_ended_pool_is_not_called_silent(monkeypatch: pytest.MonkeyPatch) -> None:
    """A pool that has ended, and that its program still shows, has nothing more to say, and no time left to tell."""
    with Pool(1, name="far") as pool, publish(pool):
        pool.apply(abs, (-1,))
        pool.terminate()
        pool.join()
        wait_until(lambda: connect("far")["pool"]["state"] == "ended")
        monkeypatch.setattr(pools, "SILENCE", -1.0)
        (seen,) = pools.look("far")
        assert seen.snapshot is not None
        assert (seen.why, pools.eta_of(seen.snapshot)) == ("", "")


def test_top_looks_once(tmp_path: Path) -> None:
    """top -1 shows each pool with its workers; with --json one object with the pool, its workers and its jobs."""
    with owner() as program:
        program.say("good", "long")
        wait_until(lambda: "1/2 jobs ended, 0 badly, 1 running" in poolmgr("top", "-1", cwd=tmp_path).stdout)
        shown = poolmgr("top", "-1", "far", cwd=tmp_path).stdout.splitlines()
        assert shown[0].startswith("far [run] 2/2 workers, 1/2 jobs ended, 0 badly, 1 running, 0 waiting")
        assert [line.split()[0] for line in shown if line.startswith("w")] == ["w1", "w2"]
        whole = json.loads(poolmgr("top", "-1", "--json", cwd=tmp_path).stdout)
        (pool,) = whole["pools"]
        assert (pool["name"], pool["pid"]) == ("far", program.pid)
        assert len(pool["status"]["workers"]) == 2
        assert {job["function"] for job in pool["status"]["jobs"]} == {"math.factorial", "time.sleep"}


def test_top_prints_lines(tmp_path: Path) -> None:
    """--batch N prints N lines, or N objects, and ends; without a terminal top prints until it is interrupted."""
    with owner():
        run = poolmgr("top", "--batch", "2", cwd=tmp_path)
        assert [line[:10] for line in run.stdout.splitlines()] == ["far [run] "] * 2
        objects = poolmgr("top", "--batch", "2", "--json", cwd=tmp_path).stdout.splitlines()
        assert [json.loads(text)["pools"][0]["name"] for text in objects] == ["far", "far"]
        with started("top", cwd=tmp_path) as endless:
            assert endless.stdout is not None
            assert [endless.stdout.readline()[:10] for _ in range(2)] == ["far [run] "] * 2
            endless.send_signal(signal.SIGINT)
            assert endless.wait(PATIENCE) == 130


def test_top_on_a_terminal_shows_a_table(tmp_path: Path) -> None:
    """On a terminal top redraws a table in place, and Ctrl-C ends it."""
    with owner() as program:
        code, written = on_terminal("top", "--batch", "1", cwd=tmp_path)
        assert (code, written.startswith("far [run]")) == (0, True)
        with terminal("top", cwd=tmp_path) as screen:
            screen.wait_for("far [run] 2/2 workers")
            screen.wait_for("FUNCTION")
            program.say("good")
            screen.wait_for("1/1 jobs ended")
            screen.process.send_signal(signal.SIGINT)
            assert screen.wait() == 130
            assert screen.restored


def test_acts_reach_the_pool(tmp_path: Path) -> None:
    """Each act of ctl is carried out in the other program; a refusal is told on stderr, with exit code 1."""

    def ctl(*arguments: str) -> subprocess.CompletedProcess[str]:
        return poolmgr("ctl", "far", *arguments, cwd=tmp_path)

    with owner() as program:
        program.say("long", "bad")
        wait_until(lambda: "1 running" in poolmgr("top", "-1", cwd=tmp_path).stdout)
        assert ctl("resize", "3").stdout == "from 2 to 3 workers\n"
        assert ctl("pause").stdout.startswith("held")
        wait_until(lambda: "[held]" in poolmgr("top", "-1", cwd=tmp_path).stdout)
        assert ctl("resume").stdout.startswith("resumed")
        assert "w1 (pid " in ctl("suspend", "w1").stdout
        assert ctl("continue", "1").stdout.endswith(" goes on\n")
        assert ctl("recycle", "9").stderr == "poolmgr: there is no worker w9\n"
        assert "does not wait in the queue" in ctl("top", "999").stderr
        assert ctl("retry", "2").stdout == "job 2 is submitted again as job 3\n"
        assert ctl("kill", "1").stdout == "job 1 is killed with its worker\n"
        refused = ctl("kill", "2")
        assert (refused.returncode, refused.stdout) == (1, "")
        assert refused.stderr == "poolmgr: job 2 has ended already: no worker was killed\n"
        unknown = ctl("cancel", "99")
        assert (unknown.returncode, unknown.stderr.count("no job 99")) == (1, 1)
        assert ctl("submit", "math:prod", "(2, 3)", "start=-5").stdout == "job 4 submitted: math:prod\n"
        assert ctl("submit", "math:nothing").stderr.startswith("poolmgr: ")
        assert ctl("submit", "time:sleep", "600").stdout == "job 5 submitted: time:sleep\n"
        wait_until(lambda: "1 running" in poolmgr("top", "-1", cwd=tmp_path).stdout)
        assert ctl("kill", "5", "--grace", "8").stdout == "job 5 gets SIGINT now, SIGTERM in 4 s, SIGKILL in 8 s\n"
        jobs = {job["id"]: job for job in connect(str(program.pid))["jobs"]}
        assert (jobs[4]["state"], jobs[4]["message"]) == ("done", "-30")
        assert ctl("terminate").returncode == 0
        assert poolmgr("wait", "far", cwd=tmp_path).returncode == 1


def test_shell_completes_verbs_pools_and_acts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """click's completion knows the verbs, the pools that run now, and what ctl can do."""
    monkeypatch.setenv("_POOLMGR_COMPLETE", "bash_complete")
    code = "import sys; sys.argv[0] = 'poolmgr'; from poolmgr.cli import main; main()"

    def complete(*words: str) -> list[str]:
        monkeypatch.setenv("COMP_WORDS", " ".join(words))
        monkeypatch.setenv("COMP_CWORD", str(len(words) - 1))
        run = subprocess.run(
            [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, timeout=PATIENCE
        )
        return [line.partition(",")[2] for line in run.stdout.splitlines()]

    with owner(), owner("two words"):
        assert complete("poolmgr", "at") == ["attach"]
        assert complete("poolmgr", "attach", "f") == ["far"]
        assert complete("poolmgr", "ctl", "far", "res") == ["resize", "resume"]


def test_drain_and_wait(tmp_path: Path) -> None:
    """wait returns when the pool has ended, with its outcome: 0 if all jobs were done."""
    with owner() as program:
        program.say("good", "good")
        with started("wait", "far", cwd=tmp_path) as waiting:
            await_viewer(program.pid)
            assert poolmgr("ctl", "far", "drain", cwd=tmp_path).returncode == 0
            assert waiting.wait(PATIENCE) == 0
            assert waiting.stdout is not None
            assert waiting.stdout.read().startswith("2 jobs: 2 done, 0 failed, 0 lost, in ")


def test_wait_gives_the_outcome(tmp_path: Path) -> None:
    """A pool with a job that failed ends a wait with 1; --idle waits for the jobs alone."""
    with owner() as program:
        program.say("good")
        assert poolmgr("wait", "far", "--idle", cwd=tmp_path).returncode == 0
        program.say("bad")
        assert poolmgr("wait", "far", "--idle", cwd=tmp_path).returncode == 1
    with owner() as program:
        program.say("bad")
        with started("wait", str(program.pid), cwd=tmp_path) as waiting:
            await_viewer(program.pid)
            program.say("end")
            assert waiting.wait(PATIENCE) == 1


def await_viewer(pid: int) -> None:
    """Wait until somebody follows the pool of this process, which nobody has followed before."""
    status = connect(str(pid))
    wait_until(lambda: status["monitor"]["viewers"] == 1)


def test_wait_for_a_killed_owner(tmp_path: Path) -> None:
    """An owner that is killed ends a wait with 1 and says so, though all of its jobs were done."""
    with owner() as program:
        program.say("good")
        with started("wait", "far", cwd=tmp_path) as waiting:
            await_viewer(program.pid)
            program.process.kill()
            program.process.wait()
            assert waiting.wait(PATIENCE) == 1
            assert waiting.stderr is not None
            assert f"process {program.pid} is gone, and its pool with it" in waiting.stderr.read()


def test_interrupted_wait_leaves_the_pool(tmp_path: Path) -> None:
    """Ctrl-C ends a wait with 130, and the pool goes on."""
    with owner() as program, started("wait", "far", cwd=tmp_path) as waiting:
        await_viewer(program.pid)
        waiting.send_signal(signal.SIGINT)
        assert waiting.wait(PATIENCE) == 130
        program.say("good")


def test_demo_is_seen_from_elsewhere_by_its_name(tmp_path: Path) -> None:
    """The pools that poolmgr opens itself are listed, under --name if it is given."""
    with started("demo", "--headless", "--name", "night run", "--for", "30", "--workers", "1", cwd=tmp_path):
        wait_until(lambda: "night run" in poolmgr("ps", cwd=tmp_path).stdout)
        assert poolmgr("ctl", "night run", "resize", "2", cwd=tmp_path).returncode == 0
        assert poolmgr("ctl", "night run", "terminate", cwd=tmp_path).returncode == 0
        wait_until(lambda: "night run" not in poolmgr("ps", cwd=tmp_path).stdout)
