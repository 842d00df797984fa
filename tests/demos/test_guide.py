"""The guide: a page for each topic, each with what its demo prints, and an index that leads to all of them."""

from __future__ import annotations

import multiprocessing
import re
from pathlib import Path

import pytest

from poolmgr.demos import CHECKED, FIGURES
from poolmgr.runners.catalogue import Entry, list_demos

ROOT = Path(__file__).resolve().parents[2]
GUIDE = ROOT / "docs" / "guide"

SCRIPTS = [entry for entry in list_demos() if entry.kind == "script"]


@pytest.mark.parametrize("entry", SCRIPTS, ids=lambda entry: entry.name)
def test_topic_has_a_page(entry: Entry) -> None:
    """Each page is short, names its demo and what goes wrong, and ends with output that the demo's own code writes."""
    text = (GUIDE / f"{entry.name}.md").read_text()
    assert 60 <= len(text.splitlines()) <= 120
    assert f"python demos/{entry.path.name}" in text
    assert f"poolmgr demo {entry.name}" in text
    for heading in ("What goes wrong", "What the demo shows"):
        if entry.name != "errors" or heading != "What goes wrong":
            assert f"\n## {heading}\n" in text
    output = text.rpartition("```text\n")[2].partition("\n```")[0].splitlines()
    assert sum(line.startswith(CHECKED.rstrip()) for line in output) >= 3
    source = entry.path.read_text()
    names = re.findall(r"(\w+)=", next(line for line in output if line.startswith(FIGURES)))
    # One script names figures after the start methods.
    by_method = {f"{method}_ms" for method in multiprocessing.get_all_start_methods() if 'f"{method}_ms"' in source}
    assert all(name in by_method or re.search(rf"\b{name}=", source) for name in names)


def test_index_leads_to_every_page() -> None:
    """The index links every page there is, and all links between pages lead somewhere."""
    index = (GUIDE / "README.md").read_text()
    for page in GUIDE.glob("*.md"):
        if page.name != "README.md":
            assert f"]({page.name})" in index
        for target in re.findall(r"\]\(([^)#:]+\.md)\)", page.read_text()):
            assert (GUIDE / target).exists(), f"{page.name}: {target}"
