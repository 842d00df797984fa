"""The runtime folder: who may look, who is listed, and what a dead owner leaves."""

from __future__ import annotations

import os
import signal
import stat
from pathlib import Path

import pytest

from poolmgr.errors import UsageError
from poolmgr.runtime import folder
from tests.helpers.programs import line, program

OWNER = """
    import sys
    from poolmgr.runtime import folder
    entry = folder.open_entry(sys.argv[1], version="1")
    print(entry.path, flush=True)
    sys.stdin.readline()
    folder.close_entry(entry)
"""

LISTER = """
    from poolmgr.runtime import folder
    print([entry.name for entry in folder.entries()], flush=True)
"""


def test_everything_is_private(runtime_folder: Path) -> None:
    """Folders are 0700 and files 0600, whatever the umask says."""
    before = os.umask(0)
    try:
        entry = folder.open_entry("p", version="1")
    finally:
        os.umask(before)
    modes = {stat.S_IMODE(path.stat().st_mode) for path in (runtime_folder, Path(entry.path))}
    files = {stat.S_IMODE(path.stat().st_mode) for path in Path(entry.path).iterdir()}
    folder.close_entry(entry)
    assert modes == {0o700}
    assert files == {0o600}


def test_own_entry_is_listed_and_stays_locked() -> None:
    """An owner that lists its own entry does not let go of it: another process still sees it."""
    entry = folder.open_entry("mine", version="1")
    assert folder.entries() == [entry]
    with program(LISTER) as lister:
        assert line(lister) == "['mine']"
    folder.close_entry(entry)
    assert folder.entries() == []


def test_entry_of_another_process_is_listed() -> None:
    """What another process wrote is read back whole."""
    with program(OWNER, "theirs") as owner:
        path = line(owner)
        (found,) = folder.entries()
        assert (found.name, found.pid, found.path) == ("theirs", owner.pid, path)
        assert "open_entry" in found.program


def test_entry_is_gone_after_a_close() -> None:
    """A closed entry leaves no folder."""
    with program(OWNER, "theirs") as owner:
        path = line(owner)
        owner.communicate("\n")
        assert not os.path.exists(path)


def test_killed_owner_is_not_listed_and_its_entry_removed() -> None:
    """The kernel drops the lock of an owner that was killed; the next reader cleans up."""
    with program(OWNER, "dead") as owner:
        path = line(owner)
        owner.kill()
        owner.wait()
        assert os.path.exists(path)
        assert folder.entries() == []
        assert not os.path.exists(path)


def test_next_owner_removes_what_a_dead_one_left(runtime_folder: Path) -> None:
    """Entries of killed owners do not pile up, though nobody lists them."""
    with program(OWNER, "dead") as owner:
        line(owner)
    entry = folder.open_entry("next", version="1")
    assert [path.name for path in runtime_folder.iterdir()] == [os.path.basename(entry.path)]
    folder.close_entry(entry)


def test_stopped_owner_is_alive() -> None:
    """An owner that is stopped keeps its entry."""
    with program(OWNER, "stopped") as owner:
        line(owner)
        owner.send_signal(signal.SIGSTOP)
        assert [entry.name for entry in folder.entries()] == ["stopped"]


def test_forked_child_does_not_keep_the_entry_alive() -> None:
    """A child that outlives its owner does not hold the owner's lock."""
    source = """
        import os, sys, time
        from poolmgr.runtime import folder
        entry = folder.open_entry("parent", version="1")
        child = os.fork()
        if child == 0:
            os.write(1, folder.entries()[0].name.encode() + b"\\n")
            sys.stdin.readline()
            os._exit(0)
        os.write(1, b"parent\\n")
        os.waitpid(child, 0)
    """
    with program(source) as owner:
        assert {line(owner), line(owner)} == {"parent"}
        owner.kill()
        owner.wait()
        assert folder.entries() == []


def test_open_folder_is_refused(runtime_folder: Path) -> None:
    """A folder that others may look into is not used."""
    folder.root()
    runtime_folder.chmod(0o755)
    with pytest.raises(UsageError, match="open to others"):
        folder.open_entry("p", version="1")
    with pytest.raises(UsageError, match="open to others"):
        folder.entries()


def test_link_is_refused(runtime_folder: Path, tmp_path: Path) -> None:
    """A symbolic link in the place of the folder is not followed."""
    tmp_path.chmod(0o700)
    runtime_folder.symlink_to(tmp_path)
    with pytest.raises(UsageError, match="not what poolmgr puts there"):
        folder.root()


def test_open_entry_is_not_listed(runtime_folder: Path) -> None:
    """An entry that others may write to is not trusted."""
    with program(OWNER, "theirs") as owner:
        os.chmod(line(owner), 0o770)
        assert folder.entries() == []


def test_too_long_a_path_is_refused(runtime_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A path that no socket can have is refused before anything is made, in words."""
    deep = runtime_folder.parent / ("x" * 90)
    deep.mkdir()
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(deep))
    with pytest.raises(UsageError, match="too long a path"):
        folder.open_entry("p", version="1")
    assert list((deep / "poolmgr").iterdir()) == []


def test_without_a_runtime_dir_the_temporary_folder_serves(
    runtime_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where XDG_RUNTIME_DIR is not set, or does not exist, a folder of the user's in the temporary one is made."""
    monkeypatch.setattr("tempfile.tempdir", str(runtime_folder.parent))
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(runtime_folder.parent / "missing"))
    assert folder.root() == str(runtime_folder.parent / f"poolmgr-{os.getuid()}")
