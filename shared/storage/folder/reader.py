"""Reads one version of a file, even if the file is replaced meanwhile."""

from __future__ import annotations

import os
from io import FileIO
from typing import TYPE_CHECKING

from shared.errors import ObjectChanged
from shared.storage.protocol import ObjectStat

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer


def generation_of(status: os.stat_result) -> str:
    """The generation of a file with that status."""
    return f"{status.st_mtime_ns}-{status.st_size}-{status.st_ino}"


class FolderReader(FileIO):
    """A file held open. If another file replaces it by a rename, the reader keeps the old bytes.

    If a program writes to it in place, every later read raises `ObjectChanged`.
    """

    def __init__(self, descriptor: int, stat: ObjectStat) -> None:
        super().__init__(descriptor, "rb")
        self.stat = stat

    def readinto(self, buffer: WriteableBuffer, /) -> int | None:
        """See `FileIO.readinto`."""
        count = super().readinto(buffer)
        self._check()
        return count

    def read(self, size: int | None = -1, /) -> bytes:
        """See `FileIO.read`."""
        data = super().read(-1 if size is None else size)
        self._check()
        return data

    def readall(self) -> bytes:
        """See `FileIO.readall`."""
        data = super().readall()
        self._check()
        return data

    def _check(self) -> None:
        # Checked after the read, so that bytes of a concurrent write are never returned.
        found = generation_of(os.fstat(self.fileno()))
        if found != self.stat.generation:
            raise ObjectChanged(self.stat.url, self.stat.generation, found)
