"""Write a clip in one output format: copy its packets, re-encode it, or do one for each stream."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from shared.domain.media_info import MediaInfo
from shared.domain.spans import TimeSpan
from shared.errors import MediaError
from shared.media.cut_plan import OutputFormat
from shared.media.input import MediaInput
from shared.media.sandbox.arguments import encode_arguments
from shared.media.sandbox.runner import Sandbox, run_ffmpeg, run_operation


@dataclass(frozen=True, slots=True)
class ClipFile:
    """A file that holds [start, end) of the video, in seconds."""

    path: Path
    start: float
    end: float


class CopyImpossible(Exception):
    """Stream copy is not possible for this window; the message gives the reason."""


class ClipWriter:
    """Writes `window` of one video. `deadline` is a time of the monotonic clock."""

    def __init__(
        self,
        source: MediaInput,
        info: MediaInfo,
        window: TimeSpan,
        *,
        workdir: Path,
        sandbox: Sandbox,
        deadline: float,
    ) -> None:
        self._source, self._info, self._window = source, info, window
        self._workdir, self._sandbox, self._deadline = workdir, sandbox, deadline

    def write(self, output: OutputFormat) -> ClipFile:
        """Write the clip as `output`. Raises CopyImpossible, Reject and MediaError."""
        if self._info.video is None:
            return self._copy(output) if output.audio == "copy" else self._encode(output)
        if output.copies_all:
            return self._copy(output)
        if not output.encode_video:
            pictures = self._copy(replace(output, audio=None), "pictures")
            span = TimeSpan(pictures.start, pictures.end)
            sound = self._encode(output, "sound", span=span, video=False)
            return self._merge(output, pictures, sound)
        if output.audio != "copy":
            return self._encode(output)
        pictures = self._encode(replace(output, audio=None), "pictures")
        sound = self._copy(output, "sound", video=False)
        return self._merge(output, pictures, sound)

    def verify(self, clip: ClipFile) -> dict[str, Any]:
        """The facts of a written clip (see `shared.media.child.verify`)."""
        return self._run("verify", {"location": str(clip.path)})

    def frame_before(self, seconds: float) -> float | None:
        """The time of the video's last picture at or before `seconds`; None if it has none."""
        request = {"location": self._source.location, "start": seconds}
        shown = self._run("frame_before", request)["seconds"]
        return None if shown is None else float(shown)

    def _copy(self, output: OutputFormat, name: str = "clip", *, video: bool = True) -> ClipFile:
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
        reply = self._run("copy", request)
        if "impossible" in reply:
            raise CopyImpossible(reply["impossible"])
        return ClipFile(path, reply["start"], reply["end"])

    def _encode(
        self,
        output: OutputFormat,
        name: str = "clip",
        *,
        span: TimeSpan | None = None,
        video: bool = True,
    ) -> ClipFile:
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
            limits=self._sandbox.limits,
        )
        run_ffmpeg(arguments, sandbox=self._sandbox.within(self._remaining_seconds()))
        return ClipFile(path, window.start_seconds, window.end_seconds)

    def _shown_from(self, window: TimeSpan) -> float | None:
        if self._info.video is None:
            return None
        shown = self.frame_before(window.start_seconds)
        return window.start_seconds if shown is None else shown

    def _merge(self, output: OutputFormat, pictures: ClipFile, sound: ClipFile) -> ClipFile:
        path = self._workdir / f"clip.{output.name}"
        inputs = [str(pictures.path), str(sound.path)]
        self._run("merge", {"inputs": inputs, "output": str(path), "muxer": output.muxer})
        pictures.path.unlink()
        sound.path.unlink()
        return ClipFile(path, pictures.start, pictures.end)

    def _run(self, operation: str, request: dict[str, Any]) -> dict[str, Any]:
        remaining = self._remaining_seconds()
        return run_operation(operation, request, sandbox=self._sandbox.within(remaining))

    def _remaining_seconds(self) -> float:
        remaining = self._deadline - time.monotonic()
        if remaining <= 0:
            raise MediaError("The clip was not cut in time.")
        return remaining
