"""The one table of keys, and what is made from it."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from textual.binding import Binding

from poolmgr.tui.app import PoolmgrApp
from poolmgr.tui.filter import Language
from poolmgr.tui.filter_fields import FUNCTIONS, JOBS, LOCKS, LOG, WORKERS
from poolmgr.tui.keys import FILTER_HELP, GROUPS, KEYS, NOT_OURS, render_markdown
from poolmgr.tui.screens.dashboard import Dashboard
from poolmgr.tui.screens.job_detail import JobDetail
from poolmgr.tui.screens.locks import LocksView
from poolmgr.tui.widgets.jobs_table import JobsTable
from poolmgr.tui.widgets.log_view import LogView
from poolmgr.tui.widgets.pools_table import POOLS
from poolmgr.tui.widgets.virtual_table import VirtualTable

#: Keys that terminals, tmux or browsers take, and the one that other programs have for help.
TAKEN = {*NOT_OURS, "h"}


def test_docs_say_what_the_table_says() -> None:
    """docs/keys.md is the table's own rendering."""
    page = Path(__file__).parents[2] / "docs" / "keys.md"

    assert page.read_text(encoding="utf-8") == render_markdown()


def test_ids_are_unique_and_groups_known() -> None:
    """A keymap can name each act, and help shows each."""
    ids = [key.id for key in KEYS]

    assert len(ids) == len(set(ids))
    assert {key.group for key in KEYS} == set(GROUPS)


def test_no_key_that_others_take() -> None:
    """No act is on a key that terminals, tmux or browsers keep for themselves."""
    assert not TAKEN & {name for key in KEYS for name in key.key.split(",")}


def test_every_key_is_bound_where_the_table_says() -> None:
    """Each act's id is among the bindings of its screen or widget, and no place has a key twice."""
    places = {
        "app": PoolmgrApp.BINDINGS,
        "view": Dashboard.BINDINGS,
        "job": JobDetail.BINDINGS,
        "detail": JobDetail.BINDINGS,
        "move": VirtualTable.BINDINGS,
        "list": JobsTable.BINDINGS,
        "log": LogView.BINDINGS,
        "lock": LocksView.BINDINGS,
    }
    for key in KEYS:
        if key.where != "textual":
            assert key.id in {binding.id for binding in places[key.where] if isinstance(binding, Binding)}
    for bound in (Dashboard.BINDINGS, JobDetail.BINDINGS, LogView.BINDINGS):
        names = [name for binding in bound if isinstance(binding, Binding) for name in binding.key.split(",")]
        assert len(names) == len(set(names))


@pytest.mark.parametrize(
    ("rows", "language"),
    [
        ("Jobs", JOBS),
        ("Workers", WORKERS),
        ("Functions", FUNCTIONS),
        ("Locks", LOCKS),
        ("Pools", POOLS),
        ("Lines of the log", LOG),
    ],
)
def test_help_names_the_fields_of_the_filter(rows: str, language: Language[Any, Any]) -> None:
    """What can be filtered by, in whatever list, is said in the help and in docs/keys.md."""
    lines = "\n".join(FILTER_HELP).split("\n- ")
    told = next(line for line in lines if line.startswith(f"{rows} "))
    # What stands in brackets are values.
    named = re.findall(r"`(\w+)`", re.sub(r"\(.*?\)", "", told))
    assert set(named) == set(language.fields)
