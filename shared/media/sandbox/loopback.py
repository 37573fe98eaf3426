"""A loopback HTTP server that serves one stored object to media children, range by range."""

from __future__ import annotations

import secrets
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from io import RawIOBase

from shared.errors import StorageError

_SMALLEST_READ = 64 * 1024
_LARGEST_READ = 1024 * 1024
_READ_AHEAD_SHARE = 8
_SOCKET_BUFFER = 64 * 1024


class RemoteInput:
    """A stored object behind a loopback server; keeps the store's first error."""

    def __init__(self, open_object: Callable[[], RawIOBase], size_bytes: int) -> None:
        self.location = ""
        self.size_bytes = size_bytes
        self.token = secrets.token_urlsafe(24)
        self.storage_error: StorageError | None = None
        self._open_object = open_object
        self._lock = threading.Lock()
        self._bytes_read = 0

    @property
    def bytes_read(self) -> int:
        """Bytes fetched from the store so far."""
        return self._bytes_read

    def open(self) -> RawIOBase:
        """A new reader of the object."""
        with self._keep_storage_error():
            return self._open_object()

    def chunks(
        self, reader: RawIOBase, start: int, end: int, *, all_wanted: bool
    ) -> Iterator[bytes]:
        """The bytes [start, end): in large reads if `all_wanted`, else in reads that grow.

        ffmpeg requests everything from a position on and hangs up when it has enough.
        """
        smallest = _LARGEST_READ if all_wanted else _SMALLEST_READ
        position = start
        with self._keep_storage_error():
            reader.seek(start)
            while position < end:
                ahead = (position - start) // _READ_AHEAD_SHARE
                size = min(_LARGEST_READ, max(smallest, ahead), end - position)
                chunk = reader.read(size)
                if not chunk:
                    raise OSError(f"the object ended at {position}, {end} was promised")
                with self._lock:
                    self._bytes_read += len(chunk)
                position += len(chunk)
                yield chunk

    @contextmanager
    def _keep_storage_error(self) -> Iterator[None]:
        try:
            yield
        except StorageError as error:
            self.storage_error = self.storage_error or error
            raise


@contextmanager
def serve_input(source: RemoteInput) -> Iterator[RemoteInput]:
    """Serve `source` until the block ends, then raise the store's first error, if any."""
    server = _Server(source)
    host, port = str(server.server_address[0]), server.server_address[1]
    source.location = f"http://{host}:{port}/{source.token}"
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield source
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
        if source.storage_error is not None:
            raise source.storage_error


class _Server(ThreadingHTTPServer):
    """Serves one object under an unguessable path, on the loopback address only."""

    daemon_threads = True
    block_on_close = False

    def __init__(self, source: RemoteInput) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.source = source

    def handle_error(self, request: object, client_address: object) -> None:
        """Ignore it: a child may close early, and the source keeps the store's errors."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server

    def setup(self) -> None:
        # The buffer is small because bytes that the child never reads cost a fetch all the same.
        self.request.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _SOCKET_BUFFER)
        self._reader: RawIOBase | None = None
        super().setup()

    def finish(self) -> None:
        super().finish()
        if self._reader is not None:
            self._reader.close()

    def do_HEAD(self) -> None:
        self._answer(body=False)

    def do_GET(self) -> None:
        self._answer(body=True)

    def _answer(self, *, body: bool) -> None:
        source = self.server.source
        if not secrets.compare_digest(self.path.encode(), f"/{source.token}".encode()):
            self.send_error(404)
            return
        span = parse_range(self.headers.get("Range"), source.size_bytes)
        if span is None:
            self.send_response(416)
            self.send_header("Content-Range", f"bytes */{source.size_bytes}")
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        self._send(source, *span, body=body)

    def _send(self, source: RemoteInput, start: int, end: int, *, body: bool) -> None:
        self.send_response(206 if "Range" in self.headers else 200)
        self.send_header("Accept-Ranges", "bytes")
        self.send_header("Content-Type", "application/octet-stream")
        self.send_header("Content-Length", str(end - start))
        if "Range" in self.headers:
            self.send_header("Content-Range", f"bytes {start}-{end - 1}/{source.size_bytes}")
        self.end_headers()
        if not body:
            return
        try:
            # One reader per connection: opening may cost the store a request.
            self._reader = self._reader or source.open()
            all_wanted = not self.headers.get("Range", "").endswith("-")
            for chunk in source.chunks(self._reader, start, end, all_wanted=all_wanted):
                self.wfile.write(chunk)
        except (OSError, StorageError):
            self.close_connection = True

    def log_message(self, *_: object) -> None:
        """Log nothing."""


def parse_range(header: str | None, size: int) -> tuple[int, int] | None:
    """[start, end) of a Range header with one range; None if it is unsatisfiable.

    Without a header, or with one that cannot be parsed (RFC 9110 §14.2), the whole object.
    """
    if header is None or not header.startswith("bytes=") or "," in header:
        return 0, size
    first, _, last = header.removeprefix("bytes=").strip().partition("-")
    if not (first or last) or not (first + last).isascii() or not (first + last).isdigit():
        return 0, size
    if not first:
        start, end = max(0, size - int(last)), size
    else:
        start, end = int(first), min(size, int(last) + 1) if last else size
    return (start, end) if start < end else None
