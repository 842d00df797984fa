"""The web server of ``poolmgr serve``: textual-serve's, with a gate before it and a page of its own.

textual-serve lets any page of any site open its WebSocket and press keys. Here every request passes the gate first
(gate.py), also one for what is not there, and each page is a :class:`~poolmgr.web.tab.Tab`.

    /?token=...          sets the cookie, and sends the browser on
    /SECRET/             the page, and page.js
    /SECRET/ws           its keys, and what it shows
    /SECRET/static/      xterm.js, its style and fonts
    /SECRET/download/    files that a screen gives to the browser

Thread: the event loop's, which is the main thread.  Never: has the pool in its own process.
"""

from __future__ import annotations

import asyncio
import html
import shlex
import socket
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from string import Template

from aiohttp import web
from textual_serve.server import Server, to_int

from poolmgr.web.gate import COOKIE, Asked, Gate
from poolmgr.web.tab import LEAVE, Tab

HERE = Path(__file__).parent
#: Seconds between two questions to a page whether it is there.
HEARTBEAT = 15.0
#: Seconds that a page has to answer that it closes.
CLOSE = 1.0

#: Sends the browser on from the page itself: a redirection of a link on another site would go without the cookie.
DOOR = '<!DOCTYPE html><title>poolmgr</title><meta http-equiv="refresh" content="0;url={0}"><a href="{0}">poolmgr</a>'

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class PoolServer(Server):
    """Serves one command to whoever passes the gate.

    Args:
        command: What draws a page: ``poolmgr attach ...``.
        gate: Who may.
        title: What the page is called.
    """

    def __init__(self, command: Sequence[str], gate: Gate, title: str) -> None:
        super().__init__(shlex.join(command), host="127.0.0.1", port=gate.port, title=title)
        self._arguments = tuple(command)
        self._gate = gate
        self._page = Template((HERE / "page.html").read_text("utf-8"))
        self._tabs: set[Tab] = set()

    @property
    def address(self) -> str:
        """What the operator opens."""
        return self._gate.address

    async def serve_on(self, listener: socket.socket, ended: asyncio.Event, ready: Callable[[], None]) -> None:
        """Serve until ``ended`` is set, then end all pages.

        Args:
            listener: A bound socket.
            ended: Set when it is to end.
            ready: Called once requests are answered.
        """
        runner = web.AppRunner(await self._make_app(), access_log=None, shutdown_timeout=2 * LEAVE)
        await runner.setup()
        try:
            await web.SockSite(runner, listener).start()
            ready()
            await ended.wait()
        finally:
            await runner.cleanup()

    async def _make_app(self) -> web.Application:
        inner = web.Application()
        inner.add_routes(
            [
                web.get("/", self.handle_index),
                web.get("/page.js", self._send_script),
                web.get("/ws", self.handle_websocket),
                web.get("/download/{key}", self.handle_download),
                web.static("/static", self.statics_path),
            ]
        )
        app = web.Application(middlewares=[self._check])
        app.router.add_get("/", self._open_door)
        app.add_subapp(self._gate.folder, inner)
        app.on_response_prepare.append(self._add_headers)
        app.on_shutdown.append(self.on_shutdown)
        return app

    async def on_shutdown(self, app: web.Application) -> None:
        """End all pages."""
        await asyncio.gather(*(tab.stop() for tab in self._tabs))

    @web.middleware
    async def _check(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        asked = Asked(
            request.path,
            request.headers.get("Host"),
            request.headers.get("Origin"),
            token=request.query.get("token"),
            cookie=request.cookies.get(COOKIE),
            websocket="Upgrade" in request.headers,
        )
        if refusal := self._gate.refusal(asked):
            return web.Response(status=403, text=f"poolmgr: {refusal}\n")
        return await handler(request)

    async def _add_headers(self, request: web.Request, response: web.StreamResponse) -> None:
        response.headers.update(
            {
                "Content-Security-Policy": (
                    f"default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; font-src 'self'; "
                    f"img-src data:; connect-src ws://{request.host}; "
                    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
                ),
                "Referrer-Policy": "no-referrer",
                "X-Content-Type-Options": "nosniff",
                "Cross-Origin-Resource-Policy": "same-origin",
                "Cache-Control": "no-store",
            }
        )

    async def _open_door(self, request: web.Request) -> web.Response:
        inside = f"{self._gate.folder}/"
        response = web.Response(text=DOOR.format(inside), content_type="text/html")
        response.set_cookie(COOKIE, self._gate.cookie, path=inside, httponly=True, samesite="Strict")
        return response

    async def handle_index(self, request: web.Request) -> web.Response:
        """The page with the terminal."""
        text = self._page.substitute(title=html.escape(self.title), host=request.host, folder=self._gate.folder)
        return web.Response(text=text, content_type="text/html")

    async def _send_script(self, request: web.Request) -> web.FileResponse:
        return web.FileResponse(HERE / "page.js")

    async def handle_websocket(self, request: web.Request) -> web.WebSocketResponse:
        """A page: it lives as long as its socket and its screen both do."""
        page = web.WebSocketResponse(heartbeat=HEARTBEAT, timeout=CLOSE, compress=False)
        await page.prepare(request)
        tab = Tab(self._arguments, page, self.download_manager, self._gate.folder)
        self._tabs.add(tab)
        try:
            await tab.start(to_int(request.query.get("width", ""), 80), to_int(request.query.get("height", ""), 24))
            keys = asyncio.create_task(self._process_messages(page, tab))
            screen = asyncio.create_task(tab.over())
            await asyncio.wait((keys, screen), return_when=asyncio.FIRST_COMPLETED)
            if screen.done():
                await tab.say_last_words()
        finally:
            await tab.stop()
            await page.close()
            self._tabs.discard(tab)
        # What a page sends that makes no sense ends it, and nothing else.
        await asyncio.gather(keys, screen, return_exceptions=True)
        return page
