"""An HTTP proxy before a store's server that spoils the answers to ranged reads on request."""

from __future__ import annotations

import http.client
import re
import threading
from collections.abc import Callable, Iterable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

from tests.support.patience import PATIENCE_SECONDS

Headers = list[tuple[str, str]]
_HOP = {"connection", "transfer-encoding", "content-length", "keep-alive"}


class Broken(Exception):
    """Raised to cut the connection without an answer."""


class FaultProxy:
    """Applies `faults` to ranged reads, one to each, in order; later answers are whole."""

    def __init__(self, upstream: str) -> None:
        self.upstream = urlsplit(upstream)
        self.pending: list[Fault] = []
        self.always: Fault | None = None
        self.ranged_reads = 0
        self.lock = threading.Lock()
        handler = type("Handler", (_Handler,), {"proxy": self})
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()
        self.endpoint = f"http://127.0.0.1:{self._server.server_port}"

    def plan(self, faults: Iterable[Fault]) -> None:
        """Spoil the next ranged reads with these faults."""
        self.pending = list(faults)

    def next_fault(self) -> Fault | None:
        """The fault for this ranged read."""
        with self.lock:
            self.ranged_reads += 1
            return self.pending.pop(0) if self.pending else self.always

    def close(self) -> None:
        """Stop answering."""
        self._server.shutdown()
        self._server.server_close()


class Answer:
    """A whole answer; sending ends after `cut` bytes, if given."""

    def __init__(self, status: int, headers: Headers, body: bytes) -> None:
        self.status = status
        self.headers = headers
        self.body = body
        self.length = len(body)
        self.cut: int | None = None

    def set(self, name: str, value: str) -> None:
        """Replace a header."""
        kept = [(n, v) for n, v in self.headers if n.lower() != name.lower()]
        self.headers = [*kept, (name, value)]

    def range(self) -> tuple[int, int, int]:
        """First, last and total of Content-Range."""
        found = {n.lower(): v for n, v in self.headers}["content-range"]
        first, last, total = re.findall(r"\d+", found)
        return int(first), int(last), int(total)


Fault = Callable[[Answer], None]


def status(code: int) -> Fault:
    """An error in place of the answer."""

    def spoil(answer: Answer) -> None:
        answer.status, answer.body = code, b"<Error><Code>SlowDown</Code></Error>"
        answer.headers = [("Content-Type", "application/xml")]
        answer.length = len(answer.body)

    return spoil


def no_answer(answer: Answer) -> None:
    """The connection ends before the answer."""
    raise Broken


def cut(answer: Answer) -> None:
    """The connection ends in the middle of the body."""
    answer.cut = len(answer.body) // 2


def cut_at_once(answer: Answer) -> None:
    """The connection ends after the headers."""
    answer.cut = 0


def short(answer: Answer) -> None:
    """The body is shorter than the range in the headers, and its length agrees with the body."""
    answer.body = answer.body[: len(answer.body) // 3]
    answer.length = len(answer.body)


def shifted(answer: Answer) -> None:
    """Another range than the requested one, with the right label."""
    first, last, total = answer.range()
    answer.set("Content-Range", f"bytes {first + 7}-{last}/{total}")
    answer.body = answer.body[7:]
    answer.length = len(answer.body)


def unlabelled(answer: Answer) -> None:
    """A partial answer without a Content-Range."""
    answer.headers = [(n, v) for n, v in answer.headers if n.lower() != "content-range"]


def other_total(answer: Answer) -> None:
    """A range of an object of another size."""
    first, last, total = answer.range()
    answer.set("Content-Range", f"bytes {first}-{last}/{total + 1}")


def too_long(answer: Answer) -> None:
    """More bytes than the range has."""
    answer.body += b"surplus"
    answer.length = len(answer.body)


class _Handler(BaseHTTPRequestHandler):
    proxy: FaultProxy
    disable_nagle_algorithm = True

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 (its name there)
        pass

    def __getattr__(self, name: str) -> Callable[[], None]:
        if name.startswith("do_"):
            return self.serve
        raise AttributeError(name)

    def serve(self) -> None:
        answer = self.forward()
        if self.command == "GET" and "Range" in self.headers:
            fault = self.proxy.next_fault()
            try:
                if fault is not None:
                    fault(answer)
            except Broken:
                return
        self.send_response(answer.status)
        for name, value in answer.headers:
            self.send_header(name, value)
        self.send_header("Content-Length", str(answer.length))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(answer.body[: answer.cut])

    def forward(self) -> Answer:
        upstream = self.proxy.upstream
        connection = http.client.HTTPConnection(
            upstream.hostname or "", upstream.port, timeout=PATIENCE_SECONDS
        )
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        headers = {
            n: v for n, v in self.headers.items() if n.lower() not in ("connection", "expect")
        }
        connection.request(self.command, self.path, body, headers)
        got = connection.getresponse()
        data = got.read()
        kept = [(n, v) for n, v in got.getheaders() if n.lower() not in _HOP]
        connection.close()
        answer = Answer(got.status, kept, data)
        if self.command == "HEAD":
            answer.length = int(got.getheader("Content-Length") or 0)
        return answer
