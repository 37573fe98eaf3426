"""Cut one clip out of a video and verify the result."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from shared.domain.media_info import MediaInfo
from shared.domain.spans import TimeSpan
from shared.error_codes.videos import DAMAGED_MEDIA, NO_STREAMS
from shared.errors import Reject
from shared.media.clip_writer import ClipFile, ClipWriter, CopyImpossible
from shared.media.cut_plan import CutMode, OutputFormat, ways_to_cut
from shared.media.input import MediaInput
from shared.media.sandbox.runner import Sandbox

_NO_SOUND = "its sound is missing"
_TOLERATED_SHORTFALL_SECONDS = 0.5
_TOLERATED_SHORTFALL_SHARE = 0.05
_TOLERATED_EXCESS_SECONDS = 1.5


@dataclass(frozen=True, slots=True)
class CutResult:
    """A clip. Start and end are its actual edges, in seconds on the video's timeline.

    `format` is also the suffix of `path`. `resolution` is the displayed size ("1280x720"), None
    without a picture.
    """

    path: Path
    start_seconds: float
    end_seconds: float
    format: str
    content_type: str
    video_codec: str | None
    audio_codec: str | None
    resolution: str | None
    size_bytes: int
    duration_seconds: float


def cut_clip(
    source: MediaInput,
    info: MediaInfo,
    *,
    window: TimeSpan,
    mode: CutMode,
    workdir: Path,
    sandbox: Sandbox,
) -> CutResult:
    """Cut `window` (already padded and clamped) into a new file in `workdir`.

    Mode `copy` takes whole GOPs. It re-encodes a stream only if browsers cannot play it, and
    everything if the keyframes are too far away. Mode `exact`, and every re-encoded picture, begins
    and ends at the window's own edges. Each output is probed; if it is unsound, the clip is
    re-encoded once.

    Raises Reject (`damaged_media`, `no_streams`, `media_too_costly`, `media_too_large`) and
    MediaError.
    """
    if info.video is None and info.audio is None:
        raise Reject(NO_STREAMS, "The video has neither picture nor sound to cut from.")
    deadline = time.monotonic() + sandbox.deadline_seconds
    writer = ClipWriter(source, info, window, workdir=workdir, sandbox=sandbox, deadline=deadline)
    return _first_sound_clip(writer, info, window, list(ways_to_cut(info, mode)))


def _first_sound_clip(
    writer: ClipWriter, info: MediaInfo, window: TimeSpan, ways: list[OutputFormat]
) -> CutResult:
    """Try at most three ways, each more thorough than the last, until one yields a sound clip."""
    problem = "nothing was tried"
    while ways:
        output = ways.pop(0)
        try:
            clip = writer.write(output)
        except CopyImpossible as error:
            problem = str(error)
            continue
        facts = writer.verify(clip)
        found = _problem(writer, info, clip, output, facts)
        if found is None:
            return _result(info, clip, output, facts)
        problem = found
        if found == _NO_SOUND and info.video is not None:
            # The video's sound begins after this clip or ends before it.
            ways.insert(0, replace(output, audio=None))
    raise Reject(
        DAMAGED_MEDIA,
        f"No clip can be cut at {window.start_seconds:.1f} s: {problem}. "
        "Export the video again and upload it.",
    )


def _problem(
    writer: ClipWriter, info: MediaInfo, clip: ClipFile, output: OutputFormat, facts: dict[str, Any]
) -> str | None:
    if info.video is not None and not facts["video_decodes"]:
        return "its picture cannot be decoded"
    if output.audio is not None and "audio" not in facts["spans"]:
        return _NO_SOUND
    if output.audio is not None and not facts["audio_decodes"]:
        return "its sound cannot be decoded"
    wanted, got = clip.end - clip.start, _length(facts)
    if got > wanted + _TOLERATED_EXCESS_SECONDS:
        return f"it lasts {got:.1f} s instead of {wanted:.1f} s"
    slack = max(_TOLERATED_SHORTFALL_SECONDS, wanted * _TOLERATED_SHORTFALL_SHARE)
    if got < wanted - slack and not _holds_last_picture(writer, info, clip, got + slack):
        return f"it lasts {got:.1f} s instead of {wanted:.1f} s"
    return None


def _holds_last_picture(writer: ClipWriter, info: MediaInfo, clip: ClipFile, length: float) -> bool:
    """True if the clip is short only because its last picture stays on screen for long."""
    if info.video is None:
        return False
    last = writer.frame_before(clip.end)
    return last is not None and last <= clip.start + length


def _length(facts: dict[str, Any]) -> float:
    return max((end for _, end in facts["spans"].values()), default=0.0)


def _result(
    info: MediaInfo, clip: ClipFile, output: OutputFormat, facts: dict[str, Any]
) -> CutResult:
    video, audio = facts["video"], facts["audio"]
    length = _length(facts)
    return CutResult(
        path=clip.path,
        # Opus begins with samples before its time 0.
        start_seconds=max(0.0, clip.start),
        end_seconds=min(info.duration_seconds, clip.end, clip.start + length),
        format=output.name,
        content_type=output.content_type,
        video_codec=video["codec"] if video else None,
        audio_codec=audio["codec"] if audio else None,
        resolution=f"{video['width']}x{video['height']}" if video else None,
        size_bytes=clip.path.stat().st_size,
        duration_seconds=length,
    )
