"""serve: who may come in, what comes and goes with a page, and what a page says when its screen ends."""

from __future__ import annotations

import os
import re
import signal
import socket
import sys
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from textual_serve.download_manager import DownloadManager

from poolmgr import connect
from poolmgr.web.gate import Asked, Gate
from poolmgr.web.tab import Tab
from tests.helpers.commands import PATIENCE, poolmgr
from tests.helpers.owners import owner
from tests.helpers.serving import Client, client, read_until, serving
from tests.helpers.wait import wait_until

GATE = Gate(8000, "token", "cookie", "/inside")
HOST, ORIGIN = "127.0.0.1:8000", "http://127.0.0.1:8000"


@pytest.mark.parametrize(
    "asked",
    [
        Asked("/", HOST, None, token="token"),
        Asked("/", "localhost:8000", "http://localhost:8000", token="token"),
        Asked("/inside/", HOST, None, cookie="cookie"),
        Asked("/inside/ws", HOST, ORIGIN, cookie="cookie", websocket=True),
    ],
)
def test_right_one_passes(asked: Asked) -> None:
    """The token opens the door, the cookie all behind it, from this very address."""
    assert GATE.refusal(asked) == ""


@pytest.mark.parametrize(
    "asked",
    [
        Asked("/", HOST, None),
        Asked("/", HOST, None, token=""),
        Asked("/", HOST, None, token="tokeń"),
        Asked("/", HOST, None, cookie="cookie"),
        Asked("/", HOST, "null", token="token"),
        Asked("/", HOST, "https://127.0.0.1:8000", token="token"),
        Asked("/", HOST, "http://localhost:8000", token="token"),
        Asked("/", None, None, token="token"),
        Asked("/", "127.0.0.1", None, token="token"),
        Asked("/", "127.0.0.1:8001", None, token="token"),
        Asked("/", "evil.example:8000", "http://evil.example:8000", token="token"),
        Asked("/inside/", HOST, None, token="token"),
        Asked("/inside/", HOST, None, cookie="other"),
        Asked("/inside/ws", HOST, None, cookie="cookie", websocket=True),
        Asked("/inside/ws", HOST, "http://evil.example", cookie="cookie", websocket=True),
        Asked("/inside/static/js/textual.js", HOST, None),
    ],
)
def test_all_others_are_refused(asked: Asked) -> None:
    """Another site, another host's name, and a secret that is missing or wrong are each enough."""
    assert GATE.refusal(asked)


def test_port_of_http_may_be_left_out() -> None:
    """On port 80 browsers say a host without its port."""
    gate = Gate(80, "token", "cookie", "/inside")
    assert gate.refusal(Asked("/", "127.0.0.1", None, token="token")) == ""


async def test_door_is_guarded(tmp_path: Path) -> None:
    """Page, files and WebSocket are refused to a foreign Host or Origin and without the cookie, which is kept close."""
    with owner(), serving("far", cwd=tmp_path) as served:
        async with client(served) as inside:
            for url in (served.origin, f"{served.origin}/?token=x", inside.page, f"{inside.page}static/js/textual.js"):
                assert await status(inside, url) == 403
                assert await status(inside, url, **inside.cookie, Host="evil.example") == 403
                assert await status(inside, url, **inside.cookie, Origin="http://evil.example") == 403
            for headers in ({}, {"Origin": served.origin}, {**inside.cookie, "Origin": "http://evil.example"}):
                with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
                    await inside.session.ws_connect(f"{inside.page}ws", headers=headers)
                assert refused.value.status == 403
            assert served.screens() == []
            async with inside.session.get(served.url) as answer:
                cookie = answer.cookies["poolmgr"]
                assert (cookie["httponly"], cookie["samesite"]) == (True, "Strict")
                assert cookie["path"] == inside.page.removeprefix(served.origin) != "/"


async def status(inside: Client, url: str, **headers: str) -> int:
    """What a request is answered with."""
    async with inside.session.get(url, headers=headers) as answer:
        given: int = answer.status
        return given


async def test_page_asks_nobody_else(tmp_path: Path) -> None:
    """What is served names no other host, its policy allows none, and what it names is there."""
    with owner(), serving("far", cwd=tmp_path) as served:
        async with client(served) as inside:
            async with inside.session.get(inside.page, headers=inside.cookie) as answer:
                text, policy = await answer.text(), answer.headers["Content-Security-Policy"]
            assert set(re.findall(r"\w+://[^/\"]+", text)) == {f"ws://127.0.0.1:{served.port}"}
            assert set(re.findall(r"\w+://[^ ;]+", policy)) == {f"ws://127.0.0.1:{served.port}"}
            named = set(re.findall(r"(?<!-)(?:src|href|url)(?:=|\()\"([^\"]+)", text)) - {"data:,"}
            assert len(named) == 5
            for each in named:
                assert await status(inside, inside.page + each, **inside.cookie) == 200


async def test_pages_come_and_go(tmp_path: Path) -> None:
    """Each page is a viewer of its own that may only look; a closed one leaves no process; Ctrl-C ends all with 130."""
    with owner() as program, serving("far", cwd=tmp_path) as served:
        async with client(served) as inside, inside.tab() as first, inside.tab() as second:
            await read_until(first, "READ-ONLY")
            await read_until(second, "READ-ONLY")
            served.await_screens(2)
            await first.send_json(["stdin", "+?"])
            # Keys are heeded in their order.
            await read_until(first, "Help")
            await first.close()
            served.await_screens(1)
            assert connect(str(program.pid))["pool"]["size"] == 2
            served.process.send_signal(signal.SIGINT)
            async for _ in second:
                pass
        assert served.process.wait(PATIENCE) == 130
        program.say("good")


async def test_key_acts_with_control(tmp_path: Path) -> None:
    """With --control a key changes the pool."""
    with owner() as program, serving("far", "--control", cwd=tmp_path) as served:
        async with client(served) as inside, inside.tab() as tab:
            await read_until(tab, "workers")
            await tab.send_json(["stdin", "+"])
            status = connect(str(program.pid))
            wait_until(lambda: status["pool"]["size"] == 3, PATIENCE)


async def test_no_screen_outlives_its_page(tmp_path: Path) -> None:
    """A screen that is stopped, and one whose server is killed, end all the same."""
    with owner(), serving("far", cwd=tmp_path) as served:
        async with client(served) as inside, inside.tab() as tab:
            await read_until(tab, "READ-ONLY")
            async with inside.tab():
                served.await_screens(2)
                for screen in served.screens():
                    screen.suspend()
            served.await_screens(1)
            (screen,) = served.screens()
            screen.resume()
            served.process.kill()
            wait_until(lambda: not screen.is_running(), PATIENCE)


def test_page_that_is_closed_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A screen whose page is gone before it stands ends by itself."""
    monkeypatch.setenv("TEXTUAL_DRIVER", "textual.drivers.web_driver:WebDriver")
    with owner():
        reader, writer = os.pipe()
        os.close(writer)
        with open(reader, "rb") as nothing:
            run = poolmgr("attach", "--browser", "far", cwd=tmp_path, stdin=nothing.fileno())
    assert run.returncode == 128 + signal.SIGHUP


async def test_page_says_how_its_screen_ended(tmp_path: Path) -> None:
    """A pool that goes is said on its page; a page that is opened then says so at once; a killed screen is named."""
    with owner() as program, serving("far", cwd=tmp_path) as served:
        async with client(served) as inside:
            async with inside.tab() as tab:
                await read_until(tab, "READ-ONLY")
                (screen,) = served.screens()
                screen.kill()
                await read_until(tab, "the screen was killed by SIGKILL")
                assert (await tab.receive()).type is aiohttp.WSMsgType.CLOSE
            async with inside.tab() as tab:
                await read_until(tab, "READ-ONLY")
                program.process.kill()
                program.process.wait()
                await read_until(tab, "STALE")
                await tab.send_json(["stdin", "q"])
                await read_until(tab, f"far: process {program.pid} is gone, and its pool with it")
            async with inside.tab() as tab:
                await read_until(tab, "no pool 'far' of yours is running")


@pytest.mark.parametrize(
    ("draws", "why"),
    [
        ("print('x' * 200000, flush=True)", "what is no packet (Separator is not found"),
        (r"print('__GANGLION__\nX\0\0\0\1!', end='', flush=True)", "a packet of kind b'X'"),
    ],
    ids=["no-line", "no-packet"],
)
async def test_screen_that_draws_nonsense_is_ended(draws: str, why: str) -> None:
    """A screen that lives on, but writes what nobody can read, leaves no page that stands still."""
    command = [sys.executable, "-c", f"import signal; {draws}; signal.pause()"]

    async def page(request: web.Request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        tab = Tab(command, socket, DownloadManager(), "/x")
        await tab.start(80, 24)
        await tab.over()
        await tab.say_last_words()
        await tab.stop()
        return socket

    site = web.Application()
    site.router.add_get("/", page)
    async with (
        TestServer(site) as server,
        aiohttp.ClientSession() as session,
        session.ws_connect(server.make_url("/")) as tab,
    ):
        said = await read_until(tab, why)
    assert "the screen was ended: it wrote what is no packet" in said


async def test_nonsense_ends_its_own_page(tmp_path: Path) -> None:
    """What no page sends ends the one that sent it, and no other."""
    with owner(), serving("far", cwd=tmp_path) as served:
        async with client(served) as inside, inside.tab() as sane:
            await read_until(sane, "READ-ONLY")
            for nonsense in ("{", '["resize", {"width": "x"}]'):
                async with inside.tab() as tab:
                    await tab.send_str(nonsense)
                    async for _ in tab:
                        pass
            served.await_screens(1)
            await sane.send_json(["stdin", "?"])
            await read_until(sane, "Help")


async def test_files_are_fetched_by_the_browser(tmp_path: Path) -> None:
    """What a screen exports is a download of the browser's, behind the same gate."""
    with owner() as program, serving("far", cwd=tmp_path) as served:
        program.say("good")
        async with client(served) as inside, inside.tab() as tab:
            await read_until(tab, "factorial")
            await tab.send_json(["stdin", "w"])
            await read_until(tab, "CSV")
            await tab.send_json(["stdin", "\r"])
            told = await read_told(tab, "deliver_file_start")
            url = f"{served.origin}/download/{told}"
            assert url.startswith(f"{served.origin}/download/..{inside.page.removeprefix(served.origin)}download/")
            assert await status(inside, url) == 403
            async with inside.session.get(url, headers=inside.cookie) as answer:
                assert answer.headers["Content-Disposition"].startswith("attachment; filename=poolmgr-far-")
                assert "factorial" in await answer.text()


async def read_told(tab: aiohttp.ClientWebSocketResponse, kind: str) -> Any:
    """What the page is told of this kind, which is no drawing."""
    async for message in tab:
        if message.type is aiohttp.WSMsgType.TEXT:
            told = message.json()
            if told[0] == kind:
                return told[1]
    raise AssertionError(f"the page was told no {kind}")


def test_wrong_usage_is_one_sentence(tmp_path: Path) -> None:
    """An unknown pool, a port that is none or is taken, and a missing extra are one sentence and exit code 2."""
    run = poolmgr("serve", "far", cwd=tmp_path)
    assert (run.returncode, run.stderr) == (2, "poolmgr: no pool 'far' of yours is running with a status board\n")
    run = poolmgr("serve", "--port", "70000", cwd=tmp_path)
    assert (run.returncode, run.stderr) == (2, "poolmgr: --port takes a number from 0 to 65535, not 70000\n")
    with owner(), socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        run = poolmgr("serve", "far", "--port", str(port), cwd=tmp_path)
        assert (run.returncode, run.stdout) == (2, "")
        assert run.stderr.startswith(f"poolmgr: port {port} cannot be had (Address already in use): give another one")
        (tmp_path / "textual_serve.py").write_text("raise ModuleNotFoundError('no', name='textual_serve')")
        run = poolmgr("serve", "far", cwd=tmp_path)
        assert (run.returncode, run.stdout) == (2, "")
        assert run.stderr == (
            "poolmgr: the screen in a browser needs the extra poolmgr[serve], and textual_serve is not installed\n"
        )
    assert "Example: poolmgr serve " in poolmgr("serve", "--help", cwd=tmp_path).stdout
