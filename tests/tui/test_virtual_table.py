"""The table on the Line API: its cursor, its cost, its drawing."""

from __future__ import annotations

from collections.abc import Hashable, Sequence

import pytest
from textual.app import App, ComposeResult

from poolmgr.tui.widgets.columns import Column
from poolmgr.tui.widgets.virtual_table import VirtualTable
from tests.helpers.pilot import screen_text


class Numbers(VirtualTable[int]):
    """Shows integers, each being its own key."""

    def __init__(self) -> None:
        super().__init__(id="numbers")
        self.drawn: list[int] = []
        self.columns = (
            Column("n", 10, self._draw_number, right=True),
            Column("text", 5, lambda row, width: f"[bold]{row}", grow=1),
            Column("extra", 8, lambda row, width: "extra", needs=60),
        )

    def key_of(self, row: int) -> Hashable:
        """The number."""
        return row

    def _draw_number(self, row: int, width: int) -> str:
        self.drawn.append(row)
        return str(row)


class TableApp(App[None]):
    """One table."""

    AUTO_FOCUS = None
    CSS = "Numbers { height: 100%; }"

    def __init__(self, rows: Sequence[int]) -> None:
        super().__init__()
        self.table = Numbers()
        self.first_rows = rows

    def compose(self) -> ComposeResult:
        """The table alone."""
        yield self.table

    def on_mount(self) -> None:
        """Show the first rows, without focus."""
        self.set_focus(None)
        self.table.show(self.first_rows)


class Counted(Sequence[int]):
    """A million rows that count how often they are read."""

    def __init__(self, length: int, first: int = 0) -> None:
        self.length, self.first, self.reads = length, first, 0

    def __len__(self) -> int:
        return self.length

    def __getitem__(self, place: int | slice) -> int:  # type: ignore[override]
        assert isinstance(place, int)
        self.reads += 1
        return self.first + place


async def test_it_draws_only_what_is_seen() -> None:
    """A million rows cost no more reads than the lines on the screen."""
    rows = Counted(1_000_000)
    app = TableApp(rows)
    async with app.run_test(size=(40, 10)) as pilot:
        await pilot.pause()
        assert rows.reads < 200
        app.table.focus()
        await pilot.press("G")
        await pilot.pause()
        assert "999999" in screen_text(app)
        assert rows.reads < 400
        # The next frame: each row is one place further down.
        later = Counted(1_000_000, first=-1)
        app.table.show(later)
        await pilot.pause()
        assert later.reads < 6000


async def test_moves() -> None:
    """Every key of the table moves the cursor by what it says."""
    app = TableApp(range(100))
    async with app.run_test(size=(40, 11)) as pilot:
        app.table.focus()
        places = []
        for key in ("j", "down", "k", "up", "pagedown", "ctrl+d", "ctrl+u", "pageup", "G", "g", "end", "home"):
            await pilot.press(key)
            places.append(app.table.cursor)
        assert places == [1, 2, 1, 0, 10, 15, 10, 0, 99, 0, 99, 0]
        await pilot.press("k")
        assert app.table.cursor == 0


async def test_what_comes_in_at_the_top_is_seen() -> None:
    """Who is at the top sees new first rows; the cursor keeps its row, and pulls the view along only if it must."""
    app = TableApp(range(100, 200))
    async with app.run_test(size=(40, 10)) as pilot:
        app.table.focus()
        await pilot.press("j", "k")
        app.table.show(range(97, 200))
        await pilot.pause()
        assert " 97 " in screen_text(app)
        assert app.table.cursor_row == 100
        app.table.show(range(60, 200))
        await pilot.pause()
        lines = screen_text(app).rstrip().split("\n")
        assert " 100 " in lines[-1]
        assert app.table.cursor_row == 100


@pytest.mark.parametrize("keys", [[], ["j", "g"]])
async def test_cursor_that_nobody_moved_stays_at_the_top(keys: list[str]) -> None:
    """Who only comes in, or goes to the top, sees the top: a job that ends does not carry the view away with it."""
    app = TableApp(range(100, 200))
    async with app.run_test(size=(40, 10)) as pilot:
        app.table.focus()
        await pilot.press(*keys)
        await pilot.pause()
        app.table.show([*range(150, 200), 100])
        await pilot.pause()
        assert (app.table.cursor, app.table.cursor_row, app.table.lost) == (0, 150, 100)
        assert " 150 " in screen_text(app).split("\n")[1]
        app.table.show([])
        app.table.show([7, 8])
        assert (app.table.cursor_row, app.table.lost) == (7, 100)
        await pilot.press("j")
        assert (app.table.cursor_row, app.table.lost) == (8, None)


async def test_cursor_stays_on_its_row() -> None:
    """When rows come in above the part that is seen, the cursor's row stays where it is seen."""
    app = TableApp(range(100, 200))
    async with app.run_test(size=(40, 10)) as pilot:
        app.table.focus()
        await pilot.press("pagedown", "pagedown", *"kkk")
        await pilot.pause()
        line = next(place for place, text in enumerate(screen_text(app).split("\n")) if " 115 " in text)
        app.table.show(range(60, 200))
        await pilot.pause()
        assert app.table.cursor_row == 115
        assert " 115 " in screen_text(app).split("\n")[line]


async def test_cursor_stays_at_its_place_when_the_row_leaves() -> None:
    """A row that leaves the list takes nothing with it but itself, and the table says whose place it was."""
    app = TableApp(range(20))
    async with app.run_test(size=(40, 10)) as pilot:
        app.table.focus()
        await pilot.press(*"jjj")
        app.table.show([n for n in range(20) if n != 3])
        assert (app.table.cursor, app.table.cursor_row, app.table.lost) == (3, 4, 3)
        await pilot.press("j")
        assert (app.table.cursor_row, app.table.lost) == (5, None)
        app.table.show([])
        assert app.table.cursor_row is None
        await pilot.press("j", "k", "enter")
        app.table.show([7, 8])
        assert app.table.cursor == 0


async def test_cursor_rests_at_the_top_until_someone_aims() -> None:
    """A table that nobody has been in shows its top whatever its rows do."""
    app = TableApp(range(100, 120))
    async with app.run_test(size=(40, 10)) as pilot:
        app.table.show(range(90, 120))
        await pilot.pause()
        assert (app.table.cursor, app.table.cursor_row, app.table.lost) == (0, 90, None)
        app.table.focus()
        await pilot.pause()
        app.table.show(range(85, 120))
        assert (app.table.cursor_row, app.table.lost) == (85, 90)


async def test_one_changed_row_repaints_one_line() -> None:
    """A frame in which one row differs draws that row, not the others."""
    app = TableApp(list(range(50)))
    async with app.run_test(size=(40, 20)) as pilot:
        await pilot.pause()
        painted: list[int] = []
        render = app.table.render_line

        def render_line(y: int) -> object:
            painted.append(y)
            return render(y)

        app.table.render_line = render_line  # type: ignore[method-assign, assignment]
        app.table.show([*range(5), 555, *range(6, 50)])
        await pilot.pause()
        assert painted == [6]
        assert " 555 " in screen_text(app)


async def test_click_puts_the_cursor_and_a_second_opens() -> None:
    """The mouse aims as the keys do."""
    opened: list[int | None] = []

    class Clicked(TableApp):
        def on_virtual_table_opened(self, message: VirtualTable.Opened) -> None:
            opened.append(message.table.cursor_row)

    app = Clicked(range(50))
    async with app.run_test(size=(40, 10)) as pilot:
        await pilot.click("#numbers", offset=(5, 4))
        assert app.table.cursor_row == 3
        await pilot.click("#numbers", offset=(5, 0))
        assert app.table.cursor_row == 3
        await pilot.click("#numbers", offset=(5, 6), times=2)
        await pilot.pause()
        assert opened == [5]


async def test_columns_give_way_and_text_is_no_markup() -> None:
    """A narrow table leaves columns out, and what looks like markup is shown as it is."""
    app = TableApp(range(3))
    async with app.run_test(size=(40, 6)) as pilot:
        await pilot.pause()
        assert "[bold]1" in screen_text(app)
        assert "extra" not in screen_text(app)
        await pilot.resize_terminal(80, 6)
        await pilot.pause()
        assert screen_text(app).count("extra") == 4


async def test_shrinking_list_stays_in_view() -> None:
    """After most rows are gone, the rest is seen."""
    app = TableApp(range(1000))
    async with app.run_test(size=(40, 10)) as pilot:
        app.table.focus()
        await pilot.press("G")
        app.table.show(range(3))
        await pilot.pause()
        assert app.table.cursor_row == 2
        assert all(f" {n} " in screen_text(app) for n in range(3))
