"""Inside the child: write packets of one file into another without decoding them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from fractions import Fraction
from typing import Any

import av

from shared.media.child.demux import Media


class NotCopyable(Exception):
    """The window cannot be copied; the message gives the reason."""


@contextmanager
def open_output(request: dict[str, Any]) -> Iterator[Any]:
    """The container that the request's `output` and `muxer` name, open for writing."""
    options = {"movflags": "+faststart"} if request["muxer"] in {"mp4", "ipod"} else {}
    target = f"file:{request['output']}"
    with av.open(target, "w", format=request["muxer"], container_options=options) as output:
        yield output


def add_stream(output: Any, source: Any) -> Any:
    """Add to `output` a stream with the parameters of `source`.

    Raises NotCopyable if the copy would lose the shape of the pixels.
    """
    target = output.add_stream_from_template(source, opaque=True)
    if source.type == "video" and _pixel_shape(target) != _pixel_shape(source):
        raise NotCopyable("only its container knows that its pixels are not square")
    return target


def _pixel_shape(stream: Any) -> Fraction:
    return stream.sample_aspect_ratio or Fraction(1)


class PacketWriter:
    """Writes packets of `streams` with the video's time `base` (seconds) shifted to 0."""

    def __init__(self, media: Media, output: Any, streams: list[Any], base: float) -> None:
        self._targets = {s.index: add_stream(output, s) for s in streams}
        self._shifts = {s.index: media.timestamp(base, s) for s in streams}
        self._output = output

    def write(self, packet: Any) -> None:
        """Write one packet of the source. The packet's timestamps and stream change in place."""
        index = packet.stream_index
        dts = packet.pts if packet.dts is None else packet.dts
        packet.pts = (dts if packet.pts is None else packet.pts) - self._shifts[index]
        packet.dts = dts - self._shifts[index]
        packet.stream = self._targets[index]
        self._output.mux(packet)
