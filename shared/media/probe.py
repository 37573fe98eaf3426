"""Probe a media file: its streams, codecs and true duration."""

from __future__ import annotations

from typing import Any

from shared.domain.media_info import AudioStream, MediaInfo, SubtitleStream, VideoStream
from shared.error_codes.videos import NO_STREAMS, TOO_LONG
from shared.errors import Reject
from shared.media.input import MediaInput
from shared.media.sandbox.runner import Sandbox, run_operation


def probe(
    source: MediaInput,
    *,
    sandbox: Sandbox,
    max_duration_seconds: float | None = None,
) -> MediaInfo:
    """Demux the file in a child and decode its first picture.

    `duration_seconds` is the end of the last packet, whatever the header claims. A file with
    nothing but a cover picture or empty streams is rejected.

    Raises Reject (`empty_file`, `not_media`, `no_streams`, `damaged_media`, `encrypted_media`,
    `too_many_pixels`, `duration_lies`, `too_long`, `media_too_costly`) and MediaError.
    """
    request = {"location": source.location}
    facts = run_operation("probe", request, sandbox=sandbox)
    info = info_from_facts(facts)
    if info.video is None and info.audio is None:
        raise Reject(
            NO_STREAMS, "The file contains neither picture nor sound. Upload a video or audio file."
        )
    if max_duration_seconds is not None and info.duration_seconds > max_duration_seconds:
        raise Reject(
            TOO_LONG,
            f"The video lasts {info.duration_seconds:.0f} s; at most "
            f"{max_duration_seconds:.0f} s are allowed. Cut it into parts, "
            "or raise VIDEOMOMENTS_MAX_DURATION_SECONDS.",
        )
    return info


def info_from_facts(facts: dict[str, Any]) -> MediaInfo:
    """Convert the child's JSON facts to MediaInfo."""
    video, audio = facts["video"], facts["audio"]
    return MediaInfo(
        container=facts["container"],
        duration_seconds=facts["duration_seconds"],
        claimed_seconds=facts["claimed_seconds"],
        video=VideoStream(**video) if video else None,
        audio=AudioStream(**audio) if audio else None,
        subtitles=tuple(SubtitleStream(**stream) for stream in facts["subtitles"]),
        has_cover_art=facts["has_cover_art"],
        origin_seconds=facts["origin_seconds"],
    )
