"""``poolmgr serve`` while it runs, and a client that speaks to it as a browser would, or as one must not."""

from __future__ import annotations

import subprocess
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from pathlib import Path
from urllib.parse import urlsplit

import aiohttp
import psutil

from tests.helpers.commands import PATIENCE, started
from tests.helpers.wait import wait_until


class Serving:
    """The command, and the address that it printed."""

    def __init__(self, process: subprocess.Popen[str], url: str) -> None:
        self.process = process
        self.url = url
        self.port = urlsplit(url).port or 80
        #: What a browser calls this site.
        self.origin = f"http://127.0.0.1:{self.port}"

    def screens(self) -> list[psutil.Process]:
        """The processes that draw its pages.

        One that is not what it is to be yet is not among them: who stopped it there would stop its parent too, which
        waits for that.
        """
        found = []
        for child in psutil.Process(self.process.pid).children(recursive=True):
            with suppress(psutil.NoSuchProcess):
                if "attach" in child.cmdline():
                    found.append(child)
        return found

    def await_screens(self, number: int) -> None:
        """Wait until so many pages are drawn."""
        wait_until(lambda: len(self.screens()) == number, PATIENCE)


@contextmanager
def serving(*arguments: str, cwd: Path) -> Iterator[Serving]:
    """``poolmgr serve ARGUMENTS``, once it answers."""
    with started("serve", *arguments, cwd=cwd) as process:
        assert process.stdout is not None
        url = process.stdout.readline().strip()
        if not url:
            _, said = process.communicate()
            raise AssertionError(said)
        yield Serving(process, url)


class Client:
    """One that has gone through the door, and so has the cookie and knows the way in."""

    def __init__(self, session: aiohttp.ClientSession, served: Serving, inside: str, cookie: str) -> None:
        self.session = session
        self.served = served
        #: The address of the page.
        self.page = served.origin + inside
        self.cookie = {"Cookie": cookie}

    @asynccontextmanager
    async def tab(self) -> AsyncIterator[aiohttp.ClientWebSocketResponse]:
        """The page's WebSocket."""
        headers = {**self.cookie, "Origin": self.served.origin}
        async with self.session.ws_connect(f"{self.page}ws?width=120&height=30", headers=headers) as tab:
            yield tab


@asynccontextmanager
async def client(served: Serving) -> AsyncIterator[Client]:
    """A client with the cookie. It keeps none by itself."""
    async with aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar()) as session:
        async with session.get(served.url) as answer:
            assert answer.status == 200
            cookie = answer.cookies["poolmgr"]
        yield Client(session, served, cookie["path"], f"poolmgr={cookie.value}")


async def read_until(tab: aiohttp.ClientWebSocketResponse, text: str) -> str:
    """All that a tab is sent until there is ``text`` in it."""
    sent = ""
    async for message in tab:
        sent += message.data.decode(errors="replace") if message.type is aiohttp.WSMsgType.BINARY else ""
        if text in sent:
            return sent
    raise AssertionError(f"it ended without {text!r}: {sent[-2000:]!r}")
