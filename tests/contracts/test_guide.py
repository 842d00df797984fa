"""The Chinese guide follows the English one page by page, and no link in the documentation leads nowhere."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.helpers.guide_pictures import SHOTS

ROOT = Path(__file__).resolve().parents[2]
GUIDE = ROOT / "docs" / "guide"
CHINESE = GUIDE / "zh"

PAGES = sorted(page.name for page in GUIDE.glob("*.md"))
DOCUMENTS = sorted([ROOT / "README.md", *(ROOT / "docs").rglob("*.md")])

#: A code block with its fences.
BLOCK = re.compile(r"^```.*?^```$", re.DOTALL | re.MULTILINE)
#: The target of a link or picture.
LINK = re.compile(r"\]\(([^)\s]+)\)")
#: A scheme, as in ``https:``; what has none is a file.
SCHEME = re.compile(r"[a-z][a-z0-9+.-]*:")


def heading_levels(text: str) -> list[int]:
    """The levels of the headings, in their order; what only looks like one in a code block is none."""
    return [len(marks) for marks in re.findall(r"^(#+) ", BLOCK.sub("", text), re.MULTILINE)]


def shape(text: str) -> dict[str, object]:
    """What a page and its translation have in common."""
    prose = BLOCK.sub("", text)
    return {
        "code": BLOCK.findall(text),
        "headings": heading_levels(text),
        "items of lists": len(re.findall(r"^ *(?:-|\d+\.) ", prose, re.MULTILINE)),
        "rows of tables": len(re.findall(r"^\|", prose, re.MULTILINE)),
        "links": len(LINK.findall(prose)),
    }


def missing_targets(document: Path) -> list[str]:
    """The relative links of a document to files that do not exist."""
    links = LINK.findall(BLOCK.sub("", document.read_text(encoding="utf-8")))
    files = [link.partition("#")[0] for link in links if not SCHEME.match(link)]
    return [file for file in files if file and not (document.parent / file).exists()]


@pytest.mark.parametrize("name", sorted(set(PAGES) - {"README.md"}))
def test_chinese_page_follows_the_english_one(name: str) -> None:
    """A page has a Chinese one with the same code and output, as many headings, items, table rows and links."""
    english = (GUIDE / name).read_text(encoding="utf-8")
    chinese = (CHINESE / name).read_text(encoding="utf-8")
    assert shape(chinese) == shape(english), f"what changed in docs/guide/{name} has to change in zh/{name} too"


@pytest.mark.parametrize("name", sorted(set(PAGES) - {"README.md"}))
def test_page_has_its_picture(name: str) -> None:
    """Each page shows its demo on the screen, in both languages the same small picture, which the command can take."""
    topic = name.removesuffix(".md")
    for folder, way in ((GUIDE, ""), (CHINESE, "../")):
        pictures = re.findall(r"^!\[[^\]]+\]\((.*)\)$", (folder / name).read_text(encoding="utf-8"), re.MULTILINE)
        assert pictures == [f"{way}pictures/{topic}.svg"]
    picture = GUIDE / "pictures" / f"{topic}.svg"
    assert picture.stat().st_size < 120_000
    assert picture.read_text(encoding="utf-8").rstrip().endswith("</svg>")
    assert topic in SHOTS


def test_every_picture_is_on_a_page() -> None:
    """There is no picture that no page shows."""
    assert {f"{picture.stem}.md" for picture in (GUIDE / "pictures").glob("*.svg")} == set(PAGES) - {"README.md"}


def test_chinese_guide_has_no_page_of_its_own() -> None:
    """The two guides have the same pages: one that is renamed or removed is so in both."""
    assert sorted(page.name for page in CHINESE.glob("*.md")) == PAGES


def test_chinese_index_leads_to_the_same_pages() -> None:
    """The indexes link the same pages and demos in the same order, and each links the other one."""
    english = (GUIDE / "README.md").read_text(encoding="utf-8")
    chinese = (CHINESE / "README.md").read_text(encoding="utf-8")
    assert LINK.findall(english)[0] == "zh/README.md"
    assert LINK.findall(chinese)[0] == "../README.md"
    assert LINK.findall(chinese)[1:] == LINK.findall(english)[1:]
    assert re.findall(r"`poolmgr demo \w+[^`]*`", chinese) == re.findall(r"`poolmgr demo \w+[^`]*`", english)
    glossary = 1
    assert len(heading_levels(chinese)) == len(heading_levels(english)) + glossary


def test_links_lead_to_files() -> None:
    """Every relative link in the README and under docs/ points to a file that exists."""
    missing = {str(document.relative_to(ROOT)): missing_targets(document) for document in DOCUMENTS}
    assert not {document: files for document, files in missing.items() if files}
