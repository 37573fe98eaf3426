"""Signed URLs for objects that are files; this process serves them on the loopback interface."""

from __future__ import annotations

import hashlib
import hmac
import json
import re
import secrets
import tempfile
import threading
import time
from collections.abc import Callable
from functools import partial
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, quote, urlencode, urlsplit

from shared.errors import Reject, StorageError
from shared.storage.protocol import Storage

_BLOCK_BYTES = 1 << 20
_RANGE = re.compile(r"bytes=(\d+)-(\d*)")


class LinkServer:
    """Signs and answers requests for one store, with a key that only this process knows."""

    def __init__(self, storage: Storage) -> None:
        self._key = secrets.token_bytes(32)
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), partial(_Handler, self, storage))
        self._server.daemon_threads = True
        threading.Thread(
            target=self._server.serve_forever, args=(0.1,), name="signed-urls", daemon=True
        ).start()

    def sign(self, method: str, url: str, content_type: str | None, expires_seconds: int) -> str:
        """The URL that allows this method on the object until it expires."""
        expires = int(time.time()) + expires_seconds
        query = {
            "object": url,
            "expires": str(expires),
            "signature": self._signature(method, url, content_type, expires),
        }
        # The path shows people the name; only the query counts.
        shown = quote(url.rpartition("/")[2], safe="%")
        return f"http://127.0.0.1:{self._server.server_port}/{shown}?{urlencode(query)}"

    def permitted_url(
        self, method: str, query: dict[str, str], content_type: str | None
    ) -> str | None:
        """The URL of the object that the request may access, or None."""
        url, expires = query.get("object", ""), query.get("expires", "")
        if not expires.isdecimal() or time.time() >= int(expires):
            return None
        expected = self._signature(method, url, content_type, int(expires))
        return url if hmac.compare_digest(expected, query.get("signature", "")) else None

    def close(self) -> None:
        """Stop answering."""
        self._server.shutdown()
        self._server.server_close()

    def _signature(self, method: str, url: str, content_type: str | None, expires: int) -> str:
        meant = json.dumps([method, url, content_type, expires]).encode()
        return hmac.new(self._key, meant, hashlib.sha256).hexdigest()


class _Handler(BaseHTTPRequestHandler):
    def __init__(self, links: LinkServer, storage: Storage, *rest: object) -> None:
        self._links = links
        self._storage = storage
        super().__init__(*rest)  # type: ignore[arg-type]

    def do_GET(self) -> None:
        """Answer with the object, or with the one range that the client asked for."""
        url = self._url("GET", None)
        if url is not None:
            self._respond(self._send, url)

    def do_PUT(self) -> None:
        """Store the body as the object."""
        url = self._url("PUT", self.headers.get("Content-Type"))
        if url is not None:
            self._respond(self._receive, url)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 (its name there)
        """Log nothing: the request line is a secret."""

    def _url(self, method: str, content_type: str | None) -> str | None:
        query = {name: values[0] for name, values in parse_qs(urlsplit(self.path).query).items()}
        url = self._links.permitted_url(method, query, content_type)
        if url is None:
            self.send_error(HTTPStatus.FORBIDDEN, "The signature is wrong or has expired")
        return url

    def _respond(self, answer: Callable[[str], None], url: str) -> None:
        try:
            answer(url)
        except (StorageError, Reject):
            self.send_error(HTTPStatus.NOT_FOUND)

    def _send(self, url: str) -> None:
        stat = self._storage.stat(url)
        asked = _RANGE.fullmatch(self.headers.get("Range", ""))
        start = int(asked[1]) if asked else 0
        stop = min(int(asked[2]) + 1 if asked and asked[2] else stat.size_bytes, stat.size_bytes)
        if asked and start >= stop:
            return self.send_error(HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE)
        with self._storage.open(url, generation=stat.generation) as reader:
            self.send_response(HTTPStatus.PARTIAL_CONTENT if asked else HTTPStatus.OK)
            if asked:
                self.send_header("Content-Range", f"bytes {start}-{stop - 1}/{stat.size_bytes}")
            self.send_header("Accept-Ranges", "bytes")
            self.send_header("Content-Type", stat.content_type or "application/octet-stream")
            self.send_header("Content-Length", str(stop - start))
            self.end_headers()
            reader.seek(start)
            while start < stop and (block := reader.read(min(_BLOCK_BYTES, stop - start))):
                self.wfile.write(block)
                start += len(block)
        return None

    def _receive(self, url: str) -> None:
        left = int(self.headers.get("Content-Length", "-1"))
        if left < 0:
            return self.send_error(HTTPStatus.LENGTH_REQUIRED)
        with tempfile.NamedTemporaryFile() as file:
            while left and (block := self.rfile.read(min(_BLOCK_BYTES, left))):
                file.write(block)
                left -= len(block)
            if left:
                return self.send_error(HTTPStatus.BAD_REQUEST, "The body ended early")
            file.flush()
            self._storage.upload(Path(file.name), url)
        self.send_response(HTTPStatus.OK)
        self.send_header("Content-Length", "0")
        self.end_headers()
        return None
