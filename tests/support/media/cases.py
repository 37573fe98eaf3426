"""Inputs that must work, made during the tests, and a helper that probes them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from shared.domain.media_info import MediaInfo
from shared.media.input import LocalInput, MediaInput
from shared.media.probe import probe
from shared.media.sandbox.process import Limits, Sandbox
from tests.support.media.factory import ffmpeg, make_audio, make_video

LIMITS = Limits(ffmpeg=ffmpeg())
DEADLINE_SECONDS = 600.0
SANDBOX = Sandbox(LIMITS, DEADLINE_SECONDS)
FRAME_SECONDS = 1 / 25


@dataclass(frozen=True)
class Case:
    """A file of six seconds, its expected facts, and those of a clip copied from it.

    `sound_late_seconds`: the delay of each pitch behind the tone's own time.
    """

    name: str
    make: Callable[[Path], Path]
    container: str
    video: str | None
    audio: str | None
    clip_format: str
    is_copied: bool = True
    sound_late_seconds: float = 0.0

    def __str__(self) -> str:
        return self.name


def _video(**changes: object) -> Callable[[Path], Path]:
    return lambda path: make_video(path, **changes)


CASES = [
    Case("h264.mp4", _video(), "mp4", "h264", "aac", "mp4"),
    Case("faststart.mp4", _video(faststart=True), "mp4", "h264", "aac", "mp4"),
    Case("fragmented.mp4", _video(fragmented=True), "mp4", "h264", "aac", "mp4",
         sound_late_seconds=0.08),
    Case("h264.mov", _video(audio="mp3"), "mov", "h264", "mp3", "mp4"),
    Case("h264.mkv", _video(), "matroska", "h264", "aac", "mp4"),
    Case("opus.mkv", _video(audio="opus"), "matroska", "h264", "opus", "mp4"),
    Case("opengop.mp4", _video(open_gop=True, bframes=3), "mp4", "h264", "aac", "mp4"),
    Case("late-clock.ts", _video(start_offset_seconds=1000), "mpegts", "h264", "aac", "mp4"),
    Case("late-sound.mp4", _video(audio_delay_seconds=1.5), "mp4", "h264", "aac", "mp4",
         sound_late_seconds=1.5),
    Case("no-sound.mp4", _video(audio=None), "mp4", "h264", None, "mp4"),
    Case("vp9.webm", _video(codec="vp9", audio="opus"), "matroska", "vp9", "opus", "webm"),
    Case("vp9-aac.mkv", _video(codec="vp9"), "matroska", "vp9", "aac", "webm"),
    Case("av1.webm", _video(codec="av1", audio="opus"), "matroska", "av1", "opus", "webm"),
    Case("av1.mp4", _video(codec="av1"), "mp4", "av1", "aac", "mp4"),
    Case("hevc.mp4", _video(codec="hevc"), "mp4", "hevc", "aac", "mp4", is_copied=False),
    Case("ten-bit.mp4", _video(pixel_format="yuv420p10le"), "mp4", "h264", "aac", "mp4", False),
    Case("mpeg4.avi", _video(codec="mpeg4", audio="mp3"), "avi", "mpeg4", "mp3", "mp4", False),
    Case("prores.mov", _video(codec="prores", audio="pcm_s16le"), "mov", "prores", "pcm_s16le",
         "mp4", False),
    Case("sound.mp3", make_audio, "mp3", None, "mp3", "mp3"),
    Case("cover.mp3", lambda path: make_audio(path, cover_art=True), "mp3", None, "mp3", "mp3"),
    Case("sound.m4a", make_audio, "mp4", None, "aac", "m4a"),
    Case("sound.wav", make_audio, "wav", None, "pcm_s16le", "m4a", False),
    Case("sound.flac", make_audio, "flac", None, "flac", "m4a", False),
    Case("sound.ogg", make_audio, "ogg", None, "vorbis", "webm"),
    Case("sound.opus", make_audio, "ogg", None, "opus", "webm"),
]  # fmt: skip


def probed_input(path: Path) -> tuple[MediaInput, MediaInfo]:
    """The file as an input, and its probed facts."""
    source = LocalInput(path)
    return source, probe(source, sandbox=SANDBOX)
