"""Run ffmpeg and the PyAV child, and raise the project's errors for the way they end."""

from __future__ import annotations

import functools
import json
import shutil
import signal
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

from shared.error_codes import ERROR_CODES
from shared.error_codes.environment import DISK_FULL, OUT_OF_MEMORY
from shared.error_codes.error_code import ErrorCode
from shared.error_codes.runs import TRANSIENT
from shared.error_codes.storage import SOURCE_SLOW
from shared.error_codes.videos import DAMAGED_MEDIA, MEDIA_TOO_COSTLY, MEDIA_TOO_LARGE
from shared.errors import MediaError, Reject, SettingsError
from shared.media.sandbox.process import Child, Ending, Limits, Sandbox
from shared.telemetry import spans

__all__ = ["Limits", "Sandbox", "find_ffmpeg", "run_ffmpeg", "run_operation", "stream_ffmpeg"]

_MAX_REPLY_BYTES = 16 * 1024**2
_TRANSIENT_SIGNS = {
    "No space left": DISK_FULL,
    "Cannot allocate memory": OUT_OF_MEMORY,
    "malloc of size": OUT_OF_MEMORY,
    "Could not alloc": OUT_OF_MEMORY,
    "Error allocating": OUT_OF_MEMORY,
    "Failed to allocate": OUT_OF_MEMORY,
    "MemoryError": OUT_OF_MEMORY,
    "Resource temporarily unavailable": TRANSIENT,
}
_CONSEQUENCES = ("Terminating thread", "Task finished", "Nothing was written", "Conversion failed")
_DAMAGE_SIGNS = (
    "Invalid data found",
    "moov atom not found",
    "not on whitelist",
    "not in allowed formats",
    "Error while decoding",
    "does not contain any stream",
    "matches no streams",
)


@functools.cache
def find_ffmpeg(setting: str | None) -> str:
    """The ffmpeg to run: the setting's, else the one on PATH, else the imageio-ffmpeg wheel's.

    Raises SettingsError if the setting's cannot be run, or if there is none at all.
    """
    if setting:
        found = shutil.which(setting)
        if found is None:
            raise SettingsError(f"The ffmpeg setting names {setting!r}, which cannot be run.")
        return str(Path(found).absolute())
    on_path = shutil.which("ffmpeg")
    if on_path:
        return str(Path(on_path).absolute())
    try:
        import imageio_ffmpeg

        return str(imageio_ffmpeg.get_ffmpeg_exe())
    except (ImportError, RuntimeError) as error:
        raise SettingsError(
            "No ffmpeg was found. Install ffmpeg, or name one in the ffmpeg setting."
        ) from error


def run_ffmpeg(arguments: Sequence[str], *, sandbox: Sandbox) -> None:
    """Run ffmpeg to its end.

    Raises Reject if the input is to blame, MediaError for any other failure.
    """
    with stream_ffmpeg(arguments, sandbox=sandbox) as stdout:
        while stdout.read(65536):
            pass


@contextmanager
def stream_ffmpeg(arguments: Sequence[str], *, sandbox: Sandbox) -> Iterator[BinaryIO]:
    """ffmpeg's standard output; the caller must read it to the end.

    Raises as `run_ffmpeg` after the block. Leaving the block early (an exception, a closed
    generator) kills ffmpeg.
    """
    command = [find_ffmpeg(sandbox.limits.ffmpeg), *arguments]
    with (
        # Not the current span: a generator may hold the block open for any time.
        spans.span("ffmpeg", current=False),
        Child("exec", command, sandbox) as child,
    ):
        yield child.stdout
        _raise_for(child.finish(), "ffmpeg")


def run_operation(
    operation: str, request: Mapping[str, Any], *, sandbox: Sandbox
) -> dict[str, Any]:
    """Run one operation of `shared.media.child.serve` in its own process and return the reply.

    Raises the Reject that the child replied with, or as `run_ffmpeg`.
    """
    arguments = [operation, json.dumps({**request, "max_pixels": sandbox.limits.max_pixels})]
    with (
        spans.span(f"media.{operation}"),
        Child("child", arguments, sandbox) as child,
    ):
        answer = child.stdout.read(_MAX_REPLY_BYTES)
        _raise_for(child.finish(), f"the media child ({operation})")
    reply: dict[str, Any] = json.loads(answer)
    if "reject" in reply:
        raise Reject(ERROR_CODES[reply["reject"]], reply["message"])
    if "failure" in reply:
        raise MediaError(
            f"The media child ({operation}) failed: {reply['failure']}", ERROR_CODES[reply["code"]]
        )
    return reply


def _raise_for(ending: Ending, who: str) -> None:
    if ending.overran and not ending.busy:
        raise MediaError(
            f"{who} did not end in time and was not computing: the source is slow.", SOURCE_SLOW
        )
    if ending.overran or ending.return_code == -signal.SIGXCPU:
        raise Reject(
            MEDIA_TOO_COSTLY,
            "Decoding this file takes more computing time than is allowed. "
            "Re-encode it with a common codec and upload it again.",
        )
    if ending.return_code == -signal.SIGXFSZ:
        raise Reject(
            MEDIA_TOO_LARGE,
            "A file made from this video is larger than is allowed. Cut the video into parts.",
        )
    if ending.return_code:
        _raise_for_failure(ending, who)


def _failure_reason(stderr: str) -> str:
    """The last line that gives the reason; later lines only report consequences."""
    lines = [line for line in stderr.splitlines() if not any(s in line for s in _CONSEQUENCES)]
    return lines[-1] if lines else "it said nothing"


def _transient_code(ending: Ending) -> ErrorCode | None:
    """The code of a failure that the machine and not the input caused, else None."""
    if ending.return_code == -signal.SIGKILL:
        return OUT_OF_MEMORY
    found = (code for sign, code in _TRANSIENT_SIGNS.items() if sign in ending.stderr)
    return next(found, TRANSIENT if ending.return_code < 0 else None)


def _raise_for_failure(ending: Ending, who: str) -> None:
    last = _failure_reason(ending.stderr)
    failure = f"{who} ended with {ending.return_code}: {last}"
    if (code := _transient_code(ending)) is not None:
        raise MediaError(failure, code)
    if any(sign in ending.stderr for sign in _DAMAGE_SIGNS):
        raise Reject(
            DAMAGED_MEDIA,
            f"The file cannot be decoded ({last}). Export it again and upload it again.",
        )
    raise MediaError(failure)
