"""Writes and deletes files below the root: files appear whole, and uploads keep their order."""

from __future__ import annotations

import fcntl
import os
import secrets
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from io import RawIOBase
from pathlib import Path
from typing import BinaryIO

from shared.error_codes.storage import OBJECT_NAME_TAKEN
from shared.errors import ObjectExists, Reject, StorageUnavailable
from shared.storage.local_file import pour

_STALE_SECONDS = 24 * 3600
_PLACING_ATTEMPTS = 100


class FolderWriter:
    """Writes below one root. A hidden folder holds unfinished files."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._incoming = root / ".incoming"
        self._lock = threading.Lock()
        self._last_ns = 0

    def put(
        self, source: RawIOBase, target: Path, url: str, *, only_if_absent: bool
    ) -> os.stat_result:
        """Write all of `source` to `target`. Raises `ObjectExists`, or `Reject` if it is a folder.

        Returns the status of the file written, even if another file has replaced it since.
        """
        self._remove_abandoned()
        with self._temporary() as (temporary, file):
            pour(source, file)
            file.flush()
            moment = self._next_ns()
            os.utime(file.fileno(), ns=(moment, moment))
            os.fsync(file.fileno())
            status = os.fstat(file.fileno())
            self._place(temporary, target, url, only_if_absent)
        return status

    def remove(self, path: Path, bucket: str) -> bool:
        """Delete the file and the bucket's folders that become empty."""
        try:
            path.unlink()
        except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
            return False
        with suppress(OSError):  # The first folder that is not empty ends the loop.
            for parent in path.parents:
                if not parent.is_relative_to(self._root / bucket) or parent.parent == self._root:
                    break
                parent.rmdir()
        return True

    def _place(self, temporary: Path, target: Path, url: str, only_if_absent: bool) -> None:
        for _ in range(_PLACING_ATTEMPTS):
            try:
                target.parent.mkdir(parents=True, exist_ok=True)
                if only_if_absent:
                    os.link(temporary, target)  # Unlike a rename, this fails if the file exists.
                else:
                    temporary.replace(target)
                return _sync_folder(target.parent)
            except FileNotFoundError:
                continue  # A concurrent delete removed the empty folder.
            except (FileExistsError, NotADirectoryError, IsADirectoryError):
                if only_if_absent and target.is_file():
                    raise ObjectExists(url) from None
                raise _in_the_way(target) from None
        raise StorageUnavailable(url, "its folder disappeared several times during the write")

    @contextmanager
    def _temporary(self) -> Iterator[tuple[Path, BinaryIO]]:
        """A new locked file. If it still exists when the block ends, it is deleted."""
        self._incoming.mkdir(parents=True, exist_ok=True)
        while True:
            path = self._incoming / secrets.token_hex(8)
            with path.open("xb") as file:
                try:
                    if _is_ours(file):
                        return (yield path, file)
                finally:
                    path.unlink(missing_ok=True)

    def _remove_abandoned(self) -> None:
        """Delete the files of killed processes: no process holds their lock."""
        for left in self._incoming.glob("*"):
            with suppress(OSError), left.open("r+b") as file:
                if _is_stale(file) or _hold(file):
                    left.unlink()

    def _next_ns(self) -> int:
        """The present, but later than any time returned before: no two uploads look alike."""
        with self._lock:
            self._last_ns = max(time.time_ns(), self._last_ns + 1)
            return self._last_ns


def _hold(file: BinaryIO) -> bool:
    """Lock the file; False if another process holds it. The kernel frees a dead process's lock."""
    try:
        fcntl.flock(file.fileno(), fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _is_ours(file: BinaryIO) -> bool:
    """False if another process removed the new file as abandoned before we locked it."""
    try:
        held = _hold(file)
    except OSError:
        return True  # The file system has no locks.
    return held and os.fstat(file.fileno()).st_nlink > 0


def _is_stale(file: BinaryIO) -> bool:
    return time.time() - os.fstat(file.fileno()).st_mtime > _STALE_SECONDS


def _in_the_way(target: Path) -> Reject:
    existing = (path for path in target.parents if path.exists() or path.is_symlink())
    file = next((path for path in existing if not path.is_dir()), None)
    if file is not None:
        return Reject(
            OBJECT_NAME_TAKEN, f"{file} is a file where a folder is needed. Move it away."
        )
    return Reject(
        OBJECT_NAME_TAKEN, f"{target} is a folder where a file is to be written. Move it away."
    )


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
