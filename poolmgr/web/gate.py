"""Who may speak to ``poolmgr serve``: pure rules, no I/O.

A page on any web site can have its reader's browser send requests to a port of loopback, and open a WebSocket there;
and a name of that site's may be made to mean 127.0.0.1. So being on the same machine proves nothing:

    Host      one of the names of loopback, with this port       against names that were made to mean it
    Origin    this address; a WebSocket must bring it            against pages of other sites
    token     at the door, in the address that was printed       against other users of the machine
    cookie    on every other request, under a path of its own    against other ports, which get a host's cookies too
"""

from __future__ import annotations

import hmac
import secrets
from dataclasses import dataclass

#: Under which a browser keeps the pass.
COOKIE = "poolmgr"
#: The names of loopback that a browser may be pointed at.
NAMES = ("127.0.0.1", "localhost")


@dataclass(frozen=True, slots=True)
class Asked:
    """What a request says of who it comes from; None for what it does not say."""

    path: str
    host: str | None
    origin: str | None
    token: str | None = None
    cookie: str | None = None
    websocket: bool = False


@dataclass(frozen=True, slots=True)
class Gate:
    """The secrets of one ``poolmgr serve``.

    Attributes:
        port: The port it listens on.
        token: Opens the front door, ``/``.
        cookie: Opens all that is behind it.
        folder: The path of that. Secret too: a browser sends a cookie to every port of a host, but only under its path.
    """

    port: int
    token: str
    cookie: str
    folder: str

    @classmethod
    def new(cls, port: int) -> Gate:
        """A gate with secrets of its own."""
        return cls(port, secrets.token_urlsafe(32), secrets.token_urlsafe(32), f"/{secrets.token_urlsafe(16)}")

    @property
    def hosts(self) -> tuple[str, ...]:
        """What ``Host`` may say."""
        # Browsers leave the port out that is http's own.
        return tuple(f"{name}:{self.port}" for name in NAMES) + (NAMES if self.port == 80 else ())

    @property
    def address(self) -> str:
        """What is printed: the front door with its token."""
        return f"http://{NAMES[0]}:{self.port}/?token={self.token}"

    def refusal(self, asked: Asked) -> str:
        """Why a request is refused, in a sentence; empty if it may pass."""
        if asked.host not in self.hosts:
            return "this is not the address that poolmgr serve printed"
        if asked.origin is None:
            if asked.websocket:
                return "a WebSocket has to say where it comes from"
        elif asked.origin != f"http://{asked.host}":
            return "a page of another site may not speak to poolmgr serve"
        given, wanted = (asked.token, self.token) if asked.path == "/" else (asked.cookie, self.cookie)
        if not _same(given, wanted):
            return "open the address that poolmgr serve printed, with its token"
        return ""


def _same(given: str | None, wanted: str) -> bool:
    # Bytes: compare_digest() refuses texts that are not ASCII.
    return given is not None and hmac.compare_digest(given.encode("utf-8", "surrogateescape"), wanted.encode())
