"""The folder of one attempt: its own, and gone with it."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from shared.pipeline.context import Context
from shared.pipeline.ledger.claim import Claim


def folder_of(context: Context, run: Claim) -> Path:
    """Where that attempt works; nothing is there yet."""
    root = context.work_root or Path(tempfile.gettempdir())
    return root / f"videomoments-{run.run_id}-{run.token.hex}"


@contextmanager
def made(folder: Path) -> Iterator[None]:
    """The folder is there, for us alone, until the block is left."""
    folder.mkdir(mode=0o700, parents=True)
    try:
        yield
    finally:
        shutil.rmtree(folder, ignore_errors=True)
