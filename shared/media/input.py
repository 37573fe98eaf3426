"""Hands an object to media children without its name, without credentials, without a download."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from io import RawIOBase
from pathlib import Path
from typing import Protocol

from shared.errors import ObjectChanged
from shared.media.sandbox.loopback import RemoteInput, serving
from shared.storage.protocol import ObjectStat


class Readable(Protocol):
    """What is needed of a `Storage`."""

    def stat(self, url: str) -> ObjectStat:
        """As `Storage.stat`."""
        ...

    def open(self, url: str, *, generation: str | None = None) -> RawIOBase:
        """As `Storage.open`."""
        ...

    def local_path(self, url: str) -> Path | None:
        """As `Storage.local_path`."""
        ...


class MediaInput(Protocol):
    """Something a child can open. `location` never contains the user's file name."""

    @property
    def location(self) -> str:
        """A path, or a loopback URL."""
        ...

    @property
    def bytes_read(self) -> int:
        """Bytes fetched from the store so far; 0 for a local file, of which nothing is fetched."""
        ...


class LocalInput:
    """A file of this machine."""

    def __init__(self, path: Path) -> None:
        self.location = str(path.absolute())
        self.bytes_read = 0


@contextmanager
def open_input(
    storage: Readable, url: str, *, generation: str | None, workdir: Path
) -> Iterator[MediaInput]:
    """The object at `url`, pinned to `generation` (by default the one found now).

    Raises ObjectMissing or ObjectChanged at once, or at the end of the block when that came to pass
    inside it, in place of whatever the block raised: the medium is not to blame.
    """
    stat = storage.stat(url)
    pinned = generation or stat.generation
    if stat.generation != pinned:
        raise ObjectChanged(url, pinned, stat.generation)
    path = storage.local_path(url)
    if path is not None:
        with _local(storage, url, pinned, path, workdir) as local:
            yield local
        return
    remote = RemoteInput(lambda: storage.open(url, generation=pinned), stat.size_bytes)
    with serving(remote):
        yield remote


@contextmanager
def _local(
    storage: Readable, url: str, generation: str, path: Path, workdir: Path
) -> Iterator[LocalInput]:
    link = workdir / f"source-{secrets.token_hex(4)}"
    link.symlink_to(path.absolute())
    try:
        yield LocalInput(link)
    finally:
        link.unlink(missing_ok=True)
        found = storage.stat(url).generation
        if found != generation:
            raise ObjectChanged(url, generation, found)
