"""Writing what a reader yields to a file of this machine: whole, or not at all."""

from __future__ import annotations

import errno
import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from io import RawIOBase
from pathlib import Path
from typing import BinaryIO

# Few enough at a time for little memory, enough for few requests where each block is one.
_BLOCK_BYTES = 8 << 20
_FULL = {errno.ENOSPC, errno.EDQUOT}


def pour(reader: RawIOBase, target: BinaryIO, see: Callable[[bytes], object] | None = None) -> None:
    """Write all that is left of the reader to the target; `see` is shown each block."""
    while block := reader.read(_BLOCK_BYTES):
        target.write(block)
        if see is not None:
            see(block)


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
    except OSError as error:
        if error.errno in _FULL and error.filename is None:
            error.filename = str(path)
        raise
    finally:
        temporary.unlink(missing_ok=True)
