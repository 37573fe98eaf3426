"""Whether a process still writes a file. Linux can tell."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

_PROC = Path("/proc")


def is_written_to(path: Path) -> bool:
    """Whether a process has the file open for writing.

    False if that is unknown: for other users' processes, and on systems other than Linux.
    """
    wanted = str(path.resolve())
    return any(_may_write(descriptor) for descriptor in _descriptors(wanted))


def _descriptors(path: str) -> Iterator[Path]:
    """The file's open descriptors: `/proc/PID/fd/NUMBER`."""
    try:
        processes = [entry for entry in os.scandir(_PROC) if entry.name.isdigit()]
    except OSError:
        return
    for process in processes:
        try:
            for entry in os.scandir(f"{process.path}/fd"):
                if os.readlink(entry.path) == path:  # noqa: PTH115 - a thousand of them
                    yield Path(entry.path)
        except OSError:
            continue  # another user's, or ended meanwhile


def _may_write(descriptor: Path) -> bool:
    try:
        information = (descriptor.parents[1] / "fdinfo" / descriptor.name).read_text()
    except OSError:
        return False
    for line in information.splitlines():
        name, _, value = line.partition(":")
        if name == "flags":
            return int(value, 8) & os.O_ACCMODE != os.O_RDONLY
    return False
