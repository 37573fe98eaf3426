"""The reader of every remote object: fetches ranges on demand and checks each of them."""

from __future__ import annotations

import io
import re
from collections import deque
from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from shared.errors import StorageUnavailable
from shared.storage.protocol import ObjectStat
from shared.storage.retries import Interrupted, RetryPolicy

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

BLOCK_BYTES = 64 * 1024
LARGEST_FETCH_BYTES = 8 << 20
# The window grows to this share of the bytes read in sequence, so the unused bytes stay in
# proportion.
_AHEAD = 8
_WINDOWS_KEPT = 4
_CONTENT_RANGE = re.compile(r"bytes (\d+)-(\d+)/(\d+|\*)")


@dataclass(frozen=True, slots=True)
class RangeBody:
    """A response in progress: its bytes in order; the first one is at `start` in the object."""

    start: int
    chunks: Iterator[bytes]


class Ranges(Protocol):
    """One version of one remote object."""

    def fetch(self, start: int, stop: int) -> AbstractContextManager[RangeBody]:
        """Ask once for the bytes from `start` up to `stop`, both within the object.

        Raises `Interrupted` for a transient fault, on entering or while the caller reads the
        chunks; `ObjectChanged` or `ObjectMissing` if that version no longer exists.
        """
        ...


def body_start(status: int, content_range: str | None, start: int, stop: int, size: int) -> int:
    """The offset of the response's first byte. Raises `Interrupted` for any other range.

    A server may ignore the range and send everything (200), or send less than requested.
    """
    if status == 200:
        return 0
    found = _CONTENT_RANGE.fullmatch(content_range or "")
    if status != 206 or found is None:
        raise Interrupted(f"status {status} with the range {content_range!r}")
    first, last, total = int(found[1]), int(found[2]), found[3]
    if first != start or not first <= last < stop or total not in ("*", str(size)):
        raise Interrupted(f"asked for bytes {start}-{stop - 1}/{size}, got {content_range!r}")
    return first


class RangedReader(io.RawIOBase):
    """A seekable reader of one version of an object.

    Reads 64 KiB ahead, more when the caller reads sequentially, and keeps the last few windows.
    `bytes_fetched` counts the bytes received. Not for use by several threads at once.
    """

    def __init__(
        self,
        ranges: Ranges,
        stat: ObjectStat,
        policy: RetryPolicy,
        *,
        block_bytes: int = BLOCK_BYTES,
        largest_window_bytes: int = 1 << 20,
    ) -> None:
        super().__init__()
        self.stat = stat
        self.bytes_fetched = 0
        self._ranges = ranges
        self._policy = policy
        self._block_bytes = block_bytes
        self._largest_window_bytes = largest_window_bytes
        self._position = 0
        self._windows: deque[tuple[int, bytes]] = deque(maxlen=_WINDOWS_KEPT)
        self._sequence_start = self._sequence_end = 0

    def readable(self) -> bool:
        """See `io.IOBase.readable`."""
        return True

    def seekable(self) -> bool:
        """See `io.IOBase.seekable`."""
        return True

    def tell(self) -> int:
        """See `io.IOBase.tell`."""
        self._check_open()
        return self._position

    def seek(self, offset: int, whence: int = io.SEEK_SET, /) -> int:
        """See `io.IOBase.seek`."""
        self._check_open()
        bases = {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: self.stat.size_bytes}
        if whence not in bases:
            raise ValueError(f"whence must be 0, 1 or 2, not {whence}")
        if bases[whence] + offset < 0:
            raise ValueError(f"seek to {bases[whence] + offset}, before the start")
        self._position = bases[whence] + offset
        return self._position

    def readinto(self, buffer: WriteableBuffer, /) -> int:
        """See `io.RawIOBase.readinto`. May fill only part of the buffer; 0 only at the end.

        Raises `StorageUnavailable`, `ObjectChanged` or `ObjectMissing`.
        """
        self._check_open()
        target = memoryview(buffer).cast("B")
        wanted = min(len(target), self.stat.size_bytes - self._position)
        if wanted <= 0:
            return 0
        start, data = self._window(wanted)
        found = memoryview(data)[self._position - start :][:wanted]
        target[: len(found)] = found
        self._position += len(found)
        return len(found)

    def _check_open(self) -> None:
        if self.closed:
            raise ValueError("read of a closed object")

    def _window(self, wanted: int) -> tuple[int, bytes]:
        """The cached or fetched bytes from the position on; at least one."""
        for start, data in self._windows:
            if start <= self._position < start + len(data):
                return start, data
        start = self._position
        if start != self._sequence_end:
            self._sequence_start = start
        ahead = (start - self._sequence_start) // _AHEAD
        length = max(wanted, self._block_bytes, min(ahead, self._largest_window_bytes))
        stop = min(start + min(length, LARGEST_FETCH_BYTES), self.stat.size_bytes)
        window = (start, self._fetch(start, stop))
        self._sequence_end = stop
        if stop - start > self._largest_window_bytes:
            self._windows.clear()  # A bulk reader does not go back.
        self._windows.append(window)
        return window

    def _fetch(self, start: int, stop: int) -> bytes:
        received = bytearray()
        try:
            self._policy.retries()(self._receive, received, start, stop)
        except Interrupted as fault:
            raise StorageUnavailable(
                self.stat.url,
                f"bytes {start}-{stop - 1} could not be read in {self._policy.attempts} attempts: "
                f"{fault}",
            ) from fault
        return bytes(received)

    def _receive(self, received: bytearray, start: int, stop: int) -> None:
        """Continue after the last attempt's bytes. Raises `Interrupted` if some are missing."""
        missing_from = start + len(received)
        with self._ranges.fetch(missing_from, stop) as body:
            surplus = missing_from - body.start
            for chunk in body.chunks:
                self.bytes_fetched += len(chunk)
                useful = chunk[surplus:] if surplus else chunk
                surplus = max(0, surplus - len(chunk))
                received += useful[: stop - start - len(received)]
                if len(received) == stop - start:
                    return
        raise Interrupted(f"the answer ended after {len(received)} of {stop - start} bytes")
