"""Write a reader's bytes to a file of this machine: whole, or not at all."""

from __future__ import annotations

import errno
import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from io import RawIOBase
from pathlib import Path
from typing import BinaryIO

# Small enough for little memory, large enough for few requests if each block is one.
_BLOCK_BYTES = 8 << 20
_FULL = {errno.ENOSPC, errno.EDQUOT}


def pour(reader: RawIOBase, target: BinaryIO, see: Callable[[bytes], object] | None = None) -> None:
    """Write the reader's remaining bytes to the target; calls `see` with each block."""
    while block := reader.read(_BLOCK_BYTES):
        target.write(block)
        if see is not None:
            see(block)


@contextmanager
def whole_file(path: Path) -> Iterator[BinaryIO]:
    """A file that appears at `path` if the block succeeds, and is deleted otherwise."""
    path.parent.mkdir(parents=True, exist_ok=True)
    # Its own name: the target's may already have the greatest length.
    temporary = path.parent / f".{secrets.token_hex(8)}.part"
    try:
        with temporary.open("xb") as file:
            yield file
        temporary.replace(path)
    except OSError as error:
        if error.errno in _FULL and error.filename is None:
            error.filename = str(path)
        raise
    finally:
        temporary.unlink(missing_ok=True)
