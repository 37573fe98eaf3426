"""The facts that a probe finds in a media file."""

from __future__ import annotations

from dataclasses import dataclass

_MOST_SECONDS_MISSING = 2.0
_MOST_SHARE_MISSING = 0.02
"""Headers are rounded and a last picture may stay on screen, so a file may lack this much."""


@dataclass(frozen=True, slots=True)
class VideoStream:
    """`width` and `height` are as displayed, after rotation by 0, 90, 180 or 270 degrees."""

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
    """The audio stream chosen for transcription and clips."""

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
    """The streams of a file and their timeline.

    All times are on the video's timeline. It begins at 0 with the first picture or sound, which the
    file's own timestamps place at `origin_seconds` (transport streams begin at any timestamp).
    `duration_seconds` is measured from the packets. `claimed_seconds` is the header's claim, 0 if
    it makes none.
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
        """True if the file ends well before the end that its own index or header claims."""
        missing = self.claimed_seconds - self.duration_seconds
        return missing > max(_MOST_SECONDS_MISSING, _MOST_SHARE_MISSING * self.claimed_seconds)

    @property
    def resolution(self) -> str | None:
        """The displayed size, e.g. `1920x1080`; None without a picture."""
        return f"{self.video.width}x{self.video.height}" if self.video else None
