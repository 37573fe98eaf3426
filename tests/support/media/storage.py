"""A store of local files that behaves like a remote one, and can change its objects."""

from __future__ import annotations

import io
import threading
from datetime import UTC, datetime
from pathlib import Path

from shared.errors import ObjectChanged, ObjectMissing
from shared.storage.protocol import ObjectStat


class RemoteStore:
    """Objects by URL, read in ranges only; counts the reads and their bytes."""

    def __init__(self, *, is_local: bool = False) -> None:
        self._files: dict[str, tuple[Path, str]] = {}
        self._is_local = is_local
        self._lock = threading.Lock()
        self.bytes_read = 0
        self.reads = 0
        self.overwrite_after_reads: int | None = None

    def put(self, path: Path, url: str = "gs://bucket/object", generation: str = "1") -> str:
        """Put `path` at `url`."""
        self._files[url] = (path, generation)
        return url

    def remove(self, url: str) -> None:
        """Remove the object at `url`."""
        del self._files[url]

    def stat(self, url: str) -> ObjectStat:
        """The state of the object. Raises ObjectMissing."""
        if url not in self._files:
            raise ObjectMissing(url)
        path, generation = self._files[url]
        return ObjectStat(url, path.stat().st_size, generation, None, datetime.now(UTC))

    def open(self, url: str, *, generation: str | None = None) -> io.RawIOBase:
        """Open the object for reading, at `generation` or the current one."""
        current = generation or self.stat(url).generation
        return _RemoteReader(self, self._files[url][0], url, current)

    def local_path(self, url: str) -> Path | None:
        """The object's file if this store is local, otherwise None."""
        return self._files[url][0] if self._is_local else None

    def note_read(self, url: str, generation: str, size: int) -> None:
        """Count a read. Raises ObjectMissing or ObjectChanged if the object has changed."""
        with self._lock:
            self.reads += 1
            self.bytes_read += size
            if self.overwrite_after_reads is not None and self.reads > self.overwrite_after_reads:
                self.put(self._files[url][0], url, "overwritten")
        found = self.stat(url).generation
        if found != generation:
            raise ObjectChanged(url, generation, found)


class _RemoteReader(io.RawIOBase):
    def __init__(self, store: RemoteStore, path: Path, url: str, generation: str) -> None:
        self._store, self._url, self._generation = store, url, generation
        self._file = path.open("rb")

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        return self._file.seek(offset, whence)

    def read(self, size: int = -1) -> bytes:
        piece = self._file.read(size)
        self._store.note_read(self._url, self._generation, len(piece))
        return piece

    def close(self) -> None:
        self._file.close()
        super().close()
