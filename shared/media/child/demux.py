"""Inside the child: open a file, choose its streams, and read its timeline.

The video's timeline begins (0 s) where the first picture or sound of the chosen streams is
presented; `Media.origin` is that moment in the file's own timestamps. MPEG transport streams begin
at any timestamp, MP3 and AAC after their encoder's priming; phones begin the sound late.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import av
import av.error

from shared.error_codes.videos import DAMAGED_MEDIA, EMPTY_FILE, ENCRYPTED_MEDIA, NOT_MEDIA
from shared.errors import Reject
from shared.media.child.memory import check_memory
from shared.media.child.remote_file import RemoteFile
from shared.media.sandbox.formats import FORMAT_WHITELIST, is_remote, protocol_whitelist

if TYPE_CHECKING:
    from av.container import InputContainer

_NO_CODEC = {"none", ""}
_ENCRYPTED_TAGS = {"encv", "enca", "drms", "drmi"}
_BROADCAST = {"mpegts", "mpeg"}
"""Formats for lossy transport, where a corrupt packet only blemishes the picture."""


@dataclass
class Media:
    """An open file. `video` and `audio` are the chosen streams; `origin` is in seconds."""

    container: InputContainer
    video: av.VideoStream | None
    audio: av.AudioStream | None
    cover: av.VideoStream | None
    origin: float

    @property
    def chosen(self) -> list[Any]:
        """The chosen streams, picture first."""
        return [stream for stream in (self.video, self.audio) if stream is not None]

    def time(self, timestamp: int, stream: Any) -> float:
        """A timestamp of `stream` as seconds on the video's timeline."""
        return float(timestamp * stream.time_base) - self.origin

    def presented(self, packet: Any) -> float:
        """When the packet's picture or sound is presented; its decoding time if that is unknown."""
        return self.time(packet.dts if packet.pts is None else packet.pts, packet.stream)

    def timestamp(self, seconds: float, stream: Any) -> int:
        """Seconds on the video's timeline as a timestamp of `stream`."""
        base: Fraction = stream.time_base
        return round((seconds + self.origin) / base)

    def seek(self, seconds: float, stream: Any) -> bool:
        """Go to the last seek point at or before `seconds`. False if the file cannot be seeked."""
        try:
            self.container.seek(self.timestamp(seconds, stream), stream=stream, backward=True)
        except (av.error.FFmpegError, OverflowError):
            check_memory()
            return False
        return True

    def packets(self, *streams: Any) -> Iterator[Any]:
        """The streams' packets in file order. Damage ends them as the end of the file does.

        The incomplete last packet of a truncated file is skipped.
        """
        drops_corrupt = self.container.format.name not in _BROADCAST
        try:
            for packet in self.container.demux(streams or tuple(self.chosen)):
                if packet.has_sidedata("encryption_info"):
                    raise _encrypted()
                if packet.is_corrupt and drops_corrupt:
                    check_memory()
                    continue
                if packet.dts is not None or packet.pts is not None:
                    yield packet
        except av.error.EOFError:
            return
        except av.error.InvalidDataError:
            check_memory()


@contextmanager
def open_media(location: str) -> Iterator[Media]:
    """Open `location`. Raises Reject if it is not a media file or is encrypted."""
    options = {
        "format_whitelist": FORMAT_WHITELIST,
        "protocol_whitelist": protocol_whitelist(location),
        "fflags": "+genpts",
    }
    file: Any = RemoteFile(location) if is_remote(location) else f"file:{location}"
    try:
        container = av.open(file, "r", container_options=options, metadata_errors="replace")
    except (av.error.InvalidDataError, av.error.EOFError, ValueError) as error:
        raise _unreadable(location, file) from error
    with container:
        video, cover = _pictures(container)
        audio = _sound(container)
        _refuse_encrypted([*container.streams.video, *container.streams.audio])
        yield Media(container, video, audio, cover, _origin(container, video, audio))


def _unreadable(location: str, file: Any) -> Reject:
    head = _head(location, file)
    if not head:
        return Reject(EMPTY_FILE, "The file is empty. Upload it again.")
    if head[4:8] in {b"ftyp", b"moov", b"mdat", b"wide", b"free", b"styp"}:
        return Reject(
            DAMAGED_MEDIA,
            "The file ends before its index (no moov atom): the recording or the upload was "
            "cut short. Upload it again.",
        )
    return Reject(
        NOT_MEDIA,
        "The file is not a video or audio file of a known kind. "
        "Upload an mp4, mov, mkv, webm, mp3, m4a, wav or similar file.",
    )


def _head(location: str, file: Any) -> bytes:
    if isinstance(file, RemoteFile):
        file.seek(0)
        return file.read(64)
    with open(location, "rb") as source:  # noqa: PTH123 - the one line that needs no Path
        return source.read(64)


def is_usable(stream: Any) -> bool:
    """True if a decoder exists for the stream."""
    context = stream.codec_context
    return context is not None and (context.name or "") not in _NO_CODEC


def _pictures(
    container: InputContainer,
) -> tuple[av.VideoStream | None, av.VideoStream | None]:
    attached = av.stream.Disposition.attached_pic
    usable = [stream for stream in container.streams.video if is_usable(stream)]
    covers = [stream for stream in usable if stream.disposition & attached]
    moving = [stream for stream in usable if not stream.disposition & attached]
    return _preferred(container, "video", moving), covers[0] if covers else None


def _sound(container: InputContainer) -> av.AudioStream | None:
    usable = [stream for stream in container.streams.audio if is_usable(stream)]
    sound: av.AudioStream | None = _preferred(container, "audio", usable)
    return sound


def _preferred(container: InputContainer, kind: Any, streams: list[Any]) -> Any:
    default = [s for s in streams if s.disposition & av.stream.Disposition.default]
    if len(default) == 1:
        return default[0]
    best = container.streams.best(kind)
    if any(best is stream or best == stream for stream in streams):
        return best
    return streams[0] if streams else None


def _refuse_encrypted(streams: list[Any]) -> None:
    for stream in streams:
        context = stream.codec_context
        if context is not None and context.codec_tag in _ENCRYPTED_TAGS:
            raise _encrypted()


def _encrypted() -> Reject:
    return Reject(
        ENCRYPTED_MEDIA,
        "The file is encrypted (DRM) and cannot be read. Upload an unprotected copy.",
    )


def _origin(container: InputContainer, *streams: Any) -> float:
    starts = [
        float(stream.start_time * stream.time_base)
        for stream in streams
        if stream is not None and stream.start_time is not None
    ]
    if starts:
        return min(starts)
    return container.start_time / 1e6 if container.start_time else 0.0
