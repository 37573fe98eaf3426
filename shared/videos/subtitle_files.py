"""The names of subtitles beside a video, and which of them are that video's alone."""

from __future__ import annotations

from contextlib import suppress
from pathlib import PurePosixPath

from shared.errors import ObjectChanged, ObjectMissing
from shared.storage.protocol import ObjectStat, Storage
from shared.storage.urls import join_url, split_url
from shared.videos.registration import identifier_of, not_a_source

SUFFIXES = (".srt", ".vtt")


def sibling_url(url: str, suffix: str) -> str:
    """The URL of the object that has that suffix in place of the video's own."""
    scheme, bucket, name = split_url(url)
    return join_url(scheme, bucket, str(PurePosixPath(name).with_suffix(suffix)))


def own_subtitles(storage: Storage, url: str) -> list[ObjectStat]:
    """The subtitles there are beside that video; [] where another's object may have them as well.

    `talk.srt` belongs to `talk.mp4` and to `talk.mov` alike.
    """
    bare = sibling_url(url, "")
    there = [stat for stat in storage.list(f"{bare}.") if sibling_url(stat.url, "") == bare]
    if bare != url:
        with suppress(ObjectMissing):
            there.append(storage.stat(bare))
    others = [found for found in there if found.url != url and not_a_source(found.url) is None]
    names = {sibling_url(url, suffix) for suffix in SUFFIXES}
    return [] if others else [found for found in there if found.url in names]


def delete_upload(storage: Storage, url: str, video: str) -> tuple[bool, int]:
    """Delete that video's upload; a newer version of it, or of its subtitles, is another's.

    Subtitles go before it: what is killed in between finds them again by it. Whether it went, and
    how many subtitles did.
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
