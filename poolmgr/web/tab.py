"""One open page: the process of ``poolmgr attach`` that draws it, and how that ends.

    browser  --keys-->  WebSocket  -->  Tab  -->  stdin of attach
             <-bytes--             <--       <--  stdout; its stderr is what it says last

The process hears of its end by the end of its stdin, which comes also when ``poolmgr serve`` is killed.

Thread: the event loop's.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import shlex
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import Sequence
from typing import Any

from aiohttp import web
from textual_serve.app_service import AppService
from textual_serve.download_manager import DownloadManager

from poolmgr.errors import describe_exit

#: Seconds that a screen has to leave by itself.  It takes a tenth of one, and seconds where the machine swaps.
LEAVE = 3.0
#: Most characters of what a screen says on stderr that are shown: a traceback's end.
MOST_WORDS = 4000
#: The line after which a screen speaks in packets.
PRELUDE = b"__GANGLION__\n"
#: A terminal's size that a screen is told, in columns and lines.
SMALLEST, LARGEST = 1, 1000
#: Out of the other screen, no mouse, a cursor, nothing on the screen.
PLAIN = "\x1b[?1049l\x1b[?1000l\x1b[?1003l\x1b[?25h\x1b[2J\x1b[H"


class Tab(AppService):
    """The screen of one page, from :meth:`start` to :meth:`stop`.

    Args:
        command: What draws it.
        socket: The page's.
        downloads: Where files are fetched that the screen gives to the browser.
        folder: The path under which that is.
    """

    _process: Process | None
    _task: asyncio.Task[None] | None

    def __init__(
        self, command: Sequence[str], socket: web.WebSocketResponse, downloads: DownloadManager, folder: str
    ) -> None:
        super().__init__(
            shlex.join(command),
            write_bytes=self._send_bytes,
            write_str=self._send_text,
            close=_leave_open,
            download_manager=downloads,
        )
        self._arguments = tuple(command)
        self._socket = socket
        self._folder = folder
        #: What the screen said on stderr, once it has ended.
        self._words = ""

    async def start(self, width: int, height: int) -> None:
        """Start the screen at this size."""
        await self._open_app_process(_size(width), _size(height))
        self._task = asyncio.create_task(self.run())

    async def over(self) -> None:
        """Wait until the screen has ended by itself."""
        assert self._task is not None
        await asyncio.wait((self._task,))

    async def stop(self) -> None:
        """End the screen: it is asked to leave, and killed if it does not."""
        process, task = self._process, self._task
        if process is None or task is None:
            return
        await self._download_manager.cancel_app_downloads(app_service_id=self.app_service_id)
        self.stdin.close()
        _, late = await asyncio.wait((task,), timeout=LEAVE)
        if late:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            # It may stand in a write to a page that reads no more.
            task.cancel()
            await asyncio.wait((task,))
        await process.wait()

    async def run(self) -> None:
        """Hand on what the screen draws, until it has ended."""
        process = self._process
        assert process is not None
        assert process.stdout is not None
        assert process.stderr is not None
        words = asyncio.create_task(_tail(process.stderr))
        strange = ""
        try:
            try:
                # It ends in the middle of a packet when it is killed.
                with contextlib.suppress(asyncio.IncompleteReadError):
                    await self._hand_on(process.stdout)
            except ValueError as error:
                # Nobody can tell where the next packet begins: the page would stand as it is for ever.
                strange = f"the screen was ended: it wrote what is no packet ({error})\n"
                with contextlib.suppress(ProcessLookupError):
                    process.kill()
            self._words = strange + await words
            await process.wait()
        finally:
            words.cancel()

    async def say_last_words(self) -> None:
        """Leave the page with what the screen said last, as it would stand in a terminal."""
        assert self._process is not None
        code = self._process.returncode
        words = self._words.strip()
        if not words and code:
            words = f"the screen {describe_exit(code)}"
        await self._send_bytes((PLAIN + _harmless(words)).encode())

    async def set_terminal_size(self, width: int, height: int) -> None:
        """Tell the screen how large the page is."""
        await super().set_terminal_size(_size(width), _size(height))

    async def _open_app_process(self, width: int = 80, height: int = 24) -> Process:
        environment = self._build_environment(width, height)
        # The very same modules as here: -P and this path in place of the folder that this was started in.
        environment["PYTHONPATH"] = os.pathsep.join(map(os.path.abspath, sys.path))
        self._process = process = await asyncio.create_subprocess_exec(
            *self._arguments,
            stdin=PIPE,
            stdout=PIPE,
            stderr=PIPE,
            env=environment,
            # Ctrl-C is for who serves: the pages hear of it from there.
            process_group=0,
        )
        self._stdin = process.stdin
        return process

    async def _hand_on(self, drawn: asyncio.StreamReader) -> None:
        while (line := await drawn.readline()) != PRELUDE:
            if not line:
                return
        while True:
            kind = await drawn.readexactly(1)
            payload = await drawn.readexactly(int.from_bytes(await drawn.readexactly(4)))
            if kind == b"D":
                await self.on_data(payload)
            elif kind == b"M" and json.loads(payload).get("type") == "deliver_file_start":
                await self.on_meta(payload)
            elif kind == b"P":
                await self.on_packed(payload)
            elif kind != b"M":
                raise ValueError(f"a packet of kind {kind!r}")

    async def _send_bytes(self, data: bytes) -> None:
        # A page that was closed in the middle: the screen is being ended.
        with contextlib.suppress(ConnectionError):
            await self._socket.send_bytes(data)

    async def _send_text(self, text: str) -> None:
        kind, key = json.loads(text)
        if kind == "deliver_file_start":
            # The page's script looks for files under /download/ of the host, where the cookie does not go.
            key = f"..{self._folder}/download/{key}"
        with contextlib.suppress(ConnectionError):
            await self._socket.send_str(json.dumps([kind, key]))


async def _leave_open() -> None:
    """The page is closed once the screen has ended, with its last words."""


async def _tail(stream: asyncio.StreamReader) -> str:
    """The end of what is written, which is read to its end, so that nobody waits to write it."""
    kept = b""
    while chunk := await stream.read(65536):
        kept = (kept + chunk)[-MOST_WORDS:]
    return kept.decode(errors="replace")


def _harmless(text: str) -> str:
    """Lines that move no cursor, as a terminal wants them to end."""
    lines = ("".join(each if each.isprintable() else "?" for each in line) for line in text.splitlines())
    return "\r\n".join(lines)


def _size(given: Any) -> int:
    return max(SMALLEST, min(int(given), LARGEST))
