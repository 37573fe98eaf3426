"""Inspect the installed ffmpeg: its version and the codecs it lacks."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass

from shared.media.sandbox.runner import find_ffmpeg

TESTED_FROM = 5
NEEDED_ENCODERS = ("libx264", "aac", "pcm_s16le")
NEEDED_DECODERS = ("h264", "hevc", "vp9", "aac", "mp3", "opus", "vorbis", "flac")
_SECONDS = 20.0


@dataclass(frozen=True, slots=True)
class Ffmpeg:
    """An installed ffmpeg. `major` is None for a build without a release number."""

    path: str
    version: str
    major: int | None
    missing_encoders: tuple[str, ...]
    missing_decoders: tuple[str, ...]


def inspect_ffmpeg(setting: str | None) -> Ffmpeg:
    """Inspect the ffmpeg that media operations would use.

    Raises SettingsError if there is none, OSError if it cannot be run.
    """
    path = find_ffmpeg(setting)
    first_line = (_output(path, "-version").splitlines() or [""])[0]
    found = re.match(r"ffmpeg version (\S+)", first_line)
    version = found.group(1) if found else "unknown"
    number = re.match(r"n?(\d+)\.", version)
    return Ffmpeg(
        path=path,
        version=version,
        major=int(number.group(1)) if number else None,
        missing_encoders=not_listed(NEEDED_ENCODERS, _output(path, "-encoders")),
        missing_decoders=not_listed(NEEDED_DECODERS, _output(path, "-decoders")),
    )


def not_listed(needed: Sequence[str], listing: str) -> tuple[str, ...]:
    """The needed names that ffmpeg's listing of encoders or decoders lacks.

    A line of the listing is ` V..... name  description`.
    """
    listed = {parts[1] for line in listing.splitlines() if len(parts := line.split(None, 2)) > 1}
    return tuple(name for name in needed if name not in listed)


def _output(path: str, option: str) -> str:
    completed = subprocess.run(
        [path, "-hide_banner", "-nostdin", option],
        capture_output=True,
        text=True,
        errors="replace",
        stdin=subprocess.DEVNULL,
        timeout=_SECONDS,
        check=False,
    )
    return completed.stdout
