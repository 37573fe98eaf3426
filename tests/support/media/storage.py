"""A store whose objects are files, but which says it is far away, and which can change its mind."""

from __future__ import annotations

import io
import threading
from datetime import UTC, datetime
from pathlib import Path

from shared.errors import ObjectChanged, ObjectMissing
from shared.storage.protocol import ObjectStat


class FarStore:
    """Objects by URL, read in ranges only; counts what is read and how often."""

    def __init__(self, *, is_local: bool = False) -> None:
        self._files: dict[str, tuple[Path, str]] = {}
        self._is_local = is_local
        self._lock = threading.Lock()
        self.bytes_read = 0
        self.reads = 0
        self.fail_after_reads: int | None = None

    def put(self, path: Path, url: str = "gs://bucket/object", generation: str = "1") -> str:
        """Have `path` at `url` from now on."""
        self._files[url] = (path, generation)
        return url

    def remove(self, url: str) -> None:
        """Have nothing at `url` from now on."""
        del self._files[url]

    def stat(self, url: str) -> ObjectStat:
        """As the protocol says."""
        if url not in self._files:
            raise ObjectMissing(url)
        path, generation = self._files[url]
        return ObjectStat(url, path.stat().st_size, generation, None, datetime.now(UTC))

    def open(self, url: str, *, generation: str | None = None) -> io.RawIOBase:
        """As the protocol says."""
        return _FarReader(self, url, generation or self.stat(url).generation)

    def local_path(self, url: str) -> Path | None:
        """None, unless this store is of this machine."""
        return self._files[url][0] if self._is_local else None

    def note_read(self, url: str, generation: str, size: int) -> None:
        """Count a read. Raises ObjectMissing or ObjectChanged when the object is another by now."""
        with self._lock:
            self.reads += 1
            self.bytes_read += size
            if self.fail_after_reads is not None and self.reads > self.fail_after_reads:
                self.put(self._files[url][0], url, "overwritten")
        found = self.stat(url).generation
        if found != generation:
            raise ObjectChanged(url, generation, found)


class _FarReader(io.RawIOBase):
    def __init__(self, store: FarStore, url: str, generation: str) -> None:
        self._store, self._url, self._generation = store, url, generation
        self._file = store._files[url][0].open("rb")

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
