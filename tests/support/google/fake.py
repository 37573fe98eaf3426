"""Google's APIs on loopback: verbs, paths, parameters and answers fit Google's own description."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from shared.domain.documents import Json
from tests.support.google.discovery import Method, methods

TOKEN = "a-token"
PAGE_ITEMS = 5


@dataclass
class GoogleFake:
    """Answers by address, like `pubsub.googleapis.com/v1/projects/p/topics`; 404 for all others.

    `refusals`: statuses and bodies that replace answers. `complaints`: requests that did not fit.
    """

    answers: dict[str, Json]
    refusals: dict[str, tuple[int, Json]] = field(default_factory=dict)
    signs_in: bool = True
    busy: int = 0
    asked: list[str] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)
    url: str = ""

    def answer(self, verb: str, target: str) -> tuple[int, Json]:
        """Status and body."""
        parts = urlsplit(target)
        address = parts.path.lstrip("/")
        query = parse_qs(parts.query)
        self.asked.append(f"{verb} {unquote(address)}")
        if self.busy:
            self.busy -= 1
            return 503, refusal(503, "The service is currently unavailable.")[1]
        method = self._method(verb, address, query)
        if method is None:
            return 404, {}
        key = unquote(address) + _metric(query)
        for known, (status, body) in self.refusals.items():
            if key.startswith(known):
                return status, body
        if key not in self.answers:
            return 404, refusal(404, "Requested entity was not found.")[1]
        return 200, self._page(method, self.answers[key], query)

    def _method(self, verb: str, address: str, query: dict[str, list[str]]) -> Method | None:
        host, _, path = address.partition("/")
        for method in methods().get(host, []):
            if method.verb == verb and method.path.fullmatch(f"/{path}"):
                for name in method.wrong(set(query)):
                    self.complaints.append(f"{method.id} has no parameter {name}")
                return method
        self.complaints.append(f"there is no method {verb} {address}")
        return None

    def _page(self, method: Method, whole: Json, query: dict[str, list[str]]) -> Json:
        if query.get("alt") == ["media"]:
            return whole
        self.complaints.extend(method.misfits(whole))
        lists = [key for key, value in whole.items() if isinstance(value, list)]
        if "pageToken" not in method.parameters or len(lists) != 1:
            return whole
        first = int(query.get("pageToken", ["0"])[0])
        items = whole[lists[0]]
        page = whole | {lists[0]: items[first : first + PAGE_ITEMS]}
        if first + PAGE_ITEMS < len(items):
            page["nextPageToken"] = str(first + PAGE_ITEMS)
        return page


def _metric(query: dict[str, list[str]]) -> str:
    """The last word of the metric that a filter of Monitoring names."""
    return "".join(re.findall(r'metric\.type="[^"]*/(\w+)"', query.get("filter", [""])[0]))


def refusal(status: int, message: str, **details: Any) -> tuple[int, Json]:
    """An error in Google's form."""
    error: Json = {"code": status, "message": message}
    if details:
        error["details"] = [{"@type": "type.googleapis.com/google.rpc.ErrorInfo", **details}]
    return status, {"error": error}


@contextmanager
def serving(fake: GoogleFake) -> Iterator[GoogleFake]:
    """Serve it on a free port of loopback."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        wbufsize = -1  # one packet for head and body

        def do_GET(self) -> None:
            self._answer("GET")

        def do_POST(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length", 0)))
            self._answer("POST")

        def _answer(self, verb: str) -> None:
            status, body = self._found(verb)
            content = json.dumps(body).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json; charset=UTF-8")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def _found(self, verb: str) -> tuple[int, Json]:
            if self.path == "/token":
                if not fake.signs_in:
                    return 400, {
                        "error": "invalid_grant",
                        "error_description": "Invalid signature.",
                    }
                return 200, {"access_token": TOKEN, "expires_in": 3600, "token_type": "Bearer"}
            if self.headers.get("Authorization") != f"Bearer {TOKEN}":
                return refusal(401, "Request had invalid authentication credentials.")
            return fake.answer(verb, self.path)

        def log_message(self, *_: object) -> None:
            """Log nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    fake.url = f"http://127.0.0.1:{server.server_port}"
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    try:
        yield fake
    finally:
        server.shutdown()
        server.server_close()
