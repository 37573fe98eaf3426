"""Inside the child: choose the picture that shows most of a file, and write it as a JPEG."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import av
import av.error
import numpy as np
import numpy.typing as npt

from shared.error_codes.videos import TOO_MANY_PIXELS
from shared.errors import Reject
from shared.media.child.demux import Media, open_media
from shared.media.child.memory import check_memory

_LONG_SIDE_PIXELS = 1280
_CANDIDATES = 12
_RATED_SIDE_PIXELS = 320
_DARK_MEAN = 28.0
_BRIGHT_MEAN = 240.0
_FLAT_DEVIATION = 12.0
_JPEG_SCALE = 3

Luma = npt.NDArray[np.float32]
Pixels = npt.NDArray[np.uint8]


@dataclass(frozen=True)
class _Candidate:
    frame: av.VideoFrame
    mean: float
    deviation: float
    sharpness: float

    @property
    def rank(self) -> tuple[bool, float]:
        """Higher is better: first whether anything is visible, then how sharp it is."""
        is_visible = _DARK_MEAN <= self.mean <= _BRIGHT_MEAN and self.deviation >= _FLAT_DEVIATION
        return is_visible, self.sharpness if is_visible else self.deviation


def thumbnail(request: dict[str, Any]) -> dict[str, Any]:
    """Write the sharpest of some keyframes spread over the file, or its cover art, to `output`.

    The reply is {"width", "height"}, both None if there is no picture.
    """
    with open_media(request["location"]) as media:
        stream = media.video or media.cover
        if stream is None:
            return {"width": None, "height": None}
        if stream.width * stream.height > request["max_pixels"]:
            raise Reject(TOO_MANY_PIXELS, "The picture is too large. Scale it down.")
        stream.codec_context.thread_count = request["threads"]
        found = _candidates(media, request["duration"]) if media.video else _cover(media)
        best = max((_rate(frame) for frame in found), key=lambda c: c.rank, default=None)
        if best is None:
            check_memory()
            return {"width": None, "height": None}
        aspect = stream.sample_aspect_ratio or 1
        width, height = _write_jpeg(best.frame, float(aspect), request["output"])
    return {"width": width, "height": height}


def _candidates(media: Media, duration: float) -> Iterator[av.VideoFrame]:
    """Distinct keyframes spread over the video; the first picture if none of them decodes."""
    stream = media.video
    assert stream is not None  # noqa: S101 - the caller checks
    stream.codec_context.skip_frame = "NONKEY"
    seen: set[int] = set()
    for number in range(_CANDIDATES):
        if not media.seek(duration * (number + 0.5) / _CANDIDATES, stream):
            continue
        frame = _next_keyframe(media, stream, seen)
        if frame is not None:
            yield frame
    if not seen:
        media.seek(0.0, stream)
        stream.codec_context.skip_frame = "DEFAULT"
        frame = _next_keyframe(media, stream, seen)
        if frame is not None:
            yield frame


def _next_keyframe(media: Media, stream: Any, seen: set[int]) -> av.VideoFrame | None:
    for packet in media.packets(stream):
        if not packet.is_keyframe:
            continue
        if packet.pts in seen:
            return None
        seen.add(packet.pts)
        stream.codec_context.flush_buffers()
        try:
            frames = [*stream.decode(packet), *stream.decode(None)]
        except av.error.FFmpegError:
            return None
        stream.codec_context.flush_buffers()
        return frames[0] if frames else None
    return None


def _cover(media: Media) -> Iterator[av.VideoFrame]:
    assert media.cover is not None  # noqa: S101 - the caller checks
    # An attached picture is the first packet and has no time.
    packet = next(iter(media.container.demux(media.cover)), None)
    if packet is not None:
        yield from [*media.cover.decode(packet), *media.cover.decode(None)][:1]


def _rate(frame: av.VideoFrame) -> _Candidate:
    scale = min(1.0, _RATED_SIDE_PIXELS / max(frame.width, frame.height))
    small = frame.reformat(
        width=max(2, round(frame.width * scale)),
        height=max(2, round(frame.height * scale)),
        format="gray",
    )
    luma = np.asarray(small.to_ndarray(), dtype=np.float32)
    return _Candidate(frame, float(luma.mean()), float(luma.std()), sharpness_of(luma))


def sharpness_of(luma: Luma) -> float:
    """The variance of the Laplacian; crisp edges give high values."""
    if min(luma.shape) < 3:
        return 0.0
    centre = luma[1:-1, 1:-1]
    around = luma[:-2, 1:-1] + luma[2:, 1:-1] + luma[1:-1, :-2] + luma[1:-1, 2:]
    return float(np.var(around - 4 * centre))


def fitted_size(width: int, height: int, aspect: float) -> tuple[int, int]:
    """The displayed size: the long side at most 1280 and never enlarged, both sides even."""
    shown_width = width * aspect
    scale = min(1.0, _LONG_SIDE_PIXELS / max(shown_width, height))
    return _even(shown_width * scale), _even(height * scale)


def _even(value: float) -> int:
    return max(2, round(value / 2) * 2)


def _orient(pixels: Pixels, frame: av.VideoFrame) -> Pixels:
    """Rotate and mirror the pixels by the display matrix (ISO/IEC 14496-12, 8.5.2.3)."""
    side_data: Any = frame.side_data
    try:
        matrix = bytes(side_data["DISPLAYMATRIX"])
    except KeyError:
        return pixels
    # The matrix maps (x, y) to x' = ax + cy, y' = bx + dy, up to a shift.
    a, b, _, c, d = struct.unpack_from("=5i", matrix)
    if abs(b) + abs(c) > abs(a) + abs(d):
        pixels = pixels.transpose(1, 0, 2)
        to_right, to_bottom = c, b
    else:
        to_right, to_bottom = a, d
    return pixels[:: -1 if to_bottom < 0 else 1, :: -1 if to_right < 0 else 1]


def _write_jpeg(frame: av.VideoFrame, aspect: float, path: str) -> tuple[int, int]:
    width, height = fitted_size(frame.width, frame.height, aspect)
    pixels = np.asarray(
        frame.reformat(width=width, height=height, format="rgb24").to_ndarray(), dtype=np.uint8
    )
    upright = np.ascontiguousarray(_orient(pixels, frame))
    picture = av.VideoFrame.from_ndarray(upright, format="rgb24").reformat(format="yuvj420p")
    with av.open(f"file:{path}", "w", format="image2", options={"update": "1"}) as output:
        stream = output.add_stream("mjpeg", rate=1)
        stream.width, stream.height, stream.pix_fmt = picture.width, picture.height, "yuvj420p"
        stream.codec_context.qmin = stream.codec_context.qmax = _JPEG_SCALE
        for packet in [*stream.encode(picture), *stream.encode(None)]:
            output.mux(packet)
    return picture.width, picture.height
