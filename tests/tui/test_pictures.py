"""Pictures of the screens, in each size and look, as somebody looked at them and found them right."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from textual.app import App
from textual.containers import Vertical
from textual.pilot import Pilot
from textual.widgets import Input

from poolmgr.model.durations import merged
from poolmgr.model.fleet import Fleet
from poolmgr.model.requests import Reply, Stack
from poolmgr.model.snapshot import Rule, Verdict
from poolmgr.model.states import PoolState
from poolmgr.model.times import Times
from poolmgr.tui.app import PoolmgrApp
from poolmgr.tui.widgets.bars import TimeBar
from poolmgr.tui.widgets.graph import Graph
from poolmgr.tui.widgets.histogram import HistogramView, by_function
from poolmgr.tui.widgets.stream import StreamView
from poolmgr.tui.widgets.stream_source import stream_picture
from tests.helpers.busy_pool import FUNCTIONS, busy_history, busy_snapshot
from tests.helpers.canvas import Canvas
from tests.helpers.fake_control import NOW, FakeControl, make_snapshot, make_worker
from tests.helpers.locked import locked
from tests.helpers.looks import Picture, each_look
from tests.helpers.pilot import screen_text, until


class Gallery(Vertical):
    """Widgets one above the other."""

    DEFAULT_CSS = "Gallery > Graph, Gallery > HistogramView { height: 1fr; border-top: solid $foreground; }"


def cockpit(ascii: bool) -> App[Any]:
    """The whole app on a busy pool with its past."""
    verdict = Verdict(Rule.STRAGGLER, "job 48111 has run 41 s = 100 x p50 on w5", "look at its stack", 48111, 4)
    control = FakeControl(replace(busy_snapshot(), verdict=verdict))
    control.past = busy_history()
    return PoolmgrApp(control, ascii=ascii)


@each_look
def test_dashboard(picture: Picture, size: str, look: str) -> None:
    """The first screen: header, workers, jobs, log, and what there is beside them where there is room."""
    assert picture(cockpit, size, look)


@each_look
def test_export(picture: Picture, size: str, look: str) -> None:
    """The dialog that exports, over the dashboard."""

    async def ask(pilot: Pilot[Any]) -> None:
        await pilot.press("w")
        await until(pilot, lambda: pilot.app.screen.query("#path"))
        pilot.app.screen.query_one("#path", Input).value = "jobs/night.csv"

    assert picture(cockpit, size, look, run_before=ask)


@each_look
def test_stream(picture: Picture, size: str, look: str) -> None:
    """The task stream: a worker that sits on one job, one that was killed and started again, and busy ones."""

    async def take(pilot: Pilot[Any]) -> None:
        await pilot.pause()
        view = pilot.app.query_one(StreamView)
        view.take(stream_picture(busy_history(), busy_snapshot().workers, view.columns, selected=20))

    assert picture(lambda ascii: Canvas(StreamView(), ascii=ascii), size, look, run_before=take)


@each_look
def test_gallery(picture: Picture, size: str, look: str) -> None:
    """The graph as an area and as a line, the durations, and the bar of times."""

    async def take(pilot: Pilot[Any]) -> None:
        await pilot.pause()
        snapshot = busy_snapshot()
        functions = by_function(snapshot.functions, ["other", *[name for name, _, _ in FUNCTIONS]])
        area, line = pilot.app.query(Graph)
        area.take("Throughput, tasks/s, 2 min", snapshot.history.throughput)
        line.take("CPU %, 2 min", snapshot.history.cpu)
        pilot.app.query_one(HistogramView).take(merged([each.durations for each in functions]), functions)
        pilot.app.query_one(TimeBar).take(Times(work=81, serialise=6, wait=9, start=1, idle=3))

    def gallery(ascii: bool) -> App[Any]:
        return Canvas(Gallery(Graph(), Graph(area=False, top=800), HistogramView(), TimeBar()), ascii=ascii)

    assert picture(gallery, size, look, run_before=take)


@each_look
def test_workers(picture: Picture, size: str, look: str) -> None:
    """The workers on the whole screen."""
    assert picture(cockpit, size, look, press=["2"])


@each_look
def test_jobs(picture: Picture, size: str, look: str) -> None:
    """The jobs on the whole screen: grouped, sorted, some of them marked."""
    assert picture(cockpit, size, look, press=["3", "s", "j", "enter", "t", "G", "space", "g"])


@each_look
def test_stream_view(picture: Picture, size: str, look: str) -> None:
    """The stream on the whole screen."""
    assert picture(cockpit, size, look, press=["4"])


@each_look
def test_log(picture: Picture, size: str, look: str) -> None:
    """The log with a filter of which a part cannot be read."""
    assert picture(cockpit, size, look, press=["6", *"/w:5 level>x", "enter"])


@each_look
def test_functions(picture: Picture, size: str, look: str) -> None:
    """The functions, the durations, the bar of times."""
    assert picture(cockpit, size, look, press=["8"])


@each_look
def test_locks(picture: Picture, size: str, look: str) -> None:
    """The locks of a program in trouble, with a lock of its deadlock under the cursor."""

    def locks(ascii: bool) -> App[Any]:
        workers = (make_worker(0, 1), make_worker(1, 2), make_worker(2, 3))
        return PoolmgrApp(FakeControl(make_snapshot(workers, sync=locked(NOW))), ascii=ascii)

    assert picture(locks, size, look, press=["7"])


@each_look
def test_pools(picture: Picture, size: str, look: str) -> None:
    """Several pools side by side: one busy, one held, one that drains, one of another program."""

    def pools(ascii: bool) -> App[Any]:
        fleet = Fleet()
        fleet.add(FakeControl(busy_snapshot()))
        held = make_snapshot(name="thumbs", state=PoolState.HELD, rate=0.0, eta=None, start_method="spawn")
        fleet.add(FakeControl(held))
        fleet.add(FakeControl(make_snapshot((), (), name="nightly", state=PoolState.CLOSE, size=6, eta=2.0)))
        fleet.add(FakeControl(make_snapshot(name="far", pid=977)), attached=True)
        return PoolmgrApp(fleet, ascii=ascii)

    assert picture(pools, size, look, press=["5", "j"])


@each_look
def test_past(picture: Picture, size: str, look: str) -> None:
    """The dashboard seventeen seconds ago: when a worker had been killed and its place was being filled."""
    assert picture(cockpit, size, look, press=[*["left_curly_bracket"] * 6, "left_square_bracket"])


@each_look
def test_worker_screen(picture: Picture, size: str, look: str) -> None:
    """One worker: its facts, its graphs, its stack with the cursor on a line of it."""

    def worker(ascii: bool) -> App[Any]:
        control = FakeControl(busy_snapshot())
        control.past = busy_history()
        stack = ("ssl.py:1103 read", "socket.py:705 readinto", "pipeline.py:60 head: r = session.get(url)")
        process = ("nice 0  cpus 0-7  threads 3  fds 14  RSS 1.9G, peak 1.9G",)
        places = (("ssl.py", "1103"), ("socket.py", "705"), ("pipeline.py", "60"))
        seen = Reply(True, "", lines=stack, places=places)
        control.look = lambda request: seen if isinstance(request, Stack) else Reply(True, "", lines=process)
        return PoolmgrApp(control, ascii=ascii)

    async def open_it(pilot: Pilot[Any]) -> None:
        await pilot.press("2", *"jjjj", "enter")
        await until(pilot, lambda: "socket.py:705" in screen_text(pilot.app))
        await until(pilot, lambda: "nice 0" in screen_text(pilot.app))
        await pilot.press("j")
        await until(pilot, lambda: ">ssl.py:1103" in screen_text(pilot.app))

    assert picture(worker, size, look, run_before=open_it)
