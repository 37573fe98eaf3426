"""Catch media children in the middle of their work, in any operation."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import psutil
import pytest

from shared.media.sandbox import process
from shared.media.sandbox.process import Child
from tests.support.faults.strikes import stopping_launch
from tests.support.patience import PATIENCE_SECONDS

# All that functions start children for; of ffmpeg, what it writes.
OPERATIONS = {
    "probe_video": {"probe"},
    "split_audio": {"probe", "ffmpeg text", "ffmpeg sound"},
    "generate_moments": {"probe", "ffmpeg sound", "survey"},
    "cut_clip": {"probe", "copy", "frame_before", "ffmpeg encode", "merge", "verify"},
    "make_thumbnail": {"probe", "thumbnail"},
}
STOPPING = Path(stopping_launch.__file__)
_SLOWLY = ("-readrate", "0.001")


def operation_of(kind: str, arguments: Sequence[str]) -> str:
    """A child's operation, by its name; ffmpeg's, by its output."""
    if kind == "child":
        return arguments[0]
    if "s16le" in arguments:
        return "ffmpeg sound"
    return "ffmpeg text" if "srt" in arguments else "ffmpeg encode"


def watch_children(
    patch: pytest.MonkeyPatch, wanted: Callable[[str], bool], then: Callable[[str, Child], None]
) -> None:
    """Call `then(operation, child)` for each child; a `wanted` one stands still by then.

    It stands in the middle of its work: its input is open and it has not ended. A child of ours
    stops itself there. ffmpeg reads so slowly that it cannot end before it is stopped.
    """
    begin, launcher = Child.__init__, process.LAUNCHER

    def started(child: Child, kind: Any, arguments: Any, *rest: Any, **options: Any) -> None:
        operation = operation_of(kind, arguments)
        stands = wanted(operation)
        stops_itself = stands and kind == "child"
        patch.setattr(process, "LAUNCHER", STOPPING if stops_itself else launcher)
        begin(child, kind, _slowed(arguments) if stands else arguments, *rest, **options)
        if stands:
            found = psutil.Process(child.pid)
            if not stops_itself:
                _wait_for_input(found)
                found.suspend()
            wait_stopped(found)
        then(operation, child)

    patch.setattr(Child, "__init__", started)


def wait_stopped(child: psutil.Process) -> None:
    """Wait until the child stands still. Raises AssertionError if it has ended."""
    _wait_until(child, lambda: child.status() == psutil.STATUS_STOPPED)


def _slowed(arguments: Sequence[str]) -> list[str]:
    """The same command; ffmpeg reads a thousand times slower than real time."""
    return [part for given in arguments for part in (*(_SLOWLY if given == "-i" else ()), given)]


def _wait_for_input(child: psutil.Process) -> None:
    """Wait until this is ffmpeg with a connection to its input."""
    _wait_until(child, lambda: "ffmpeg" in child.name() and bool(child.net_connections("tcp")))


def _wait_until(child: psutil.Process, happens: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not happens():
        assert child.status() != psutil.STATUS_ZOMBIE, "the child ended before it was at work"
        assert time.monotonic() < deadline, "the child never came to its work"
        time.sleep(0.002)
