"""Inside the child: measure how much each keyframe differs from the one before.

Only keyframes are decoded, and only keyframes are read if the container's index allows it. Two
hours at 25 pictures a second hold a few thousand keyframes among 180,000 pictures.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from itertools import islice
from typing import Any

import av
import av.error
import numpy as np
import numpy.typing as npt
from av.stream import Discard

from shared.error_codes.videos import TOO_MANY_PIXELS
from shared.errors import Reject
from shared.media.child.demux import Media, open_media
from shared.media.child.memory import check_memory

_SIDE_PIXELS = (32, 18)
_FULL_HD_PIXELS = 1920 * 1080
_INDEXED_SHARE = 0.9
_LONGEST_GOP = 600

SmallPicture = npt.NDArray[np.float32]


def survey(request: dict[str, Any]) -> dict[str, Any]:
    """Reply with `pictures`: [seconds, change] of keyframes at least `step` seconds apart.

    `change` is the mean colour difference from the previous picture, 0..1, and 0 for the first.
    Stops after `seconds` of work; `until` is the time it reached, None if it reached the end.
    """
    deadline = time.monotonic() + request["seconds"]
    with open_media(request["location"]) as media:
        stream = media.video
        if stream is None:
            return {"pictures": [], "until": 0.0}
        pixels = stream.width * stream.height
        if pixels > request["max_pixels"]:
            raise Reject(TOO_MANY_PIXELS, "The picture is too large. Scale it down.")
        stream.codec_context.thread_count = request["threads"]
        step = request["step"] * max(1.0, pixels / _FULL_HD_PIXELS)
        pictures: list[list[float]] = []
        before: SmallPicture | None = None
        for seconds, picture in _small_keyframes(media, stream, step):
            change = 0.0 if before is None else float(np.abs(picture - before).mean())
            pictures.append([round(seconds, 3), round(change, 4)])
            before = picture
            if time.monotonic() > deadline:
                return {"pictures": pictures, "until": seconds}
    if not pictures:
        check_memory()
    return {"pictures": pictures, "until": None}


def _small_keyframes(
    media: Media, stream: Any, step: float
) -> Iterator[tuple[float, SmallPicture]]:
    """Presentation time and reduced picture (values 0..1) of each keyframe."""
    stream.codec_context.skip_frame = "NONKEY"
    for other in media.container.streams:
        if other.index != stream.index:
            other.discard = Discard.all
    if "matroska" in media.container.format.name:
        # In mp4 this would give the remaining packets wrong presentation times (libavformat 62).
        stream.discard = Discard.nonkey
    last = -step
    for packet in _indexed_keyframes(media, stream, step) or media.packets(stream):
        now = max(0.0, media.presented(packet))
        if not packet.is_keyframe or now < last + step:
            continue
        frame = _decode(stream, packet)
        if frame is not None:
            yield now, _shrink(frame)
            last = now


def _indexed_keyframes(media: Media, stream: Any, step: float) -> Iterator[Any] | None:
    """The keyframe packets that the file's index lists; None if no index covers the whole file."""
    if "mp4" not in media.container.format.name or not stream.duration:
        return None
    wanted: list[int] = []
    last, entries = None, stream.index_entries
    ticks = float(step / stream.time_base)
    for entry in entries:
        last = entry.timestamp
        if entry.is_keyframe and (not wanted or entry.timestamp >= wanted[-1] + ticks):
            wanted.append(entry.timestamp)
    if last is None or last < _INDEXED_SHARE * stream.duration:
        # The index of a fragmented file grows while the file is read.
        return None
    return _packets_at(media, stream, wanted, round(ticks))


def _packets_at(media: Media, stream: Any, wanted: list[int], margin: int) -> Iterator[Any]:
    """The packets at these decoding times. Seeks go by presentation times, which are later."""
    for timestamp in wanted:
        media.container.seek(timestamp + margin, stream=stream, backward=True)
        for packet in islice(media.packets(stream), _LONGEST_GOP):
            if packet.is_keyframe and packet.dts is not None and packet.dts >= timestamp:
                yield packet
                break


def _decode(stream: Any, packet: Any) -> av.VideoFrame | None:
    """The picture of a keyframe; None if it is damaged."""
    stream.codec_context.flush_buffers()
    try:
        frames = [*stream.decode(packet), *stream.decode(None)]
    except av.error.FFmpegError:
        frames = []
    if not frames:
        check_memory()
    return frames[0] if frames else None


def _shrink(frame: av.VideoFrame) -> SmallPicture:
    width, height = _SIDE_PIXELS
    # Area averaging keeps noise and grain from counting as change.
    pixels = frame.reformat(
        width=width, height=height, format="rgb24", interpolation="AREA"
    ).to_ndarray()
    return np.asarray(pixels, dtype=np.float32) / 255.0
