"""What the ffmpeg at hand is and can do."""

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
    """`major` is None for a build that carries no release's number."""

    path: str
    version: str
    major: int | None
    missing_encoders: tuple[str, ...]
    missing_decoders: tuple[str, ...]


def inspect_ffmpeg(setting: str | None) -> Ffmpeg:
    """Ask the ffmpeg that would be used. Raises `SettingsError` when there is none, OSError when it
    cannot be run."""
    path = find_ffmpeg(setting)
    first_line = (_said(path, "-version").splitlines() or [""])[0]
    found = re.match(r"ffmpeg version (\S+)", first_line)
    version = found.group(1) if found else "unknown"
    number = re.match(r"n?(\d+)\.", version)
    return Ffmpeg(
        path=path,
        version=version,
        major=int(number.group(1)) if number else None,
        missing_encoders=not_listed(NEEDED_ENCODERS, _said(path, "-encoders")),
        missing_decoders=not_listed(NEEDED_DECODERS, _said(path, "-decoders")),
    )


def not_listed(needed: Sequence[str], listing: str) -> tuple[str, ...]:
    """Which of the names are not in ffmpeg's listing of encoders or decoders.

    A line of it is ` V..... name  description`.
    """
    there = {parts[1] for line in listing.splitlines() if len(parts := line.split(None, 2)) > 1}
    return tuple(name for name in needed if name not in there)


def _said(path: str, question: str) -> str:
    done = subprocess.run(
        [path, "-hide_banner", "-nostdin", question],
        capture_output=True,
        text=True,
        errors="replace",
        stdin=subprocess.DEVNULL,
        timeout=_SECONDS,
        check=False,
    )
    return done.stdout
