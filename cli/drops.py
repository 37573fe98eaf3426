"""Puts the user's files into the upload bucket, under names that their content decides."""

from __future__ import annotations

import hashlib
from pathlib import Path

from shared.errors import ObjectExists, ObjectMissing
from shared.pipeline.companions import SUFFIXES
from shared.pipeline.context import Context
from shared.storage.protocol import ObjectStat
from shared.storage.urls import join_url, split_url


def drop(context: Context, path: Path) -> ObjectStat:
    """Upload the file, with the subtitles beside it, unless it is there already.

    The same content under the same name is the same object, so its results are found again; files
    of one name and different content do not overwrite each other.
    """
    folder = _digest(path)[:16]
    for suffix in SUFFIXES:
        beside = path.with_suffix(suffix)
        if beside.is_file() and beside != path:
            _put(context, beside, folder)
    return _put(context, path, folder)


def _put(context: Context, path: Path, folder: str) -> ObjectStat:
    scheme, bucket, prefix = split_url(context.upload_url + "/.")
    url = join_url(scheme, bucket, f"{prefix.removesuffix('.')}{folder}/{path.name}")
    try:
        stat = context.storage.stat(url)
        if stat.size_bytes == path.stat().st_size:
            return stat
    except ObjectMissing:
        pass
    try:
        return context.storage.upload(path, url, only_if_absent=True)
    except ObjectExists:
        return context.storage.upload(path, url)


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
