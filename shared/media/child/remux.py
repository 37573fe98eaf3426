"""Inside the child: copy a stretch of a file, packet by packet, without decoding."""

from __future__ import annotations

import heapq
from collections import deque
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from fractions import Fraction
from typing import Any

import av
import av.error

from shared.domain.spans import TimeSpan
from shared.media.child.demux import Media, open_media
from shared.media.child.keyframes import EDGE_TOLERANCE_SECONDS, find_entry
from shared.media.child.memory import check_memory
from shared.media.child.probe import packet_end
from shared.media.cut_plan import max_head_move_seconds, max_tail_move_seconds

_INTERLEAVING_SECONDS = 10.0
_SOUND_PREROLL_SECONDS = 1.0


class _UnfitError(Exception):
    """The stretch cannot be copied; the message says why."""


def copy(request: dict[str, Any]) -> dict[str, Any]:
    """Copy [start, end) of the chosen streams (`video`, `audio`: whether to) into `output`.

    With video: whole GOPs; the reply's start and end are those of the first and the last picture.
    Without: whole audio packets; timestamps count from the first, or from `start` itself when
    `keep_offset`. The reply is {"unfit": reason} where copying would move an edge too far or the
    file's timestamps do not allow it.
    """
    try:
        with open_media(request["location"]) as media:
            if request["video"]:
                return _copy_pictures(media, request)
            return _copy_sound(media, request)
    except (_UnfitError, ValueError, av.error.ArgumentError, av.error.InvalidDataError) as error:
        check_memory()
        return {"unfit": str(error)}


def merge(request: dict[str, Any]) -> dict[str, Any]:
    """Put the streams of the files `parts`, whose times agree, into one `output`."""
    with ExitStack() as stack:
        parts = [stack.enter_context(open_media(part)) for part in request["parts"]]
        output = stack.enter_context(_writing(request))
        targets = [{s.index: _copied(output, s) for s in part.chosen} for part in parts]
        queues = [_timed(part, number) for number, part in enumerate(parts)]
        for _, number, _, packet in heapq.merge(*queues):
            packet.stream = targets[number][packet.stream_index]
            output.mux(packet)
    return {}


def _timed(media: Media, number: int) -> Iterator[tuple[float, int, int, Any]]:
    for count, packet in enumerate(media.packets()):
        decoded = (
            media.presented(packet) if packet.dts is None else media.time(packet.dts, packet.stream)
        )
        yield decoded + media.origin, number, count, packet


@contextmanager
def _writing(request: dict[str, Any]) -> Iterator[Any]:
    options = {"movflags": "+faststart"} if request["muxer"] in {"mp4", "ipod"} else {}
    target = f"file:{request['output']}"
    with av.open(target, "w", format=request["muxer"], container_options=options) as output:
        yield output


def _copied(output: Any, source: Any) -> Any:
    target = output.add_stream_from_template(source, opaque=True)
    if source.type == "video" and _pixel_shape(target) != _pixel_shape(source):
        raise _UnfitError("only its container knows that its pixels are not square")
    return target


def _pixel_shape(stream: Any) -> Fraction:
    return stream.sample_aspect_ratio or Fraction(1)


class _Writer:
    """Writes packets with the recording's time `base` moved to 0."""

    def __init__(self, media: Media, output: Any, streams: list[Any], base: float) -> None:
        self._targets = {s.index: _copied(output, s) for s in streams}
        self._shifts = {s.index: media.timestamp(base, s) for s in streams}
        self._output = output

    def write(self, packet: Any) -> None:
        """Write one packet of the source; it is changed."""
        index = packet.stream_index
        dts = packet.pts if packet.dts is None else packet.dts
        packet.pts = (dts if packet.pts is None else packet.pts) - self._shifts[index]
        packet.dts = dts - self._shifts[index]
        packet.stream = self._targets[index]
        self._output.mux(packet)


def _copy_pictures(media: Media, request: dict[str, Any]) -> dict[str, Any]:
    window = TimeSpan(request["start"], request["end"])
    if media.video is None:
        raise _UnfitError("it has no picture")
    streams = [media.video, *([media.audio] if request["audio"] and media.audio else [])]
    entry = find_entry(media, window.start_seconds, streams, max_head_move_seconds(window))
    if entry is None:
        raise _UnfitError("no keyframe near enough before it")
    if entry.seconds < -EDGE_TOLERANCE_SECONDS:
        raise _UnfitError("its first pictures are hidden by an edit list")
    with _writing(request) as output:
        writer = _Writer(media, output, streams, entry.seconds)
        copying = _GopCopy(media, window, entry.seconds, writer, has_sound=len(streams) > 1)
        for packet in entry.packets:
            if not copying.take(packet):
                break
    return {"start": max(0.0, entry.seconds), "end": copying.shown_until}


class _GopCopy:
    """Takes packets until the first keyframe at or after the window's end, and sound until there.

    Sound may be stored some way before or after the pictures it belongs to, so it waits in a queue
    until it is known to belong.
    """

    def __init__(
        self, media: Media, window: TimeSpan, start: float, writer: _Writer, *, has_sound: bool
    ) -> None:
        self._media = media
        self._window = window
        self._start = start
        self._latest = window.end_seconds + max_tail_move_seconds(window, start)
        self._writer = writer
        self._has_sound = has_sound
        self._sound: deque[tuple[float, Any]] = deque()
        self._pictures_done = False
        self.shown_until = start

    def take(self, packet: Any) -> bool:
        """Write the packet or not. False when nothing that follows belongs to the clip."""
        now = self._media.presented(packet)
        if packet.stream.type == "audio":
            return self._take_sound(packet, now)
        return self._take_picture(packet, now)

    def _take_sound(self, packet: Any, now: float) -> bool:
        if now >= self._start - EDGE_TOLERANCE_SECONDS:
            self._sound.append((now, packet))
        self._write_sound()
        return not (self._pictures_done and self._sound)

    def _write_sound(self) -> None:
        until = max(self._window.end_seconds, self.shown_until)
        while self._sound and self._sound[0][0] < until - EDGE_TOLERANCE_SECONDS:
            self._writer.write(self._sound.popleft()[1])

    def _take_picture(self, packet: Any, now: float) -> bool:
        if self._pictures_done:
            return now < self.shown_until + _INTERLEAVING_SECONDS
        if now < self._start - EDGE_TOLERANCE_SECONDS:
            return True  # Shown before the keyframe, decoded after it: it needs the GOP before.
        is_complete = self.shown_until >= self._window.end_seconds - EDGE_TOLERANCE_SECONDS
        if packet.is_keyframe and is_complete:
            self._pictures_done = True
            self._write_sound()
            return self._has_sound and not self._sound
        if now > self._latest:
            raise _UnfitError("no keyframe near enough after it")
        self.shown_until = max(self.shown_until, packet_end(self._media, packet))
        self._writer.write(packet)
        return True


def _copy_sound(media: Media, request: dict[str, Any]) -> dict[str, Any]:
    stream, start, keep_offset = media.audio, request["start"], request["keep_offset"]
    if stream is None:
        raise _UnfitError("it has no sound")
    media.seek(max(0.0, start - _SOUND_PREROLL_SECONDS), stream)
    packets = _sound_packets(media, start, request["end"], whole=keep_offset)
    first = next(packets, None)
    if first is None:
        raise _UnfitError("no sound there")
    base = start if keep_offset else media.time(first.pts, stream)
    end = packet_end(media, first)
    with _writing(request) as output:
        writer = _Writer(media, output, [stream], base)
        writer.write(first)
        for packet in packets:
            end = max(end, packet_end(media, packet))
            writer.write(packet)
    return {"start": base, "end": end}


def _sound_packets(media: Media, start: float, end: float, *, whole: bool) -> Iterator[Any]:
    """The packets of [start, end); `whole`: none that begins earlier, else nearest to `start`."""
    for packet in media.packets(media.audio):
        if packet.pts is None:
            continue
        now = media.time(packet.pts, packet.stream)
        length = packet_end(media, packet) - now
        if now >= end - length / 2:
            return
        if now >= start - (EDGE_TOLERANCE_SECONDS if whole else length / 2):
            yield packet
