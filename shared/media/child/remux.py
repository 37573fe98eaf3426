"""Inside the child: copy a window of a file, packet by packet, without decoding."""

from __future__ import annotations

import heapq
from collections import deque
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import av.error

from shared.domain.spans import TimeSpan
from shared.media.child.demux import Media, open_media
from shared.media.child.duration import packet_end
from shared.media.child.keyframes import EDGE_TOLERANCE_SECONDS, find_entry
from shared.media.child.memory import check_memory
from shared.media.child.packet_writer import NotCopyable, PacketWriter, add_stream, open_output
from shared.media.cut_plan import max_head_move_seconds, max_tail_move_seconds

_INTERLEAVING_SECONDS = 10.0
_SOUND_PREROLL_SECONDS = 1.0


def copy(request: dict[str, Any]) -> dict[str, Any]:
    """Copy [start, end) of the chosen streams into `output`; `video` and `audio` select them.

    With video, copies whole GOPs; the reply's start and end are those of the first and the last
    picture. Without, copies whole audio packets; timestamps count from the first packet, or from
    `start` if `keep_offset`. The reply is {"impossible": reason} if copying would move an edge too
    far or the file's timestamps do not allow it.
    """
    try:
        with open_media(request["location"]) as media:
            if request["video"]:
                return _copy_pictures(media, request)
            return _copy_sound(media, request)
    except (NotCopyable, ValueError, av.error.ArgumentError, av.error.InvalidDataError) as error:
        check_memory()
        return {"impossible": str(error)}


def merge(request: dict[str, Any]) -> dict[str, Any]:
    """Merge the streams of the files `inputs` into one `output`. Their times must agree."""
    with ExitStack() as stack:
        inputs = [stack.enter_context(open_media(location)) for location in request["inputs"]]
        output = stack.enter_context(open_output(request))
        targets = [{s.index: add_stream(output, s) for s in media.chosen} for media in inputs]
        queues = [_in_decoding_order(media, number) for number, media in enumerate(inputs)]
        for _, number, _, packet in heapq.merge(*queues):
            packet.stream = targets[number][packet.stream_index]
            output.mux(packet)
    return {}


def _in_decoding_order(media: Media, number: int) -> Iterator[tuple[float, int, int, Any]]:
    for count, packet in enumerate(media.packets()):
        decoded = (
            media.presented(packet) if packet.dts is None else media.time(packet.dts, packet.stream)
        )
        yield decoded + media.origin, number, count, packet


def _copy_pictures(media: Media, request: dict[str, Any]) -> dict[str, Any]:
    window = TimeSpan(request["start"], request["end"])
    if media.video is None:
        raise NotCopyable("it has no picture")
    streams = [media.video, *([media.audio] if request["audio"] and media.audio else [])]
    entry = find_entry(media, window.start_seconds, streams, max_head_move_seconds(window))
    if entry is None:
        raise NotCopyable("no keyframe near enough before it")
    if entry.seconds < -EDGE_TOLERANCE_SECONDS:
        raise NotCopyable("its first pictures are hidden by an edit list")
    with open_output(request) as output:
        writer = PacketWriter(media, output, streams, entry.seconds)
        gops = _GopCopy(media, window, entry.seconds, writer, has_sound=len(streams) > 1)
        for packet in entry.packets:
            if not gops.take(packet):
                break
    return {"start": max(0.0, entry.seconds), "end": gops.shown_until}


class _GopCopy:
    """Copies packets up to the first keyframe at or after the window's end, and the sound up to it.

    Sound may be stored some way before or after the pictures it belongs to, so it waits in a queue
    until the end of the clip is known.
    """

    def __init__(
        self, media: Media, window: TimeSpan, start: float, writer: PacketWriter, *, has_sound: bool
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
        """Write the packet if it belongs to the clip. False if no later packet can belong to it."""
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
            return True  # It is shown before the keyframe and needs the previous GOP to decode.
        is_complete = self.shown_until >= self._window.end_seconds - EDGE_TOLERANCE_SECONDS
        if packet.is_keyframe and is_complete:
            self._pictures_done = True
            self._write_sound()
            return self._has_sound and not self._sound
        if now > self._latest:
            raise NotCopyable("no keyframe near enough after it")
        self.shown_until = max(self.shown_until, packet_end(self._media, packet))
        self._writer.write(packet)
        return True


def _copy_sound(media: Media, request: dict[str, Any]) -> dict[str, Any]:
    stream, start, keep_offset = media.audio, request["start"], request["keep_offset"]
    if stream is None:
        raise NotCopyable("it has no sound")
    media.seek(max(0.0, start - _SOUND_PREROLL_SECONDS), stream)
    packets = _sound_packets(media, start, request["end"], whole=keep_offset)
    first = next(packets, None)
    if first is None:
        raise NotCopyable("no sound there")
    base = start if keep_offset else media.time(first.pts, stream)
    end = packet_end(media, first)
    with open_output(request) as output:
        writer = PacketWriter(media, output, [stream], base)
        writer.write(first)
        for packet in packets:
            end = max(end, packet_end(media, packet))
            writer.write(packet)
    return {"start": base, "end": end}


def _sound_packets(media: Media, start: float, end: float, *, whole: bool) -> Iterator[Any]:
    """The packets of [start, end). With `whole` none begins before `start`; else it may by half."""
    for packet in media.packets(media.audio):
        if packet.pts is None:
            continue
        now = media.time(packet.pts, packet.stream)
        length = packet_end(media, packet) - now
        if now >= end - length / 2:
            return
        if now >= start - (EDGE_TOLERANCE_SECONDS if whole else length / 2):
            yield packet
