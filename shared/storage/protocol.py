"""The one protocol for every object store.

URLs name objects: gs://bucket/name, s3://bucket/name, file:///folder/bucket/name.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from io import RawIOBase
from pathlib import Path
from typing import Protocol


@dataclass(frozen=True, slots=True)
class ObjectStat:
    """`generation` is opaque and changes with every overwrite (on S3 a version or an ETag)."""

    url: str
    size_bytes: int
    generation: str
    content_type: str | None
    updated_at: datetime


class Storage(Protocol):
    """An object store. Every method may raise `StorageUnavailable` after its own retries."""

    def stat(self, url: str) -> ObjectStat:
        """Raises `ObjectMissing`."""
        ...

    def open(self, url: str, *, generation: str | None = None) -> RawIOBase:
        """A seekable reader that fetches ranges on demand, never the whole object.

        Pinned to `generation` (by default the present one). Raises `ObjectMissing` or
        `ObjectChanged` at opening or at a later read, and never returns another version's bytes.
        """
        ...

    def download(self, url: str, path: Path, *, generation: str | None = None) -> ObjectStat:
        """Write the object to `path`, whole or not at all. Raises as `open`."""
        ...

    def upload(
        self,
        path: Path,
        url: str,
        *,
        content_type: str | None = None,
        only_if_absent: bool = False,
    ) -> ObjectStat:
        """Store the file, whole or not at all. Raises `ObjectExists` if `only_if_absent`."""
        ...

    def list(self, prefix_url: str) -> Iterator[ObjectStat]:
        """Every object whose URL starts with `prefix_url`, in name order."""
        ...

    def copy(self, source_url: str, target_url: str) -> ObjectStat:
        """Copy within one store. Raises `ObjectMissing`."""
        ...

    def delete(self, url: str, *, generation: str | None = None) -> bool:
        """False if the object did not exist. Raises `ObjectChanged` for another generation."""
        ...

    def signed_read_url(self, url: str, *, expires_seconds: int) -> str:
        """A URL that lets anyone read the object until it expires."""
        ...

    def signed_upload_url(self, url: str, *, content_type: str, expires_seconds: int) -> str:
        """A URL that lets anyone PUT the object, with that content type, until it expires."""
        ...

    def local_path(self, url: str) -> Path | None:
        """The object's file on this machine, if the store keeps files; else None."""
        ...
