"""The server of a run's pages: on 127.0.0.1 alone, for GET alone, and for nothing but this run.

Whoever can reach this machine's loopback can read the pages, as with any such page; they hold what the run folder says.
A page of another site cannot: a request whose `Host` is no name of this machine (DNS rebinding) is refused, and what is
served allows no other site to be asked or to embed it.
"""

from __future__ import annotations

import json
import re
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.resources import files
from pathlib import Path

from presage.dashboard import pages
from presage.errors import InvalidArgument, PresageError
from presage.reading import read_bytes
from presage.search.run.status import run_status

__all__ = ["PORT", "serving"]

PORT = 8765
"""Taken where no other is asked for and it is free."""

_HERE = "127.0.0.1"
_NAMES = frozenset({"127.0.0.1", "localhost"})
_LAST_LOOK = 2.5  # seconds: a page asks every two
_KEPT = 1.0  # seconds for which an answer is given again: several browsers cost no more than one
_HEADERS = {
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
}
_OWN = "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; connect-src 'self'"
_REPORT = "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; img-src data:"
_CLOSED = "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"


@contextmanager
def serving(run: Path, port: int | None = None, *, linger: bool = False) -> Iterator[str]:
    """Within the block the pages of a run are served; gives their address.

    Args:
        run: the run folder, which may still be empty.
        port: None for `PORT`, or any that is free.
        linger: stay for one more look of whoever looked just now, so that the end is seen.

    Raises:
        InvalidArgument: the port is taken.
    """
    server = _opened(run, port)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.1}, daemon=True)
    thread.start()
    try:
        yield f"http://{_HERE}:{server.server_port}/"
        if linger and time.monotonic() - server.looked_at < 2 * _LAST_LOOK:
            time.sleep(_LAST_LOOK)
    finally:
        server.shutdown()
        server.server_close()


def _opened(run: Path, port: int | None) -> _Server:
    try:
        return _Server(run, PORT if port is None else port)
    except OSError as error:
        if port is not None:
            rule = "be free on this machine"
            raise InvalidArgument("--port", "presage", rule, port, str(error.strerror)) from None
        return _Server(run, 0)


def _report(run: Path) -> bytes | None:
    """The report of a run, which may be somebody else's: no link of it leads to another file."""
    path = run / "report.html"
    try:
        if not path.is_file() or path.resolve().parent != run.resolve():
            return None
        return read_bytes(path)
    except OSError:
        return None


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, run: Path, port: int) -> None:
        super().__init__((_HERE, port), _Handler)
        self.run = run
        self.looked_at = float("-inf")
        self._kept: dict[str, tuple[float, bytes]] = {}
        self._lock = threading.Lock()

    def content(self, name: str, make: Callable[[], str]) -> bytes:
        """What `make` gives, made anew at most once a second."""
        with self._lock:
            self.looked_at = time.monotonic()
            made_at, found = self._kept.get(name, (float("-inf"), b""))
            if time.monotonic() - made_at > _KEPT:
                found = make().encode()
                self._kept[name] = (time.monotonic(), found)
            return found


class _Handler(BaseHTTPRequestHandler):
    server: _Server
    timeout = 10.0  # seconds for a client that says nothing
    server_version, sys_version = "presage", ""

    def do_GET(self) -> None:
        """The one method there is."""
        host = self.headers.get("Host", "").lower()
        if re.sub(r":\d+$", "", host) not in _NAMES:
            return self._send(HTTPStatus.FORBIDDEN, "text/plain", b"This page is for this machine alone.\n")
        try:
            kind, body, policy = self._answer(self.path.partition("?")[0])
        except PresageError as error:
            return self._send(HTTPStatus.CONFLICT, "text/plain", f"{error}\n".encode())
        if body is None:
            return self._send(HTTPStatus.NOT_FOUND, "text/plain", b"There is no such page.\n")
        return self._send(HTTPStatus.OK, kind, body, policy)

    def _answer(self, path: str) -> tuple[str, bytes | None, str]:
        run, server = self.server.run, self.server
        if path == "/":
            return "text/html", server.content("frame", lambda: pages.frame(run)), _OWN
        if path == "/content":
            return "text/html", server.content("content", lambda: pages.content(run)), _OWN
        if path == "/status.json":
            return "application/json", server.content("status", lambda: json.dumps(run_status(run).to_json())), _OWN
        if path in ("/live.js", "/live.css"):
            kind = "text/javascript" if path.endswith("js") else "text/css"
            return kind, (files("presage.dashboard") / path[1:]).read_bytes(), _OWN
        if path == "/report":
            return "text/html", _report(run), _REPORT
        found = re.fullmatch(r"/network/([0-9a-f]{64})", path)
        page = None if found is None else pages.drawing(run, found[1])
        return "text/html", None if page is None else page.encode(), _OWN

    def _send(self, status: HTTPStatus, kind: str, body: bytes, policy: str = "default-src 'none'") -> None:
        with suppress(OSError):  # who asked has gone
            self.send_response(status)
            headers = {**_HEADERS, "Content-Security-Policy": f"{policy}; {_CLOSED}"}
            headers |= {"Content-Type": f"{kind}; charset=utf-8", "Content-Length": str(len(body))}
            for name, value in headers.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

    def log_message(self, *given: object) -> None:
        """Nothing: stderr is for progress."""
