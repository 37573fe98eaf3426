"""Inside the child: measure how long a file lasts by its packets; its header may lie."""

from __future__ import annotations

from typing import Any

from shared.error_codes.videos import DAMAGED_MEDIA, DURATION_LIES
from shared.errors import Reject
from shared.media.child.demux import Media

_TAIL_SECONDS = 3.0
_LONGEST_LAST_PACKET_SECONDS = 60.0
_LEAST_BITS_PER_SECOND = 50.0
_LEAST_SECONDS_LEFT = 1.0
_LEAST_SHARE_LEFT = 0.1
_GUESSED_DURATION_FORMATS = {"mp3", "aac", "ac3", "eac3", "amr"}
"""Formats without an index: libavformat guesses their duration from the bit rate."""


def claimed_seconds(media: Media) -> float:
    """The duration that the file's index or header claims; 0 if it claims none."""
    if media.container.format.name in _GUESSED_DURATION_FORMATS:
        return 0.0
    whole = (media.container.duration or 0) / 1e6
    # A text track may outlast picture and sound.
    own = [float(s.duration * s.time_base) for s in media.chosen if s.duration and s.time_base]
    return min(whole, max(own)) if own else whole


def tail_ends(media: Media) -> dict[int, float]:
    """`packet_ends` of the packets near the claimed end; {} if no end is claimed or none is found.

    Seeking to the tail spares reading the whole file.
    """
    claimed = (media.container.duration or 0) / 1e6
    is_guess = media.container.format.name in _GUESSED_DURATION_FORMATS
    if claimed <= 0 or is_guess or not media.seek(claimed - _TAIL_SECONDS, media.chosen[0]):
        return {}
    return packet_ends(media)


def packet_ends(media: Media) -> dict[int, float]:
    """For each stream index, the end in seconds of its last packet from the current position on."""
    ends: dict[int, float] = {}
    for packet in media.packets():
        end = packet_end(media, packet)
        if end > 0:
            ends[packet.stream_index] = max(ends.get(packet.stream_index, 0.0), end)
    return ends


def packet_end(media: Media, packet: Any) -> float:
    """When the packet's picture or sound ends. Implausibly long packet durations are ignored."""
    length = float((packet.duration or 0) * packet.time_base)
    if not 0 < length <= _LONGEST_LAST_PACKET_SECONDS:
        rate = getattr(packet.stream, "average_rate", None)
        length = 1 / float(rate) if rate else 0.0
    return media.presented(packet) + length


def measured_duration(ends: dict[int, float], claimed: float, size_bytes: int) -> float:
    """The duration in seconds that the packets prove.

    Raises Reject (`damaged_media`, `duration_lies`) if it is implausible for the file's size, or if
    hardly any of the claimed duration is present.
    """
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
