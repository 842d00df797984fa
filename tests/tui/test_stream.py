"""The task stream: what a cell looks like, how lines are packed, and what is drawn again."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from textual.app import App
from textual.color import Color
from textual.theme import BUILTIN_THEMES

from poolmgr.model.buckets import FINE, SECOND, SECONDS, WIDTHS, Bucket, History
from poolmgr.model.recording import Recording
from poolmgr.tui import palette
from poolmgr.tui.widgets.stream import StreamCell, StreamPicture, StreamRow, StreamView
from poolmgr.tui.widgets.stream_glyphs import axis, colour_glyph, letter_glyph, pair_glyph
from poolmgr.tui.widgets.stream_source import cells, stream_picture
from tests.helpers.canvas import Canvas, watch_lines
from tests.helpers.colours import contrast
from tests.helpers.fake_control import make_worker
from tests.helpers.pilot import screen_text, until

WIDTH = WIDTHS[FINE]
NAMES = ("other", "pipeline.resize", "pipeline.encode", "pipeline.fetch")


def row(name: str, *shown: StreamCell, label: str = "") -> StreamRow:
    """A row of these cells."""
    return StreamRow(name, shown, label)


def full(function: int) -> StreamCell:
    """A slice that was busy with one function."""
    return StreamCell(8, function)


# --- cells


@pytest.mark.parametrize(
    ("cell", "colours", "letters"),
    [
        (StreamCell(), " ", "."),
        (full(1), "█", "A"),
        (StreamCell(3, 2), "▃", "b"),
        (StreamCell(8, 1, 5, 2), "▋", "A"),
        (StreamCell(5, 1, 5, None), "▋", "a"),
        (StreamCell(3, None, 5, 2), "▋", "b"),
        (full(0), "█", "Z"),
        (full(12), "█", "M"),
        (full(25), "█", "Z"),
        (StreamCell(4, 1, mark="x"), "x", "x"),
        (StreamCell(mark="~"), "~", "~"),
    ],
)
def test_a_cell_is_one_character(cell: StreamCell, colours: str, letters: str) -> None:
    """Busy share is height, an edge is an eighth, marks are letters; without colours the function is a letter."""
    assert colour_glyph(cell).text == colours
    assert letter_glyph(cell).text == letters


def test_an_edge_has_the_old_job_in_front_and_the_new_one_behind() -> None:
    """Left of the edge is the colour of the old job, right of it that of the new one, or nothing."""
    assert colour_glyph(StreamCell(8, 1, 5, 2)).look[:3] == ("f0", "f1", False)
    assert colour_glyph(StreamCell(8, 1, 5, 1)).look[:3] == ("f0", "f0", False)
    assert colour_glyph(StreamCell(5, 1, 5, None)).look[:3] == ("f0", "", False)
    assert colour_glyph(StreamCell(3, None, 5, 2)).look[:3] == ("f1", "", True)


def test_two_workers_share_a_cell() -> None:
    """The upper half is the first worker, the lower half the second; what went wrong with either takes the cell."""
    one, two, idle, little = full(1), full(2), StreamCell(), StreamCell(1, 1)
    assert pair_glyph(one, two).text == "▀"
    assert pair_glyph(one, two).look[:2] == ("f0", "f1")
    assert pair_glyph(one, one).text == "█"
    assert (pair_glyph(one, idle).text, pair_glyph(idle, two).text, pair_glyph(idle, little).text) == ("▀", "▄", " ")
    assert pair_glyph(one, StreamCell(8, 1, mark="x")).text == "x"
    start = StreamCell(mark="~")
    assert pair_glyph(idle, start).text == pair_glyph(start, start).text == "~"
    assert pair_glyph(one, start) == ("▀", ("f0", "respawn", False, False))


def test_letters_and_marks_are_never_the_same() -> None:
    """No function has the letter of a mark, and the first functions have a letter each."""
    letters = [palette.letter_of(number) for number in range(1, 24)]
    assert len(set(letters)) == len(letters)
    assert not set("xkz") & set(letters)


def test_axis_tells_how_long_ago() -> None:
    """Times stand at their columns, now is at the right, and the selected column has its time beside it."""
    assert axis(60, 0.25, None) == "-15s                -10s                -5s              now"
    assert axis(60, 0.25, 30, marker="^") == "-15s                -10s     ^ -7.5s    -5s              now"
    assert axis(60, 0.25, 0, marker="^").endswith(" now^")
    assert axis(20, 60, None) == "     -15m        now"
    assert axis(0, 0.25, None) == ""


@given(st.integers(0, 300), st.sampled_from([0.25, 1, 10, 60]), st.none() | st.integers(0, 300))
def test_axis_is_as_long_as_the_stream(columns: int, seconds: float, chosen: int | None) -> None:
    """Whatever is selected, the axis has one character for each column."""
    assert len(axis(columns, seconds, chosen)) == columns


@pytest.mark.parametrize("name", [name for name, theme in BUILTIN_THEMES.items() if not theme.ansi])
def test_colours_stand_out_from_every_theme(name: str) -> None:
    """Each function's colour has a contrast of 3 to 1 at the least against the theme's background."""
    theme = BUILTIN_THEMES[name]
    background = Color.parse(theme.to_color_system().generate()["background"])
    for colours in (*palette._COLOURS, palette._OTHER):
        colour = Color.parse(colours[0 if theme.dark else 1])
        assert contrast(background, colour) >= 3, (colours, background.hex)
    assert len({colours[0 if theme.dark else 1] for colours in palette._COLOURS}) == palette.DISTINCT


# --- from the history


def shown(history: History, columns: int = 6) -> tuple[StreamCell, ...]:
    """The cells of the only worker."""
    return stream_picture(history, [make_worker(0)], columns).rows[0].cells


def at(slices: float) -> int:
    """A moment, as a number of slices since the beginning."""
    return int(slices * WIDTH)


def test_a_job_begins_and_ends_at_its_eighth() -> None:
    """A job over several slices: where it began and ended within a slice is drawn to an eighth."""
    recording = Recording(0, 0.0)
    resize = recording.function("resize")
    recording.slot(0).run(at(1.5), at(4.25), resize, done=1)
    begins, ends, idle = StreamCell(4, None, 4, resize), StreamCell(2, resize, 2, None), StreamCell()
    assert shown(recording.picture(at(6))) == (idle, begins, full(resize), full(resize), ends, idle)


def test_one_job_gives_way_to_another() -> None:
    """Where the next job follows at once, the edge has a function on either side."""
    recording = Recording(0, 0.0)
    resize, encode = recording.function("resize"), recording.function("encode")
    recording.slot(0).run(at(0), at(1.5), resize, done=1)
    recording.slot(0).run(at(1.5), at(3), encode, done=1)
    assert shown(recording.picture(at(3)), 3) == (full(resize), StreamCell(8, resize, 4, encode), full(encode))


def test_many_small_jobs_are_a_height() -> None:
    """A slice in which many jobs ended shows how much of it was busy, and no edge."""
    recording = Recording(0, 0.0)
    tiny = recording.function("tiny")
    recording.slot(0).run(at(0), at(1), tiny, busy=at(0.5), done=900)
    assert shown(recording.picture(at(1)), 1)[0] == StreamCell(4, tiny)


def test_newest_slice_counts_what_has_gone_by_of_it() -> None:
    """A job that runs fills the newest column from its first moment on: it does not flicker."""
    recording = Recording(0, 0.0)
    job = recording.function("job")
    recording.slot(0).running(0, at(2.3), job)
    assert shown(recording.picture(at(2.3)), 3) == (full(job), full(job), full(job))


@pytest.mark.parametrize(
    ("bucket", "mark"),
    [
        (Bucket(0, ((1, 5),), failed=1), "x"),
        (Bucket(0, ((1, 5),), failed=1, killed=1), "k"),
        (Bucket(0, lost=1, died=1), "k"),
        (Bucket(0, restarted=1), "~"),
        (Bucket(0, start=WIDTH), "~"),
        (Bucket(0, ((1, 5),), done=3), ""),
    ],
)
def test_what_went_wrong_is_marked(bucket: Bucket, mark: str) -> None:
    """Failed jobs, deaths and new processes have their letter; the worst one wins."""
    assert cells([bucket], WIDTH, WIDTH)[0].mark == mark


def test_rows_are_made_when_they_are_seen() -> None:
    """A picture of very many workers costs what is looked at; labels tell the job and its time."""
    recording = Recording(0, 0.0)
    recording.slot(999).run(0, at(1), recording.function("pipeline.resize"), done=1)
    workers = [make_worker(slot, 7 if slot == 999 else None, elapsed=41.0) for slot in range(1000)]
    picture = stream_picture(recording.picture(at(4)), workers, 10, ring=SECONDS)
    assert len(picture.rows) == 1000
    assert picture.rows[-1].label == "resize 41.0s"
    assert [cell.fill for cell in picture.rows[-1].cells[-2:]] == [0, 2]
    assert picture.rows[0].label == "idle 41.0s"
    assert [each.name for each in picture.rows[1:3]] == ["w2", "w3"]
    assert (picture.functions, picture.seconds) == (("other", "pipeline.resize"), WIDTHS[SECONDS] / SECOND)


# --- the widget

EIGHT = StreamPicture(
    tuple(
        row(f"w{number + 1}", *[StreamCell()] * number, *[full(1 + number % 3)] * (12 - number), label=f"job {number}")
        for number in range(8)
    ),
    NAMES,
)


async def test_wide_screen_gives_each_worker_a_line() -> None:
    """Name, cells, label; the newest column is beside the label, and the axis is the last line."""
    app = Canvas(StreamView())
    async with app.run_test(size=(120, 12)) as pilot:
        app.widget.take(EIGHT)
        await pilot.pause()
        lines = screen_text(app).split("\n")
        assert lines[1].startswith("w1 ")
        assert lines[3].split() == ["w3", "█" * 10, "job", "2"]
        assert lines[3].index("█" * 10) + 10 == 3 + app.widget.columns
        assert lines[11].rstrip().endswith("now")
        assert "█ resize  █ encode  █ fetch  x fail  k kill  ~ respawn" in lines[0]
        blue = app.style_at(3 + app.widget.columns - 1, 1).color
        assert blue is not None
        assert blue.name == palette._COLOURS[0][0]


async def test_narrow_screen_packs_two_workers_a_line() -> None:
    """In 80 columns two workers share a line; so they do where there are too few lines."""
    app = Canvas(StreamView())
    async with app.run_test(size=(80, 12)) as pilot:
        app.widget.take(EIGHT)
        await pilot.pause()
        lines = screen_text(app).split("\n")
        assert lines[1].split() == ["w1,2", "▀" * 12]
        assert lines[4].startswith("w7,8")
        assert lines[5].strip() == ""
        await pilot.resize_terminal(120, 7)
        await until(pilot, lambda: "w7,8" in screen_text(app))
        await pilot.resize_terminal(120, 12)
        await until(pilot, lambda: "\nw8 " in screen_text(app))


@pytest.mark.parametrize("plain", ["no_color", "ascii"])
async def test_without_colours_functions_are_letters(plain: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """NO_COLOR and ASCII tell functions by letters and idle by a dot, one worker a line however narrow it is."""
    if plain == "no_color":
        monkeypatch.setenv("NO_COLOR", "1")
    app = Canvas(StreamView(), ascii=plain == "ascii")
    async with app.run_test(size=(80, 12)) as pilot:
        app.widget.take(EIGHT)
        await pilot.pause()
        text = screen_text(app)
        assert "..CCCCCCCCCC" in text
        assert "a resize  b encode  c fetch  . idle  x fail" in text
        assert text.isascii() is (plain == "ascii")


async def test_workers_scroll_and_the_axis_stays() -> None:
    """With more workers than lines the arrows move the workers alone."""
    rows = tuple(row(f"w{number + 1}", full(1)) for number in range(60))
    app = Canvas(StreamView())
    async with app.run_test(size=(80, 12)) as pilot:
        app.widget.take(StreamPicture(rows, NAMES))
        await pilot.press("j", "down")
        await until(pilot, lambda: "\nw5,6 " in screen_text(app))
        await pilot.press("G")
        await until(pilot, lambda: "w59,60" in screen_text(app))
        assert screen_text(app).split("\n")[-1].rstrip().endswith("now")
        await pilot.press("g")
        await until(pilot, lambda: "\nw1,2 " in screen_text(app))
        await pilot.press("pagedown", "ctrl+d", "ctrl+u", "pageup", "k", "enter")
        await until(pilot, lambda: "\nw1,2 " in screen_text(app))


async def test_selected_column_is_a_line_through_all_workers() -> None:
    """The column that the rest of the screen shows is marked on every line and on the axis."""
    app = Canvas(StreamView())
    async with app.run_test(size=(120, 12)) as pilot:
        app.widget.take(StreamPicture(EIGHT.rows, NAMES, selected=11))
        await pilot.pause()
        lines = screen_text(app).split("\n")
        column = 3 + app.widget.columns - 12
        assert {line[column] for line in lines[1:9]} == {"│"}
        assert lines[11][column:].startswith("▲ -2.75s")
        app.widget.take(EIGHT)
        await pilot.pause()
        assert "│" not in screen_text(app)


async def test_only_changed_lines_are_drawn_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """A frame that changes one worker repaints that worker's line and no other."""
    app = Canvas(StreamView())
    async with app.run_test(size=(120, 12)) as pilot:
        app.widget.take(EIGHT)
        await pilot.pause()
        drawn = watch_lines(app.widget, monkeypatch)
        app.widget.take(StreamPicture(tuple(EIGHT.rows), NAMES))
        await pilot.pause()
        assert drawn == []
        app.widget.take(StreamPicture((*EIGHT.rows[:7], row("w8", full(3))), NAMES))
        await pilot.pause()
        assert drawn == [7]


async def test_every_theme_has_its_colours() -> None:
    """A new theme draws everything anew, light, dark, and with the terminal's own colours; markup in names is text."""
    app: Canvas[StreamView] = Canvas(StreamView())
    names = ("other", "m.[bold]f[/nope]", *[f"m.f{number}" for number in range(14)])
    picture = StreamPicture((row("w1", full(1), StreamCell(8, 1, 4, 1), StreamCell(8, 1, 3, 2)),), names)
    async with app.run_test(size=(200, 6)) as pilot:
        app.widget.take(picture)
        seen = set()
        for theme in app.available_themes:
            app.theme = theme
            await pilot.pause()
            seen.add(_first_colour(app))
            assert "[bold]f[/nope]" in screen_text(app)
            assert "others grey" in screen_text(app)
        assert {palette._COLOURS[0][0], palette._COLOURS[0][1]} < seen


def _first_colour(app: Canvas[Any]) -> str:
    colour = app.style_at(200 - 22 - 3, 1).color
    return "" if colour is None else colour.name


@pytest.mark.parametrize("size", [(3, 2), (10, 3), (22, 1), (24, 4)])
async def test_tiny_stream_does_not_crash(size: tuple[int, int]) -> None:
    """However small it is, it draws."""
    app: App[None] = Canvas(view := StreamView())
    async with app.run_test(size=size) as pilot:
        view.take(StreamPicture(EIGHT.rows, NAMES, selected=3))
        await pilot.pause()
        view.take(StreamPicture())
        await pilot.pause()
