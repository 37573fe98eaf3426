"""The first steps of most tests of storage."""

from __future__ import annotations

from pathlib import Path

from shared.storage.protocol import ObjectStat
from tests.support.storage.backends import Backend


def put(backend: Backend, folder: Path, name: str, data: bytes, **options: object) -> ObjectStat:
    """Upload these bytes."""
    path = folder / "to-upload"
    path.write_bytes(data)
    return backend.storage.upload(path, backend.url(name), **options)  # type: ignore[arg-type]


def read(backend: Backend, name: str, generation: str | None = None) -> bytes:
    """All bytes of the object."""
    with backend.storage.open(backend.url(name), generation=generation) as reader:
        return reader.read()
