"""Give media children access to a stored object without its name, credentials or a download."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from io import RawIOBase
from pathlib import Path
from typing import Protocol

from shared.errors import ObjectChanged
from shared.media.sandbox.loopback import RemoteInput, serve_input
from shared.storage.protocol import ObjectStat


class Readable(Protocol):
    """The methods of `Storage` that media inputs use."""

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
    """A stored object that a child can open. `location` never contains the user's file name."""

    @property
    def location(self) -> str:
        """A path, or a loopback URL."""
        ...

    @property
    def bytes_read(self) -> int:
        """Bytes fetched from the store so far; always 0 for a local file."""
        ...


class LocalInput:
    """A file on this machine."""

    def __init__(self, path: Path) -> None:
        self.location = str(path.absolute())
        self.bytes_read = 0


@contextmanager
def open_input(
    storage: Readable, url: str, *, generation: str | None, workdir: Path
) -> Iterator[MediaInput]:
    """Open the object at `url`, pinned to `generation` (by default its current one).

    Raises ObjectMissing or ObjectChanged on entry. If the object goes missing or changes inside the
    block, raises that on exit in place of any error of the block: the media is not to blame.
    """
    stat = storage.stat(url)
    pinned = generation or stat.generation
    if stat.generation != pinned:
        raise ObjectChanged(url, pinned, stat.generation)
    path = storage.local_path(url)
    if path is not None:
        with _link(storage, url, pinned, path, workdir) as local:
            yield local
        return
    remote = RemoteInput(lambda: storage.open(url, generation=pinned), stat.size_bytes)
    with serve_input(remote):
        yield remote


@contextmanager
def _link(
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
