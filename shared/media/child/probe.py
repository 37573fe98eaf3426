"""Inside the child: probe a file by its packets rather than by its header."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import av
import av.error

from shared.error_codes.videos import DAMAGED_MEDIA, NO_STREAMS, TOO_MANY_PIXELS
from shared.errors import Reject
from shared.media.child.demux import Media, is_usable, open_media
from shared.media.child.duration import (
    claimed_seconds,
    measured_duration,
    packet_ends,
    tail_ends,
)
from shared.media.child.memory import check_memory

_PACKETS_TRIED_FOR_A_FRAME = 500
_TEXT_CODECS = {"subrip", "srt", "webvtt", "mov_text", "ass", "ssa", "text"}


def probe(request: dict[str, Any]) -> dict[str, Any]:
    """The facts of a file as plain JSON (see `shared.media.probe`)."""
    with open_media(request["location"]) as media:
        frame = first_frame(media)
        if frame is None:
            media.video = None
        if not media.chosen and media.cover is None:
            raise Reject(
                NO_STREAMS,
                "The file contains neither picture nor sound. Upload a video or audio file.",
            )
        _check_pixels(media, request["max_pixels"])
        facts = facts_of(media, frame)
        ends = tail_ends(media) if media.chosen else {}
        guess, size = (media.container.duration or 0) / 1e6, media.container.size
        claimed = claimed_seconds(media)
    if facts["video"] is None and facts["audio"] is None:
        return {**facts, "duration_seconds": 0.0, "claimed_seconds": 0.0}
    if not ends:
        with open_media(request["location"]) as media:
            ends = packet_ends(media)
    return {
        **facts,
        "duration_seconds": measured_duration(ends, guess, size),
        "claimed_seconds": claimed,
    }


def _check_pixels(media: Media, max_pixels: int) -> None:
    if media.video is not None and media.video.width * media.video.height > max_pixels:
        raise Reject(
            TOO_MANY_PIXELS,
            f"The picture of {media.video.width}x{media.video.height} is larger than is allowed. "
            "Scale it down and upload it again.",
        )


def first_frame(media: Media) -> av.VideoFrame | None:
    """The first picture that decodes. None if the video stream is absent or empty.

    Raises Reject if none of the first packets decodes.
    """
    if media.video is None:
        return None
    number = -1
    for number, packet in enumerate(media.packets(media.video)):
        if number > _PACKETS_TRIED_FOR_A_FRAME:
            break
        try:
            frames = media.video.decode(packet)
        except av.error.FFmpegError:
            continue
        if frames:
            return frames[0]
    with suppress(av.error.FFmpegError):
        for frame in media.video.decode(None):
            return frame
    check_memory()
    if number < 0:
        return None
    raise Reject(
        DAMAGED_MEDIA, "The picture of the file cannot be decoded. Export it again and upload it."
    )


def facts_of(media: Media, frame: av.VideoFrame | None) -> dict[str, Any]:
    """The facts of an open file whose first picture is `frame`, except its duration."""
    return {
        "container": _container_name(media),
        "origin_seconds": media.origin,
        "video": _video_facts(media, frame) if media.video is not None and frame else None,
        "audio": _audio_facts(media) if media.audio is not None else None,
        "subtitles": [
            {"index": s.index, "codec": _codec(s), "language": language(s)}
            for s in media.container.streams.subtitles
            if is_usable(s) and _codec(s) in _TEXT_CODECS
        ],
        "has_cover_art": media.cover is not None,
    }


def _codec(stream: Any) -> str:
    # A decoder's name may differ from the codec's (libdav1d, mp3float).
    return str(stream.codec_context.codec.canonical_name)


def language(stream: Any) -> str | None:
    """The stream's language tag; None if it is absent or "und" (undetermined)."""
    tag = stream.language
    return None if tag in {None, "", "und"} else str(tag)


def _container_name(media: Media) -> str:
    names = media.container.format.name.split(",")
    if "mp4" in names:
        brand = media.container.metadata.get("major_brand", "")
        return "mov" if brand.startswith("qt") else "mp4"
    return names[0]


def _video_facts(media: Media, frame: av.VideoFrame) -> dict[str, Any]:
    stream = media.video
    assert stream is not None  # noqa: S101 - the caller checks
    rate = stream.average_rate or stream.guessed_rate
    rotation = -frame.rotation % 360
    upright = rotation % 180 == 0
    return {
        "index": stream.index,
        "codec": _codec(stream),
        "width": frame.width if upright else frame.height,
        "height": frame.height if upright else frame.width,
        "frame_rate": float(rate) if rate else None,
        "pixel_format": stream.pix_fmt,
        "rotation_degrees": rotation,
        "start_seconds": max(0.0, media.time(stream.start_time or 0, stream)),
    }


def _audio_facts(media: Media) -> dict[str, Any]:
    stream = media.audio
    assert stream is not None  # noqa: S101 - the caller checks
    start = 0.0 if stream.start_time is None else media.time(stream.start_time, stream)
    return {
        "index": stream.index,
        "codec": _codec(stream),
        "sample_rate_hz": stream.sample_rate,
        "channels": stream.channels,
        "start_seconds": max(0.0, start),
        "language": language(stream),
    }
