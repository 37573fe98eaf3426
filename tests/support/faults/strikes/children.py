"""Media children caught in the middle of their work, whichever operation it is."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from shared.media.sandbox.process import Child

# All that functions start children for; of ffmpeg, what it writes.
OPERATIONS = {
    "probe_video": {"probe"},
    "split_audio": {"probe", "ffmpeg text", "ffmpeg sound"},
    "generate_moments": {"probe", "ffmpeg sound", "glances"},
    "cut_clip": {"probe", "copy", "frame_before", "ffmpeg encode", "merge", "verify"},
    "make_thumbnail": {"probe", "thumbnail"},
}
# What a child of ours has open only once it is at its medium.
_MEDIA = (".mp4", ".jpg", ".wav")


def operation_of(kind: str, arguments: Sequence[str]) -> str:
    """What a child does, by the name of it; of ffmpeg, by what it writes."""
    if kind == "child":
        return arguments[0]
    if "s16le" in arguments:
        return "ffmpeg sound"
    return "ffmpeg text" if "srt" in arguments else "ffmpeg encode"


def watch_children(
    patch: pytest.MonkeyPatch, wanted: Callable[[str], bool], then: Callable[[str, Child], None]
) -> None:
    """Call `then(operation, child)` for each child; one that is `wanted` stands still by then.

    It stands in the middle of its work: its medium is open, and it has not ended.
    """
    start = Child.__init__

    def started(child: Child, kind: Any, arguments: Any, *rest: Any, **options: Any) -> None:
        operation = operation_of(kind, arguments)
        start(child, kind, arguments, *rest, **options)
        while wanted(operation) and not _stop_at_work(child.pid):
            # It was quicker than the look at it.
            child.__exit__(None, None, None)
            start(child, kind, arguments, *rest, **options)
        then(operation, child)

    patch.setattr(Child, "__init__", started)


def _stop_at_work(pid: int) -> bool:
    """Stop the process as soon as its medium is open. False when it has ended by then."""
    while not _is_at_work(pid):
        if _has_ended(pid):
            return False
    os.kill(pid, signal.SIGSTOP)
    return not _has_ended(pid)


def _is_at_work(pid: int) -> bool:
    opened = any(name.startswith("socket:") or name.endswith(_MEDIA) for name in _open_files(pid))
    # Python has sockets of its own while it begins.
    return opened and "libav" in Path(f"/proc/{pid}/maps").read_text()


def _open_files(pid: int) -> Iterator[str]:
    try:
        for number in Path(f"/proc/{pid}/fd").iterdir():
            yield str(number.readlink())
    except OSError:
        return  # closed, or ended, in between


def _has_ended(pid: int) -> bool:
    """It is not reaped before `Child` is asked for its end, so that the number is its own."""
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
