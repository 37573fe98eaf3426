"""Cut one clip out of a recording, and make sure that it is one."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from shared.domain.media_info import MediaInfo
from shared.domain.spans import TimeSpan
from shared.error_codes.videos import DAMAGED_MEDIA, NO_STREAMS
from shared.errors import MediaError, Reject
from shared.media.cut_plan import CutMode, OutputFormat, ways_to_cut
from shared.media.input import MediaInput
from shared.media.sandbox.arguments import encode_arguments
from shared.media.sandbox.runner import Limits, run_ffmpeg, run_operation

_NO_SOUND = "its sound is missing"
_TOLERATED_SHORTFALL_SECONDS = 0.5
_TOLERATED_SHORTFALL_SHARE = 0.05
_TOLERATED_EXCESS_SECONDS = 1.5


@dataclass(frozen=True, slots=True)
class CutResult:
    """A clip. Start and end are what is really in it, on the recording's timeline.

    `format` is also the suffix of `path`. `resolution` is as shown, None without picture.
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
    limits: Limits,
    deadline_seconds: float,
) -> CutResult:
    """Cut `window` (already padded and clamped) into a new file of `workdir`.

    Mode `copy` takes whole GOPs and re-encodes only what browsers cannot play, or everything when
    the keyframes are too far away; a re-encoded picture, and mode `exact`, begin and end at the
    window's own edges. Every output is probed; one that is not as it should be is made once more
    by re-encoding.

    Raises Reject (`damaged_media`, `no_streams`, `media_too_costly`, `media_too_large`) and
    MediaError.
    """
    if info.video is None and info.audio is None:
        raise Reject(NO_STREAMS, "The video has neither picture nor sound to cut from.")
    cutter = _Cutter(source, info, window, workdir, limits, time.monotonic() + deadline_seconds)
    return cutter.cut(mode)


@dataclass(frozen=True, slots=True)
class _Part:
    """A file that holds [start, end) of the recording."""

    path: Path
    start: float
    end: float


class _UnfitError(Exception):
    """Copying does not do here."""


class _Cutter:
    """One clip's work: the plan, the attempt, the check, the second attempt."""

    def __init__(
        self,
        source: MediaInput,
        info: MediaInfo,
        window: TimeSpan,
        workdir: Path,
        limits: Limits,
        deadline: float,
    ) -> None:
        self._source, self._info, self._window = source, info, window
        self._workdir, self._limits, self._deadline = workdir, limits, deadline

    def cut(self, mode: CutMode) -> CutResult:
        """The clip, made in at most three ways, each one more thorough than the last."""
        ways = list(ways_to_cut(self._info, mode))
        problem = "nothing was tried"
        while ways:
            output = ways.pop(0)
            try:
                part = self._make(output)
            except _UnfitError as error:
                problem = str(error)
                continue
            facts = self._operation("verify", {"location": str(part.path)})
            found = self._problem_with(facts, part, output)
            if found is None:
                return _result(self._info, part, output, facts)
            problem = found
            if found == _NO_SOUND and self._info.video is not None:
                # The sound begins later or ended earlier than this clip: it has none.
                ways.insert(0, replace(output, audio=None))
        raise Reject(
            DAMAGED_MEDIA,
            f"No clip can be cut at {self._window.start_seconds:.1f} s: {problem}. "
            "Export the video again and upload it.",
        )

    def _problem_with(self, facts: dict[str, Any], part: _Part, output: OutputFormat) -> str | None:
        if self._info.video is not None and not facts["video_decodes"]:
            return "its picture cannot be decoded"
        if output.audio is not None and "audio" not in facts["spans"]:
            return _NO_SOUND
        if output.audio is not None and not facts["audio_decodes"]:
            return "its sound cannot be decoded"
        wanted, got = part.end - part.start, _length(facts)
        if got > wanted + _TOLERATED_EXCESS_SECONDS:
            return f"it lasts {got:.1f} s instead of {wanted:.1f} s"
        slack = max(_TOLERATED_SHORTFALL_SECONDS, wanted * _TOLERATED_SHORTFALL_SHARE)
        if got < wanted - slack and not self._holds_last_picture(part, got + slack):
            return f"it lasts {got:.1f} s instead of {wanted:.1f} s"
        return None

    def _holds_last_picture(self, part: _Part, length: float) -> bool:
        """True when it is short only because its last picture stands still for long."""
        if self._info.video is None:
            return False
        last = self._frame_before(part.end)
        return last is not None and last <= part.start + length

    def _make(self, output: OutputFormat) -> _Part:
        if self._info.video is None:
            return self._copied(output) if output.audio == "copy" else self._encoded(output)
        if output.copies_all:
            return self._copied(output)
        if not output.encode_video:
            pictures = self._copied(replace(output, audio=None), "pictures")
            span = TimeSpan(pictures.start, pictures.end)
            sound = self._encoded(output, "sound", span=span, video=False)
            return self._merged(output, pictures, sound)
        if output.audio != "copy":
            return self._encoded(output)
        pictures = self._encoded(replace(output, audio=None), "pictures")
        sound = self._copied(output, "sound", video=False)
        return self._merged(output, pictures, sound)

    def _copied(self, output: OutputFormat, name: str = "clip", *, video: bool = True) -> _Part:
        path = self._workdir / f"{name}.{output.name}"
        has_picture = video and self._info.video is not None
        request = {
            "location": self._source.location,
            "output": str(path),
            "muxer": output.muxer,
            "start": self._window.start_seconds,
            "end": self._window.end_seconds,
            "video": has_picture,
            "audio": output.audio == "copy",
            "keep_offset": not has_picture and self._info.video is not None,
        }
        reply = self._operation("copy", request)
        if "unfit" in reply:
            raise _UnfitError(reply["unfit"])
        return _Part(path, reply["start"], reply["end"])

    def _encoded(
        self,
        output: OutputFormat,
        name: str = "clip",
        *,
        span: TimeSpan | None = None,
        video: bool = True,
    ) -> _Part:
        window = span or self._window
        path = self._workdir / f"{name}.{output.name}"
        arguments = encode_arguments(
            self._source.location,
            self._info,
            window,
            shown_from_seconds=self._shown_from(window) if video else None,
            audio_encoder=None if output.audio in {None, "copy"} else output.audio,
            output=path,
            muxer=output.muxer,
            limits=self._limits,
        )
        run_ffmpeg(arguments, limits=self._limits, deadline_seconds=self._left())
        return _Part(path, window.start_seconds, window.end_seconds)

    def _shown_from(self, window: TimeSpan) -> float | None:
        if self._info.video is None:
            return None
        shown = self._frame_before(window.start_seconds)
        return window.start_seconds if shown is None else shown

    def _frame_before(self, seconds: float) -> float | None:
        request = {"location": self._source.location, "start": seconds}
        shown = self._operation("frame_before", request)["seconds"]
        return None if shown is None else float(shown)

    def _merged(self, output: OutputFormat, pictures: _Part, sound: _Part) -> _Part:
        path = self._workdir / f"clip.{output.name}"
        parts = [str(pictures.path), str(sound.path)]
        request = {"parts": parts, "output": str(path), "muxer": output.muxer}
        self._operation("merge", request)
        pictures.path.unlink()
        sound.path.unlink()
        return _Part(path, pictures.start, pictures.end)

    def _operation(self, name: str, request: dict[str, Any]) -> dict[str, Any]:
        return run_operation(name, request, limits=self._limits, deadline_seconds=self._left())

    def _left(self) -> float:
        left = self._deadline - time.monotonic()
        if left <= 0:
            raise MediaError("The clip was not cut in time.")
        return left


def _length(facts: dict[str, Any]) -> float:
    return max((end for _, end in facts["spans"].values()), default=0.0)


def _result(info: MediaInfo, part: _Part, output: OutputFormat, facts: dict[str, Any]) -> CutResult:
    video, audio = facts["video"], facts["audio"]
    length = _length(facts)
    return CutResult(
        path=part.path,
        # Opus begins with samples before its time 0.
        start_seconds=max(0.0, part.start),
        end_seconds=min(info.duration_seconds, part.end, part.start + length),
        format=output.name,
        content_type=output.content_type,
        video_codec=video["codec"] if video else None,
        audio_codec=audio["codec"] if audio else None,
        resolution=f"{video['width']}x{video['height']}" if video else None,
        size_bytes=part.path.stat().st_size,
        duration_seconds=length,
    )
