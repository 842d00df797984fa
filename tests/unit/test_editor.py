"""How editors are told a file and a line."""

from __future__ import annotations

import pytest

from poolmgr.errors import UsageError
from poolmgr.tui.editor import chosen, command

PLACE = ("/srv/a b/pipe.py", 61)


@pytest.mark.parametrize(
    ("editor", "words"),
    [
        *((name, [name, "+61", PLACE[0]]) for name in ["vi", "vim", "nvim", "nano", "emacs", "micro", "joe", "kak"]),
        ("emacsclient -t", ["emacsclient", "-t", "+61", PLACE[0]]),
        ("/usr/bin/vim -u NONE", ["/usr/bin/vim", "-u", "NONE", "+61", PLACE[0]]),
        ("hx", ["hx", f"{PLACE[0]}:61"]),
        ("subl --wait", ["subl", "--wait", f"{PLACE[0]}:61"]),
        ("code --wait", ["code", "--wait", "-g", f"{PLACE[0]}:61"]),
        ("'/opt/my editor'", ["/opt/my editor", PLACE[0]]),
    ],
)
def test_each_editor_is_told_the_line_in_its_own_way(editor: str, words: list[str]) -> None:
    """An editor that nobody knows is given the file alone; arguments that the person wrote stay."""
    assert command(editor, PLACE) == words


def test_a_name_is_never_an_option() -> None:
    """A file of the present folder goes by its whole path."""
    assert command("vim", ("-q.py", 1))[-1].endswith("/-q.py")


@pytest.mark.parametrize(("editor", "why"), [("", "there is no editor"), ("vim '", "is no command")])
def test_what_is_no_command_is_refused(editor: str, why: str) -> None:
    """In one sentence, which says what to set."""
    with pytest.raises(UsageError, match=rf"{why}.*set \$VISUAL or \$EDITOR"):
        command(editor, PLACE)


def test_visual_goes_before_editor() -> None:
    """As everywhere; one that is set to nothing is not set."""
    assert chosen({"VISUAL": "hx", "EDITOR": "ed"}) == "hx"
    assert chosen({"VISUAL": " ", "EDITOR": "ed"}) == "ed"
    assert chosen({}) == ""
