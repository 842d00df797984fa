"""Debian's chromium, headless, spoken to over its DevTools protocol: what a page shows, asks for, and is typed."""

from __future__ import annotations

import asyncio
import base64
import itertools
import os
import shutil
import signal
import struct
import subprocess
import zlib
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import aiohttp
import pyte

#: Where it is; empty if this machine has none, and then the tests of it are not collected.
CHROMIUM = shutil.which("chromium") or ""
#: Seconds for anything to happen in a browser that shares two cores with other tests.
PATIENCE = 40.0
#: The size of the window.
WIDTH, HEIGHT = 1280, 640

#: What a picture is taken of: reading one takes a while.
UPPER_LEFT = {"x": 0, "y": 0, "width": 500, "height": 150, "scale": 1}

OPTIONS = (
    "--headless=new",
    "--no-sandbox",
    "--no-first-run",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-extensions",
    "--disable-sync",
    "--remote-debugging-port=0",
    # No name but loopback's means anything.
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
    f"--window-size={WIDTH},{HEIGHT}",
)


class Page:
    """One page of a browser. Made by :func:`opened`."""

    def __init__(self, devtools: aiohttp.ClientWebSocketResponse, session: str) -> None:
        self._devtools = devtools
        self._session = session
        self._numbers = itertools.count(1)
        #: Addresses that it has asked for.
        self.requests: list[str] = []
        #: What its console complains about.
        self.complaints: list[str] = []
        self._screen = pyte.Screen(80, 24)
        self._stream = pyte.ByteStream(self._screen)

    async def call(self, method: str, **parameters: Any) -> Any:
        """Have the browser do something, and return what it answers."""
        number = next(self._numbers)
        await self._devtools.send_json(
            {"id": number, "method": method, "params": parameters, "sessionId": self._session}
        )
        while (said := await self._hear()).get("id") != number:
            pass
        assert "result" in said, said
        return said["result"]

    async def evaluate(self, script: str) -> Any:
        """The value of an expression in the page."""
        answer = await self.call("Runtime.evaluate", expression=script, returnByValue=True)
        return answer["result"].get("value")

    async def wait_for(self, condition: Callable[[], Any], what: str) -> None:
        """Hear what happens in the page until the condition holds."""
        while not condition():
            try:
                await self._hear()
            except TimeoutError:
                raise AssertionError(f"{what} did not come; the page shows:\n{self.text}") from None

    async def wait_for_text(self, text: str) -> str:
        """Wait until the terminal in the page shows ``text``, and return all that it shows."""
        await self.wait_for(lambda: text in self.text, repr(text))
        return self.text

    @property
    def text(self) -> str:
        """What the terminal in the page was told to show."""
        return "\n".join(self._screen.display)

    async def type(self, keys: str) -> None:
        """Press keys."""
        for key in keys:
            await self.call("Input.dispatchKeyEvent", type="keyDown", key=key, text=key)
            await self.call("Input.dispatchKeyEvent", type="keyUp", key=key)

    async def colours(self) -> int:
        """How many different pixels a picture of the page's upper left has."""
        picture = await self.call("Page.captureScreenshot", format="png", clip=UPPER_LEFT)
        return len(set(_pixels(base64.b64decode(picture["data"]))))

    async def _hear(self) -> dict[str, Any]:
        async with asyncio.timeout(PATIENCE):
            said: dict[str, Any] = await self._devtools.receive_json()
        handle = getattr(self, f"_on_{said.get('method', '').replace('.', '_')}", None)
        if handle is not None and said.get("sessionId") == self._session:
            handle(said["params"])
        return said

    def _on_Network_requestWillBeSent(self, told: dict[str, Any]) -> None:
        self.requests.append(told["request"]["url"])

    def _on_Network_webSocketCreated(self, told: dict[str, Any]) -> None:
        self.requests.append(told["url"])
        size = parse_qs(urlsplit(told["url"]).query)
        self._screen.resize(int(size["height"][0]), int(size["width"][0]))

    def _on_Network_webSocketFrameReceived(self, told: dict[str, Any]) -> None:
        if told["response"]["opcode"] == 2:
            self._stream.feed(base64.b64decode(told["response"]["payloadData"]))

    def _on_Log_entryAdded(self, told: dict[str, Any]) -> None:
        self.complaints.append(told["entry"]["text"])

    def _on_Runtime_exceptionThrown(self, told: dict[str, Any]) -> None:
        self.complaints.append(told["exceptionDetails"]["text"])


@asynccontextmanager
async def opened(folder: Path, url: str) -> AsyncIterator[Page]:
    """A page of a browser of its own, at this address; all of it is ended at the end."""
    process = subprocess.Popen(
        [CHROMIUM, *OPTIONS, f"--user-data-dir={folder}", "about:blank"],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        env={**os.environ, "HOME": str(folder), "XDG_CONFIG_HOME": str(folder), "XDG_CACHE_HOME": str(folder)},
    )
    try:
        assert process.stderr is not None
        said = (line.strip() for line in process.stderr)
        devtools = next(line for line in said if line.startswith("DevTools listening on ")).split()[-1]
        async with aiohttp.ClientSession() as session, session.ws_connect(devtools, max_msg_size=0) as browser:
            page = await _open(browser)
            for domain in ("Network", "Page", "Runtime", "Log"):
                await page.call(f"{domain}.enable")
            await page.call("Page.navigate", url=url)
            yield page
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()


async def _open(browser: aiohttp.ClientWebSocketResponse) -> Page:
    async def call(number: int, method: str, **parameters: Any) -> Any:
        await browser.send_json({"id": number, "method": method, "params": parameters})
        while (said := await browser.receive_json()).get("id") != number:
            pass
        return said["result"]

    target = await call(-1, "Target.createTarget", url="about:blank")
    attached = await call(-2, "Target.attachToTarget", targetId=target["targetId"], flatten=True)
    return Page(browser, attached["sessionId"])


def _pixels(png: bytes) -> list[bytes]:
    """The pixels of a picture of 8 bits a colour."""
    width, height, _, kind = struct.unpack(">IIBB", png[16:26])
    size = {2: 3, 6: 4}[kind]
    raw = zlib.decompress(b"".join(_pieces(png)))
    above, pixels = bytearray(width * size), []
    for row in range(height):
        start = row * (width * size + 1)
        above = _unfilter(raw[start], bytearray(raw[start + 1 : start + 1 + width * size]), above, size)
        pixels += [bytes(above[place : place + size]) for place in range(0, len(above), size)]
    return pixels


def _pieces(png: bytes) -> list[bytes]:
    place, found = 8, []
    while place < len(png):
        length, kind = struct.unpack(">I4s", png[place : place + 8])
        if kind == b"IDAT":
            found.append(png[place + 8 : place + 8 + length])
        place += length + 12
    return found


def _unfilter(kind: int, line: bytearray, above: bytearray, size: int) -> bytearray:
    for place in range(len(line)):
        left = line[place - size] if place >= size else 0
        up, corner = above[place], above[place - size] if place >= size else 0
        guess = left + up - corner
        nearest = min((left, up, corner), key=lambda colour: abs(guess - colour))
        line[place] = (line[place] + (0, left, up, (left + up) // 2, nearest)[kind]) & 255
    return line
