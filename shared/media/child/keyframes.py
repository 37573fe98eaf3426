"""Inside the child: find the keyframe at which to enter a video stream."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain
from typing import Any

from shared.media.child.demux import Media, open_media
from shared.media.child.memory import check_memory

EDGE_TOLERANCE_SECONDS = 0.001
_LATE_BEGINNING_SECONDS = 0.5
_STEPS_BACK_SECONDS = (0.0, 2.0, 10.0, 60.0)


@dataclass(frozen=True)
class Entry:
    """The time of a keyframe and all chosen streams' packets from there on, in file order."""

    seconds: float
    packets: Iterator[Any]


def frame_before(request: dict[str, Any]) -> dict[str, Any]:
    """Reply {"seconds": time of the last picture at or before `start`}, None if there is none."""
    start = request["start"]
    shown = None
    with open_media(request["location"]) as media:
        stream = media.video
        entry = find_entry(media, start, [stream], math.inf)
        for packet in entry.packets if entry is not None else ():
            now = media.time(packet.pts, stream)
            if now <= start + EDGE_TOLERANCE_SECONDS:
                shown = now if shown is None else max(shown, now)
            if packet.dts is not None and media.time(packet.dts, stream) > start:
                break
    return {"seconds": shown}


def find_entry(
    media: Media, start: float, streams: list[Any], farthest_seconds: float
) -> Entry | None:
    """The last keyframe of `streams[0]` presented at or before `start`, and the packets after it.

    None if there is no keyframe, or if it is more than `farthest_seconds` before `start`. A first
    picture that begins shortly after the sound counts as present from the beginning. The search
    starts where the container's index leads and steps back from there, because an index may hold
    decoding times or be wrong.
    """
    for step in _STEPS_BACK_SECONDS:
        at_beginning = start - step <= 0
        if not media.seek(max(0.0, start - step), streams[0]):
            break
        late = _LATE_BEGINNING_SECONDS if at_beginning else 0.0
        entry = _scan(media, start, late, streams, farthest_seconds)
        if entry is not None:
            return entry
        if at_beginning:
            break
    check_memory()
    return None


def _scan(
    media: Media, start: float, late: float, streams: list[Any], farthest_seconds: float
) -> Entry | None:
    packets = media.packets(*streams)
    held: list[Any] = []
    found: float | None = None
    for packet in packets:
        held.append(packet)
        if packet.stream_index != streams[0].index:
            continue
        if packet.pts is None:
            return None
        now = media.time(packet.pts, packet.stream)
        allowed = late if found is None else 0.0
        if packet.is_keyframe and now <= start + allowed + EDGE_TOLERANCE_SECONDS:
            found = now
            held = [*_later_sound(media, held[:-1], now, streams[0]), packet]
        elif found is None and packet.is_keyframe:
            return None
        if packet.dts is None:
            continue
        decoded = media.time(packet.dts, packet.stream)
        if found is not None and decoded - found > farthest_seconds:
            return None
        if decoded > start:
            break
    if found is None:
        return None
    _fill_decoding_times([p for p in held if p.stream_index == streams[0].index])
    return Entry(found, chain(held, packets))


def _fill_decoding_times(pictures: list[Any]) -> None:
    """Set the decoding times that Matroska omits for the first pictures after a seek."""
    following: int | None = None
    for packet in reversed(pictures):
        if packet.dts is None and following is not None:
            step = packet.duration or 1
            packet.dts = min(packet.pts, following - step)
        following = packet.dts


def _later_sound(media: Media, packets: list[Any], now: float, video: Any) -> list[Any]:
    """Of packets stored before a keyframe, the sound that is heard at `now` or later."""
    return [
        packet
        for packet in packets
        if packet.stream_index != video.index
        and packet.pts is not None
        and media.time(packet.pts, packet.stream) >= now
    ]
