"""Writing what a reader yields to a file of this machine: whole, or not at all."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from io import RawIOBase
from pathlib import Path
from typing import BinaryIO

BLOCK_BYTES = 1 << 20


def pour(reader: RawIOBase, target: BinaryIO, see: Callable[[bytes], object] | None = None) -> int:
    """Write all of the reader to the target; `see` is shown each block. Returns the bytes."""
    total = 0
    while block := reader.read(BLOCK_BYTES):
        target.write(block)
        total += len(block)
        if see is not None:
            see(block)
    return total


@contextmanager
def whole_file(path: Path) -> Iterator[BinaryIO]:
    """A file that takes its place at `path` when the block ends well, and else is removed."""
    path.parent.mkdir(parents=True, exist_ok=True)
    # Not after the target's name, which may be as long as a name can be.
    temporary = path.parent / f".{secrets.token_hex(8)}.part"
    try:
        with temporary.open("xb") as file:
            yield file
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
