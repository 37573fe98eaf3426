"""Upload the user's files to the bucket, under names derived from their content."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import NamedTuple

from shared.errors import ObjectChanged, ObjectExists, ObjectMissing
from shared.pipeline.context import Context
from shared.storage.protocol import ObjectStat
from shared.storage.urls import join_url, split_url
from shared.videos.subtitle_files import SUFFIXES


class Dropped(NamedTuple):
    """The object, and the names of subtitles beside it that are new in the bucket."""

    stat: ObjectStat
    subtitles: list[str]


def drop(context: Context, path: Path) -> Dropped:
    """Upload the file and the subtitles beside it, unless the bucket has them.

    The same content under the same name is the same object, so its results are found again. Files
    with one name and different content do not overwrite each other.
    """
    folder = _digest(path)[:16]
    new: list[str] = []
    for suffix in SUFFIXES:
        beside = path.with_suffix(suffix)
        if beside.is_file() and beside != path:
            url = _url(context, beside, folder)
            # The folder's name identifies the video's content, not the subtitles'.
            if _reusable(context, beside, url, compare=True) is None:
                _put(context, beside, url)
                new.append(beside.name)
    url = _url(context, path, folder)
    return Dropped(_reusable(context, path, url, compare=False) or _put(context, path, url), new)


def _url(context: Context, path: Path, folder: str) -> str:
    scheme, bucket, prefix = split_url(context.upload_url + "/.")
    return join_url(scheme, bucket, f"{prefix.removesuffix('.')}{folder}/{path.name}")


def _put(context: Context, path: Path, url: str) -> ObjectStat:
    try:
        return context.storage.upload(path, url, only_if_absent=True)
    except ObjectExists:
        return context.storage.upload(path, url)


def _reusable(context: Context, path: Path, url: str, *, compare: bool) -> ObjectStat | None:
    """The object if it equals the file: in size and, with `compare`, in content."""
    try:
        stat = context.storage.stat(url)
        if stat.size_bytes != path.stat().st_size:
            return None
        return stat if not compare or _has_same_bytes(context, path, stat) else None
    except (ObjectMissing, ObjectChanged):
        return None


def _has_same_bytes(context: Context, path: Path, stat: ObjectStat) -> bool:
    with context.storage.open(stat.url, generation=stat.generation) as stored:
        kept = hashlib.file_digest(stored, "sha256").hexdigest()
    return kept == _digest(path)


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
