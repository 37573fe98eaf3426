"""Inside the child: check that an output decodes. An exit code of 0 does not prove it."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import av.error

from shared.errors import Reject
from shared.media.child.demux import Media, open_media
from shared.media.child.duration import packet_end
from shared.media.child.memory import check_memory
from shared.media.child.probe import facts_of, first_frame

_AUDIO_PACKETS_TRIED = 20


def verify(request: dict[str, Any]) -> dict[str, Any]:
    """The facts of an output file, and where each kind of stream begins and ends (`spans`).

    `video_decodes`: the first packet is a keyframe and yields the first picture. `audio_decodes`:
    one of the first packets yields sound.
    """
    path = request["location"]
    with open_media(path) as media:
        frame = _picture(media)
        facts = facts_of(media, frame)
    with open_media(path) as media:
        audio_decodes = _sound_decodes(media)
    with open_media(path) as media:
        spans = _spans(media)
        begins_with_picture = frame is not None and _begins_with(frame, path)
    return {
        **facts,
        "spans": spans,
        "video_decodes": begins_with_picture,
        "audio_decodes": audio_decodes,
    }


def _picture(media: Media) -> Any:
    try:
        return first_frame(media)
    except Reject:
        return None


def _sound_decodes(media: Media) -> bool:
    if media.audio is None:
        return False
    for number, packet in enumerate(media.packets(media.audio)):
        if number >= _AUDIO_PACKETS_TRIED:
            break
        with suppress(av.error.FFmpegError):
            if media.audio.decode(packet):
                return True
    else:
        with suppress(av.error.FFmpegError):
            if media.audio.decode(None):
                return True
    check_memory()
    return False


def _begins_with(frame: Any, path: str) -> bool:
    """True if the file's first packet is the keyframe that yields `frame`.

    With gradual intra refresh a keyframe may yield its picture only much later.
    """
    with open_media(path) as media:
        first = next(media.packets(media.video), None)
        if first is None or not first.is_keyframe:
            return False
        return None in (frame.pts, first.pts) or bool(frame.pts <= first.pts)


def _spans(media: Media) -> dict[str, list[float]]:
    """For each kind ("video", "audio"), the first presentation and the last end, in file time."""
    spans: dict[str, list[float]] = {}
    for packet in media.packets():
        begin = media.presented(packet) + media.origin
        end = packet_end(media, packet) + media.origin
        known = spans.setdefault(packet.stream.type, [begin, end])
        known[0], known[1] = min(known[0], begin), max(known[1], end)
    return spans
