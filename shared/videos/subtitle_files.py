"""The names of a video's subtitle files, and which of them belong to that video alone."""

from __future__ import annotations

from contextlib import suppress
from pathlib import PurePosixPath

from shared.errors import ObjectChanged, ObjectMissing
from shared.storage.protocol import ObjectStat, Storage
from shared.storage.urls import join_url, split_url
from shared.videos.registration import identifier_of, not_a_source

SUFFIXES = (".srt", ".vtt")


def sibling_url(url: str, suffix: str) -> str:
    """The URL of the object with that suffix in place of the video's own."""
    scheme, bucket, name = split_url(url)
    return join_url(scheme, bucket, str(PurePosixPath(name).with_suffix(suffix)))


def own_subtitles(storage: Storage, url: str) -> list[ObjectStat]:
    """The existing subtitles of that video; [] if they may belong to another object as well.

    `talk.srt` belongs to both `talk.mp4` and `talk.mov`.
    """
    bare = sibling_url(url, "")
    siblings = [stat for stat in storage.list(f"{bare}.") if sibling_url(stat.url, "") == bare]
    if bare != url:
        with suppress(ObjectMissing):
            siblings.append(storage.stat(bare))
    others = [found for found in siblings if found.url != url and not_a_source(found.url) is None]
    names = {sibling_url(url, suffix) for suffix in SUFFIXES}
    return [] if others else [found for found in siblings if found.url in names]


def delete_upload(storage: Storage, url: str, video: str) -> tuple[bool, int]:
    """Delete that video's upload. Newer versions of it, or of its subtitles, stay.

    Deletes the subtitles first, so that an interrupted deletion can find them again. Returns
    (deleted, number of subtitles).
    """
    subtitles = 0
    with suppress(ObjectMissing, ObjectChanged):
        source = storage.stat(url)
        if identifier_of(source) == video:
            for own in own_subtitles(storage, url):
                with suppress(ObjectChanged):
                    subtitles += storage.delete(own.url, generation=own.generation)
            return storage.delete(url, generation=source.generation), subtitles
    return False, subtitles
