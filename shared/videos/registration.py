"""Registers a source object as a video: its identifier, its row, names that are not videos."""

from __future__ import annotations

from pathlib import PurePosixPath

from sqlalchemy import select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from shared.db.models import Video
from shared.domain.media_info import MediaInfo
from shared.domain.names import video_identifier
from shared.storage.protocol import ObjectStat
from shared.storage.urls import split_url

COMPANIONS = frozenset({".srt", ".vtt", ".json", ".txt", ".md", ".part", ".tmp", ".crdownload"})


def not_a_source(url: str) -> str | None:
    """The reason why an object of that name is not an uploaded video, or None if it may be one."""
    name = PurePosixPath(split_url(url).name)
    if url.endswith("/"):
        return "a folder's placeholder"
    if name.name.startswith("."):
        return "a hidden file"
    if name.suffix.lower() in COMPANIONS:
        return f"a {name.suffix.lower()} file accompanies a video and is none"
    return None


def identifier_of(stat: ObjectStat) -> str:
    """The identifier of the video in this version of the object."""
    return video_identifier(stat.url, stat.generation, name_stem(stat.url))


def register_video(session: Session, stat: ObjectStat) -> Video:
    """The row of that version of the object, inserted if it is new."""
    identifier = identifier_of(stat)
    session.execute(
        insert(Video)
        .values(
            identifier=identifier,
            cloud_url=stat.url,
            title=_title(stat.url),
            file_size_kb=max(1, round(stat.size_bytes / 1024)),
        )
        .on_conflict_do_nothing()
    )
    return session.execute(select(Video).where(Video.identifier == identifier)).scalar_one()


def record_media_info(session: Session, video_id: int, info: MediaInfo) -> None:
    """Store the facts from the file: duration, codecs, resolution and frame rate."""
    session.execute(
        update(Video)
        .where(Video.id == video_id)
        .values(
            duration_seconds=info.duration_seconds,
            video_codec=info.video.codec if info.video else None,
            audio_codec=info.audio.codec if info.audio else None,
            resolution=info.resolution,
            frame_rate=info.video.frame_rate if info.video else None,
        )
    )


def name_stem(url: str) -> str:
    """The object's name without folders and suffix."""
    return PurePosixPath(split_url(url).name).stem


def _title(url: str) -> str:
    """The name without its suffix. Bytes that are not text (a disk allows any) become �."""
    return name_stem(url).encode("utf-8", "surrogateescape").decode("utf-8", "replace")[:500]
