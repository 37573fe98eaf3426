"""Plan a clip: its padded window, its output format, and how far copied GOPs may move its edges.

Pure. Times are seconds on the video's timeline, which begins at 0 where the first picture or sound
of the chosen streams is presented.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

from shared.domain.media_info import AudioStream, MediaInfo, VideoStream
from shared.domain.spans import TimeSpan

CutMode = Literal["copy", "exact"]
AudioTreatment = Literal["copy", "aac", "opus"]

MAX_KEYFRAME_MOVE_SECONDS = 15.0
"""A clip whose edge would move farther than this to reach a keyframe is re-encoded instead."""

_BROWSER_PIXEL_FORMATS: dict[str, frozenset[str]] = {
    "h264": frozenset({"yuv420p", "yuvj420p"}),
    "av1": frozenset({"yuv420p", "yuvj420p", "yuv420p10le"}),
    "vp8": frozenset({"yuv420p", "yuva420p"}),
    "vp9": frozenset({"yuv420p", "yuvj420p", "yuva420p"}),
}
_MP4_AUDIO = frozenset({"aac", "mp3"})
_WEBM_AUDIO = frozenset({"opus", "vorbis"})


@dataclass(frozen=True, slots=True)
class OutputFormat:
    """The format of a clip. `encode_video` False copies the picture; `audio` None omits the sound.

    `name` is also the file's suffix; `muxer` is libavformat's name for it.
    """

    name: str
    muxer: str
    content_type: str
    encode_video: bool
    audio: AudioTreatment | None

    @property
    def copies_all(self) -> bool:
        """True when no stream is re-encoded."""
        return not self.encode_video and self.audio in {None, "copy"}


def padded_window(
    span: TimeSpan, *, left_seconds: float, right_seconds: float, duration_seconds: float
) -> TimeSpan:
    """`span` with its padding, clamped to 0…`duration_seconds`.

    Raises ValueError if the span lies outside the video.
    """
    return TimeSpan(
        max(0.0, span.start_seconds - left_seconds),
        min(duration_seconds, span.end_seconds + right_seconds),
    )


def choose_output(info: MediaInfo, mode: CutMode) -> OutputFormat:
    """The format that browsers play with the least re-encoding.

    Exact mode re-encodes the whole picture. Joining a re-encoded head to copied GOPs would need two
    sets of decoder parameters in one track, and browsers stumble on that; clips are short anyway.
    Raises ValueError if there is neither picture nor sound.
    """
    if info.video is None:
        return _audio_output(info.audio)
    encode = mode == "exact" or not plays_in_browsers(info.video)
    if encode or info.video.codec == "h264":
        return _mp4(encode, info.audio)
    webm_audio = info.audio is not None and info.audio.codec in _WEBM_AUDIO
    if info.video.codec == "av1" and not webm_audio:
        return _mp4(encode, info.audio)
    return OutputFormat("webm", "webm", "video/webm", encode, _treatment(info.audio, "opus"))


def ways_to_cut(info: MediaInfo, mode: CutMode) -> tuple[OutputFormat, ...]:
    """The formats to try in turn: least re-encoding first, then full. Raises as `choose_output`."""
    first = choose_output(info, mode)
    if info.video is None:
        whole = OutputFormat("m4a", "ipod", "audio/mp4", encode_video=False, audio="aac")
    else:
        whole = choose_output(info, "exact")
        whole = replace(whole, audio="aac" if whole.audio else None)
    return (first,) if first == whole else (first, whole)


def plays_in_browsers(video: VideoStream) -> bool:
    """True if current browsers decode it: H.264, VP8, VP9 at 8 bit 4:2:0, AV1 at 8 or 10 bit."""
    return video.pixel_format in _BROWSER_PIXEL_FORMATS.get(video.codec, frozenset())


def _mp4(encode: bool, audio: AudioStream | None) -> OutputFormat:
    return OutputFormat("mp4", "mp4", "video/mp4", encode, _treatment(audio, "aac"))


def _treatment(audio: AudioStream | None, family: Literal["aac", "opus"]) -> AudioTreatment | None:
    if audio is None:
        return None
    playable = _MP4_AUDIO if family == "aac" else _WEBM_AUDIO
    return "copy" if audio.codec in playable else family


def _audio_output(audio: AudioStream | None) -> OutputFormat:
    if audio is None:
        raise ValueError("there is neither picture nor sound to cut from")
    if audio.codec == "mp3":
        return OutputFormat("mp3", "mp3", "audio/mpeg", False, "copy")
    if audio.codec in _WEBM_AUDIO:
        return OutputFormat("webm", "webm", "audio/webm", False, "copy")
    return OutputFormat("m4a", "ipod", "audio/mp4", False, _treatment(audio, "aac"))


def max_head_move_seconds(window: TimeSpan) -> float:
    """How much earlier than `window` a copied clip may begin."""
    return min(MAX_KEYFRAME_MOVE_SECONDS, window.length_seconds)


def max_tail_move_seconds(window: TimeSpan, start_seconds: float) -> float:
    """How much later than `window` a clip copied from `start_seconds` may end."""
    head = max(0.0, window.start_seconds - start_seconds)
    return max(0.0, min(MAX_KEYFRAME_MOVE_SECONDS, window.length_seconds - head))
