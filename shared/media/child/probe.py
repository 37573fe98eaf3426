"""Inside the child: what a file holds, held against its packets rather than its header."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import av
import av.error

from shared.error_codes.videos import DAMAGED_MEDIA, DURATION_LIES, NO_STREAMS, TOO_MANY_PIXELS
from shared.errors import Reject
from shared.media.child.demux import Media, is_usable, open_media
from shared.media.child.memory import check_memory

_TAIL_SECONDS = 3.0
_LONGEST_LAST_PACKET_SECONDS = 60.0
_LEAST_BITS_PER_SECOND = 50.0
_LEAST_SECONDS_LEFT = 1.0
_LEAST_SHARE_LEFT = 0.1
_PACKETS_TRIED_FOR_A_FRAME = 500
_GUESSED_DURATION_FORMATS = {"mp3", "aac", "ac3", "eac3", "amr"}
"""Formats without an index: libavformat guesses their duration from the bit rate."""

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
        ends = _tail_ends(media) if media.chosen else {}
        guess, size = (media.container.duration or 0) / 1e6, media.container.size
        claimed = _claimed(media)
    if facts["video"] is None and facts["audio"] is None:
        return {**facts, "duration_seconds": 0.0, "claimed_seconds": 0.0}
    if not ends:
        with open_media(request["location"]) as media:
            ends = packet_ends(media)
    return {
        **facts,
        "duration_seconds": _true_duration(ends, guess, size),
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
    """The first picture that decodes. None without a video stream, or with an empty one.

    Raises Reject when there is picture data and none of the first of it decodes.
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
    """The facts of an open file whose first picture is `frame`; its duration is not among them."""
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
    """The stream's language tag; None when it says "undetermined"."""
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
    assert stream is not None  # noqa: S101 - the caller asked
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
    assert stream is not None  # noqa: S101 - the caller asked
    start = 0.0 if stream.start_time is None else media.time(stream.start_time, stream)
    return {
        "index": stream.index,
        "codec": _codec(stream),
        "sample_rate_hz": stream.sample_rate,
        "channels": stream.channels,
        "start_seconds": max(0.0, start),
        "language": language(stream),
    }


def _claimed(media: Media) -> float:
    """How long the file's index or header says it is; 0 where it says nothing."""
    if media.container.format.name in _GUESSED_DURATION_FORMATS:
        return 0.0
    whole = (media.container.duration or 0) / 1e6
    # A track of text may go on after picture and sound.
    own = [float(s.duration * s.time_base) for s in media.chosen if s.duration and s.time_base]
    return min(whole, max(own)) if own else whole


def _tail_ends(media: Media) -> dict[int, float]:
    """Where the packets near the claimed end are over; {} when none is there or none is claimed."""
    claimed = (media.container.duration or 0) / 1e6
    is_guess = media.container.format.name in _GUESSED_DURATION_FORMATS
    if claimed <= 0 or is_guess or not media.seek(claimed - _TAIL_SECONDS, media.chosen[0]):
        return {}
    return packet_ends(media)


def _true_duration(ends: dict[int, float], claimed: float, size_bytes: int) -> float:
    if not ends:
        raise Reject(
            DAMAGED_MEDIA, "The file contains no readable packet. Export it again and upload it."
        )
    longest = max(ends.values())
    if size_bytes * 8 < longest * _LEAST_BITS_PER_SECOND:
        raise _lies(longest)
    if longest < min(_LEAST_SECONDS_LEFT, claimed * _LEAST_SHARE_LEFT):
        raise Reject(
            DAMAGED_MEDIA,
            f"Only {longest:.2f} s of {claimed:.0f} s are there: the upload was cut short. "
            "Upload it again.",
        )
    return longest


def _lies(longest: float) -> Reject:
    return Reject(
        DURATION_LIES,
        f"The file claims to last {longest:.0f} s, more than its size can hold. "
        "Export it again and upload it.",
    )


def packet_ends(media: Media) -> dict[int, float]:
    """Per stream index, where the last of the packets from here on ends."""
    ends: dict[int, float] = {}
    for packet in media.packets():
        end = packet_end(media, packet)
        if end > 0:
            ends[packet.stream_index] = max(ends.get(packet.stream_index, 0.0), end)
    return ends


def packet_end(media: Media, packet: Any) -> float:
    """When the packet's picture or sound is over; a claim to last ages is not heard."""
    length = float((packet.duration or 0) * packet.time_base)
    if not 0 < length <= _LONGEST_LAST_PACKET_SECONDS:
        rate = getattr(packet.stream, "average_rate", None)
        length = 1 / float(rate) if rate else 0.0
    return media.presented(packet) + length
