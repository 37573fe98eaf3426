"""The settings of speech recognition, moments, clips and media limits, a part of `Settings`."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import Field
from pydantic_settings import BaseSettings


class MomentSettings(BaseSettings):
    """How videos are transcribed, and the bounds of moments, clips and inputs."""

    # Speech
    speech_engine: Literal["auto", "whisper", "offline"] = Field(
        default="auto",
        description="`auto`: faster-whisper if a model is available, else the offline engine.",
    )
    whisper_model: str | None = Field(
        default=None,
        description="faster-whisper model: a name (`small`) or the path of its folder.",
    )
    whisper_download: bool = Field(
        default=True, description="Whether a model given by name may be downloaded."
    )
    language: str | None = Field(
        default=None, description="Spoken language, as a code (`en`). Unset: detected."
    )
    subtitles: Literal["auto", "always", "never"] = Field(
        default="auto",
        description="When to use the video's own subtitles instead of speech recognition: `auto` "
        "if they are good, `always` if they hold any words, or `never`. `run` and `explain` list "
        "the subtitles that were not used, and why.",
    )
    slice_seconds: float = Field(
        default=180, ge=10, le=1800, description="Target length of one audio slice."
    )

    # Moments and clips
    min_moment_length_seconds: float = Field(
        default=5, gt=0, description="Shortest moment; a hard bound."
    )
    max_moment_length_seconds: float = Field(
        default=90, gt=0, description="Longest moment; a hard bound."
    )
    min_moments: int = Field(
        default=1, ge=0, description="Fewest moments, if the video has enough."
    )
    max_moments: int = Field(default=10, ge=1, description="Most moments; a hard bound.")
    padding_left_seconds: float = Field(
        default=0.5, ge=0, description="Seconds shown before a moment."
    )
    padding_right_seconds: float = Field(
        default=0.5, ge=0, description="Seconds shown after a moment."
    )
    padding_over_words: bool = Field(
        default=False,
        description="Whether padding may reach into a neighbouring word. A run that asks for its "
        "own padding gets all of it. Copied clips consist of whole GOPs and hold more than the "
        "padding: see `VIDEOMOMENTS_CLIP_MODE`.",
    )
    clip_mode: Literal["copy", "exact"] = Field(
        default="copy",
        description="`copy`: whole GOPs without re-encoding. A clip begins at the last keyframe "
        "before the padding and ends at the first keyframe after it, up to 15 s further, so "
        "neighbouring words can be heard; the clip's row gives both times. `exact`: re-encodes, "
        "and begins and ends at the exact frame.",
    )

    # Limits
    max_duration_seconds: float = Field(
        default=43_200, gt=0, description="Longest video; a longer one is refused."
    )
    max_pixels: int = Field(
        default=8192 * 4320,
        ge=1,
        description="Largest picture, in pixels; a larger one is refused.",
    )
    child_memory_mib: int = Field(
        default=4096, ge=512, description="Address space of one media subprocess."
    )
    ffmpeg: Path | None = Field(
        default=None,
        description="Path of ffmpeg. Unset: the one on PATH, else the one from the wheel.",
    )
    ffmpeg_threads: int = Field(default=2, ge=1, le=64, description="Threads of one ffmpeg.")
