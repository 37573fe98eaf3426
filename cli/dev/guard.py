"""A guard process: nothing outlives `videomoments dev`, even if `dev` is killed.

`dev` runs this file by path. The guard reads a pipe that the kernel closes when `dev` ends; then
it ends the process groups it watches. This works on every POSIX system. A parent-death signal
exists on Linux only, and fires too early if the thread that started the child ends.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterable
from typing import TextIO

PATIENCE_SECONDS = 3.0


class Guard:
    """This process's guard. `watch` a group after its start; `forget` it after its end."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._process = subprocess.Popen(
            [sys.executable, "-I", "-S", __file__],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            text=True,
            start_new_session=True,
        )

    def watch(self, group: int) -> None:
        """End that process group when this process ends."""
        self._say(f"+{group}")

    def forget(self, group: int) -> None:
        """The group has ended, and the system may reuse its number."""
        self._say(f"-{group}")

    def close(self) -> None:
        """End every group still watched, and the guard."""
        if self._process.stdin is not None:
            with contextlib.suppress(BrokenPipeError):
                self._process.stdin.close()
        self._process.wait()

    def _say(self, line: str) -> None:
        if self._process.stdin is not None:
            with self._lock, contextlib.suppress(BrokenPipeError):
                print(line, file=self._process.stdin, flush=True)


def end_groups(groups: Iterable[int], patience_seconds: float = PATIENCE_SECONDS) -> None:
    """Ask the groups to end, wait, and kill what is left of them."""
    left = {group for group in groups if _signal(group, signal.SIGTERM)}
    deadline = time.monotonic() + patience_seconds
    while left and time.monotonic() < deadline:
        time.sleep(0.05)
        left = {group for group in left if _signal(group, 0)}
    for group in left:
        _signal(group, signal.SIGKILL)


def _signal(group: int, number: int) -> bool:
    """Whether a process received the signal."""
    try:
        os.killpg(group, number)
    except (ProcessLookupError, PermissionError):
        return False
    return True


def keep(orders: TextIO) -> None:
    """Follow the sender's orders until it ends, then end the groups."""
    groups: set[int] = set()
    for line in orders:
        group = int(line[1:])
        if line.startswith("+"):
            groups.add(group)
        else:
            groups.discard(group)
    end_groups(groups)


if __name__ == "__main__":
    keep(sys.stdin)
