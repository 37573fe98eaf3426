"""What a probe found in a media file: plain facts, no I/O."""

from __future__ import annotations

from dataclasses import dataclass

_MOST_SECONDS_MISSING = 2.0
_MOST_SHARE_MISSING = 0.02
"""Headers are rounded, and a last picture may be held; more than both is not there."""


@dataclass(frozen=True, slots=True)
class VideoStream:
    """`width` x `height` as shown, after rotation. `rotation_degrees` is 0, 90, 180 or 270."""

    index: int
    codec: str
    width: int
    height: int
    frame_rate: float | None
    pixel_format: str | None
    rotation_degrees: int = 0
    start_seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class AudioStream:
    """The audio stream that will be listened to."""

    index: int
    codec: str
    sample_rate_hz: int
    channels: int
    start_seconds: float = 0.0
    language: str | None = None


@dataclass(frozen=True, slots=True)
class SubtitleStream:
    """A text track inside the file."""

    index: int
    codec: str
    language: str | None = None


@dataclass(frozen=True, slots=True)
class MediaInfo:
    """`duration_seconds` is checked against the packets, not the header's claim alone.

    All times are on the recording's timeline: 0 where its first picture or sound is presented,
    which the file itself may call `origin_seconds` (transport streams begin anywhere).
    `claimed_seconds` is what the header says, 0 where it says nothing.
    """

    container: str
    duration_seconds: float
    video: VideoStream | None
    audio: AudioStream | None
    subtitles: tuple[SubtitleStream, ...] = ()
    has_cover_art: bool = False
    origin_seconds: float = 0.0
    claimed_seconds: float = 0.0

    @property
    def is_cut_short(self) -> bool:
        """Whether the file ends well before the end that its own index or header names."""
        missing = self.claimed_seconds - self.duration_seconds
        return missing > max(_MOST_SECONDS_MISSING, _MOST_SHARE_MISSING * self.claimed_seconds)

    @property
    def resolution(self) -> str | None:
        """`1920x1080` as shown, or None without video."""
        return f"{self.video.width}x{self.video.height}" if self.video else None
