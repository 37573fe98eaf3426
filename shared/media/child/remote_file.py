"""Inside the child: a file object over the loopback URL that fetches only the ranges it needs."""

from __future__ import annotations

import http.client
import io
from urllib.parse import urlsplit

_SMALLEST_FETCH = 64 * 1024
_LARGEST_FETCH = 1024 * 1024
_READ_AHEAD_SHARE = 8
_KEPT_BLOCKS = 8


class RemoteFile(io.RawIOBase):
    """Seekable reads of an HTTP resource.

    A fetch is at least 64 KiB and grows with an unbroken run of reads to an eighth of that run, at
    most 1 MiB. Long reads therefore need few requests, and short reads waste little.
    """

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self._path = parts.path
        self._connection = http.client.HTTPConnection(parts.netloc, timeout=300)
        self._position = 0
        self._run_start = 0
        self._blocks: list[tuple[int, bytes]] = []
        self.size = self._length()

    def _length(self) -> int:
        self._connection.request("HEAD", self._path)
        response = self._connection.getresponse()
        response.read()
        if response.status != 200:
            raise OSError(f"the source answered {response.status}")
        return int(response.headers["Content-Length"])

    def readable(self) -> bool:
        """Always True."""
        return True

    def seekable(self) -> bool:
        """Always True."""
        return True

    def tell(self) -> int:
        """The position of the next read."""
        return self._position

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Move the position without fetching."""
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: self.size}[whence]
        self._position = max(0, base + offset)
        return self._position

    def read(self, size: int = -1) -> bytes:
        """At most `size` bytes; fewer at the end of a fetched block, b"" at the end of the file."""
        if self._position >= self.size or size == 0:
            return b""
        start, block = self._block_at(self._position)
        offset = self._position - start
        chunk = block[offset:] if size < 0 else block[offset : offset + size]
        self._position += len(chunk)
        return chunk

    def _block_at(self, position: int) -> tuple[int, bytes]:
        for start, block in self._blocks:
            if start <= position < start + len(block):
                return start, block
        follows = any(start + len(block) == position for start, block in self._blocks)
        if not follows:
            self._run_start = position
        wanted = (position - self._run_start) // _READ_AHEAD_SHARE
        size = min(_LARGEST_FETCH, max(_SMALLEST_FETCH, wanted))
        block = self._fetch(position, min(self.size, position + size))
        self._blocks = [*self._blocks[-_KEPT_BLOCKS + 1 :], (position, block)]
        return position, block

    def _fetch(self, start: int, end: int) -> bytes:
        self._connection.request("GET", self._path, headers={"Range": f"bytes={start}-{end - 1}"})
        response = self._connection.getresponse()
        block = response.read()
        if response.status != 206 or len(block) != end - start:
            raise OSError(f"the source answered {response.status} with {len(block)} bytes")
        return block
