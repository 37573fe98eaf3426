"""Check the buckets: list, write, read back and clean up each."""

from __future__ import annotations

import tempfile
import uuid
from collections.abc import Iterator
from pathlib import Path

from cli.doctor.checks import Check, told
from functions.wiring import storage_from
from shared.settings.settings import PREFIX, Settings
from shared.storage.protocol import Storage

PROBE_NAME = "videomoments-doctor-{}.txt"
"""The object is empty and has no video's suffix, so its event is ignored."""


def check_buckets(settings: Settings) -> Iterator[Check]:
    """One check for each bucket."""
    storage = storage_from(settings)
    for name, url in (("upload", settings.upload_url), ("derived", settings.derived_url)):
        if url is None:
            remedy = f"Set {PREFIX}{name.upper()}_URL."
            yield Check(f"{name} bucket", "problem", "not named", remedy)
            continue
        try:
            _try(storage, url)
        except Exception as error:
            yield Check(
                f"{name} bucket",
                "problem",
                f"{url}: {told(error)}",
                f"Create the bucket or correct {PREFIX}{name.upper()}_URL, and let this account "
                "list, read, write and delete in it.",
            )
        else:
            yield Check(f"{name} bucket", "ok", f"{url} can be listed, written and read")


def _try(storage: Storage, url: str) -> None:
    """Raises the store's errors, or ValueError if the store returns other bytes."""
    next(iter(storage.list(f"{url}/")), None)
    probe = f"{url}/{PROBE_NAME.format(uuid.uuid4().hex)}"
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "empty"
        path.touch()
        try:
            storage.upload(path, probe, content_type="text/plain")
            if storage.stat(probe).size_bytes != 0:
                raise ValueError("the bytes read back differ from those written")
        finally:
            storage.delete(probe)
