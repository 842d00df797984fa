"""The settings file: what is read, what is said of what cannot be, and that writing keeps the rest."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from poolmgr.tui.app import PoolmgrApp
from poolmgr.tui.keys import key_problem
from poolmgr.tui.settings import Settings, changed
from poolmgr.tui.widgets.jobs_table import JobsTable
from tests.helpers.fake_control import FakeControl
from tests.helpers.pilot import screen_text, until

GOOD = """\
# mine
[screen]
theme = "nord"   # dark
pace = 2

[tables.jobs]
sort = "elapsed"
descending = true
columns = [
    "job",  # first
    "st",
    "elapsed",
]

[keys]
"job.kill" = "ctrl+y"
look.freeze = "F"
"""


def written(folder: Path, text: str) -> Path:
    """A settings file with this text."""
    path = folder / "settings.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_a_file_is_read(tmp_path: Path) -> None:
    """Every kind of value is taken, and keys by their acts' ids, with or without quotes."""
    settings = Settings.load(written(tmp_path, GOOD), key_problem)

    assert settings.problems == []
    assert settings.get("screen", "theme", "") == "nord"
    assert settings.get("screen", "pace", 4.0) == 2.0
    assert settings.get("tables.jobs", "columns", None) == ("job", "st", "elapsed")
    assert settings.get("tables.jobs", "grouped", False) is False
    assert settings.keymap == {"job.kill": "ctrl+y", "look.freeze": "F"}


def test_no_file_is_no_problem(tmp_path: Path) -> None:
    """Without a file everything is as poolmgr has it."""
    settings = Settings.load(tmp_path / "none.toml")

    assert settings.problems == []
    assert settings.get("screen", "pace", 4.0) == 4.0


@pytest.mark.parametrize(
    ("text", "line", "says"),
    [
        ('[screen]\npace = "fast"', 2, "pace takes a number from 0.5 to 10"),
        ("[screen]\n\npace = 99", 3, "pace takes a number"),
        ("[screen]\nascii = 1", 2, "ascii takes true or false"),
        ("[screen]\ncolour = 1", 2, "there is no colour in [screen]; there is theme, pace, ascii"),
        ("[scren]\npace = 1", 1, "there is no section [scren]"),
        ("pace = 1", 1, "pace stands outside of a section"),
        ("[tables]\njobs = 1", 2, "tables.jobs is no section"),
        ('[tables.jobs]\ncolumns = "job"', 2, "columns takes a list of texts"),
        ("[keys]\njob.kill = 1", 2, "job.kill takes a key in quotes"),
        ('[keys]\n"job.kil" = "k"', 2, "there is no act job.kil"),
        ('[keys]\n"job.kill" = "ctrl+i"', 2, "ctrl+i never arrives"),
        ('[keys]\n"job.kill" = "hyperspace"', 2, "there is no key 'hyperspace'"),
        ('[keys]\n"job.kill" = "x"', 2, "x is the key of job.stop already"),
    ],
)
def test_what_is_wrong_is_said_with_its_line_and_the_rest_is_taken(
    tmp_path: Path, text: str, line: int, says: str
) -> None:
    """One wrong setting costs that setting alone."""
    path = written(tmp_path, f"{text}\n[news]\nbell = true\n")
    settings = Settings.load(path, key_problem)

    assert len(settings.problems) == 1
    assert settings.problems[0].startswith(f"{path}, line {line}: ")
    assert says in settings.problems[0]
    assert settings.get("news", "bell", False) is True


def test_lines_that_are_no_toml_are_left_out_one_by_one(tmp_path: Path) -> None:
    """A slip of the finger costs its line, and each is said with its number."""
    path = written(tmp_path, "[screen]\ntheme = nord\npace = 1\n[news\nbell = = true\n[news]\nnotify = true\n")
    settings = Settings.load(path)

    assert [problem.split(": ")[0] for problem in settings.problems if "left out" in problem] == [
        f"{path}, line {line}" for line in (2, 4, 5)
    ]
    assert settings.get("screen", "pace", 4.0) == 1.0
    assert settings.get("news", "notify", False) is True


def test_a_file_that_cannot_be_read_is_said(tmp_path: Path) -> None:
    """A folder in its place, or bytes that are no text."""
    assert "cannot be read" in Settings.load(tmp_path).problems[0]
    path = tmp_path / "settings.toml"
    path.write_bytes(b"\xff\xfe")
    assert "cannot be read" in Settings.load(path).problems[0]


def test_keys_may_change_places(tmp_path: Path) -> None:
    """A key that another act leaves is free."""
    path = written(tmp_path, '[keys]\n"job.kill" = "x"\n"job.stop" = "X"\n')
    settings = Settings.load(path, key_problem)

    assert settings.problems == []
    assert settings.keymap == {"job.kill": "x", "job.stop": "X"}


def test_writing_changes_one_value_and_keeps_the_rest(tmp_path: Path) -> None:
    """Comments, order, and lists over many lines stay; a value that goes leaves no trace."""
    path = written(tmp_path, GOOD)
    link = tmp_path / "link.toml"
    link.symlink_to(path)
    settings = Settings.load(link, key_problem)
    assert settings.put("screen", "pace", 10.0) == ""
    assert settings.put("tables.jobs", "columns", ("job", 'a "quoted" one')) == ""
    assert settings.put("tables.jobs", "sort", None) == ""
    assert settings.put("news", "bell", True) == ""

    text = path.read_text(encoding="utf-8")
    assert link.is_symlink()
    assert text.startswith('# mine\n[screen]\ntheme = "nord"   # dark\npace = 10\n\n[tables.jobs]\ndescending = true\n')
    assert '\n"job.kill" = "ctrl+y"\n' in text
    again = Settings.load(path, key_problem)
    assert again.problems == []
    assert again.values == settings.values
    assert again.keymap == settings.keymap


def test_a_file_that_is_not_there_is_made(tmp_path: Path) -> None:
    """The first choice makes the folder and the file."""
    path = tmp_path / "new" / "settings.toml"
    settings = Settings(path)
    assert settings.put("screen", "ascii", True) == ""
    assert path.read_text(encoding="utf-8") == "[screen]\nascii = true\n"
    assert settings.put("screen", "ascii", None) == ""
    assert Settings.load(path).get("screen", "ascii", None) is None


def test_a_file_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    """The choice stands for this run, and the reason is told."""
    (tmp_path / "file").write_text("")
    settings = Settings(tmp_path / "file" / "settings.toml")

    assert "cannot be written" in settings.put("screen", "pace", 1.0)
    assert settings.get("screen", "pace", 4.0) == 1.0


values = (
    st.booleans()
    | st.floats(0.5, 10).map(lambda number: float(f"{number:g}"))
    | st.text(max_size=20)
    | st.lists(st.text(max_size=8), max_size=3).map(tuple)
)


@given(st.lists(st.tuples(st.sampled_from(["a", "tables.b", "c"]), st.sampled_from("xyz"), st.none() | values)))
def test_what_is_written_is_read_again(puts: list[tuple[str, str, object]]) -> None:
    """Any series of changes leaves a file that says exactly the last value of each."""
    text = "# a comment\n[other]\nlist = [\n  1,\n  2,\n]\n"
    wanted: dict[str, dict[str, object]] = {}
    for section, key, value in puts:
        text = changed(text, section, key, value)  # type: ignore[arg-type]
        wanted.setdefault(section, {})[key] = value
    read = tomllib.loads(text)
    assert read.pop("other") == {"list": [1, 2]}
    found = {"a": read.get("a", {}), "tables.b": read.get("tables", {}).get("b", {}), "c": read.get("c", {})}
    for section, keys in wanted.items():
        for key, value in keys.items():
            assert found[section].get(key) == (list(value) if isinstance(value, tuple) else value)


async def test_the_app_takes_its_settings_and_says_what_is_wrong(tmp_path: Path) -> None:
    """Theme, pace, keys and a table's layout are those of the file, and a problem is shown."""
    settings = Settings.load(written(tmp_path, GOOD + "\n[news]\nbell = 3\n"), key_problem)
    app = PoolmgrApp(FakeControl(), settings=settings)
    async with app.run_test(size=(80, 24), notifications=True) as pilot:
        # Not read off the screen: where its lines break depends on how long the file's path is.
        await until(pilot, lambda: any("bell takes true or false" in note.message for note in app._notifications))
        assert app.theme == "nord"
        assert "LIVE 2Hz" in screen_text(app)
        await pilot.press("F")
        await until(pilot, lambda: "FROZEN" in screen_text(app))
        await pilot.press("F", "3")
        await until(pilot, lambda: app.screen.query(JobsTable).first().id == "all-jobs")
        # The view is there before its table is arranged and drawn.
        await until(pilot, lambda: "elapsedv" in screen_text(app) or "elapsev" in screen_text(app))
        table = app.screen.query_one(JobsTable)
        assert (table.layout_now.sort, table.layout_now.descending) == ("elapsed", True)
        assert "arguments" not in screen_text(app)
        await pilot.press("ctrl+y")
        await until(pilot, lambda: "Kill job 1?" in screen_text(app))


async def test_what_one_arranges_is_there_the_next_time(tmp_path: Path) -> None:
    """Sort, columns, groups, pace and theme are written as they are chosen."""
    path = tmp_path / "settings.toml"
    app = PoolmgrApp(FakeControl(), settings=Settings(path))
    async with app.run_test(size=(80, 24), notifications=True) as pilot:
        await pilot.press("3", "s", "j", "enter", "t", "less_than_sign")
        await pilot.pause()
        app.theme = "textual-light"
        await until(pilot, lambda: path.exists() and "theme" in path.read_text())
    again = Settings.load(path)
    assert again.problems == []
    assert again.section("tables.jobs") == {"sort": "job", "descending": True, "grouped": True}
    assert again.section("screen") == {"pace": 2.0, "theme": "textual-light"}


async def test_the_settings_dialog_changes_them(tmp_path: Path) -> None:
    """, shows what can be chosen, Enter changes it, and the file is named."""
    app = PoolmgrApp(FakeControl(), settings=Settings(tmp_path / "s.toml"))
    async with app.run_test(size=(100, 30), notifications=True) as pilot:
        await pilot.press("comma", "j", "enter")
        await until(pilot, lambda: "ascii     on" in screen_text(app))
        assert app.ascii
        assert "File:" in screen_text(app)
        await pilot.press("j", "enter", "k", "enter")
        await until(pilot, lambda: "ascii     off" in screen_text(app))
        assert app.refresh_hz == 5
        await pilot.press("escape")
    assert Settings.load(tmp_path / "s.toml").section("screen") == {"ascii": False, "pace": 5.0}
