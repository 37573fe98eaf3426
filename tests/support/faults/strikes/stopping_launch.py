"""In place of launch.py: the same child, which stops itself once its input is open.

The test then kills it, or lets it continue without any memory left.
"""

from __future__ import annotations

import os
import resource
import runpy
import signal
import sys
from pathlib import Path
from typing import Any

import av

LAUNCHER = Path(__file__).parents[4] / "shared" / "media" / "child" / "launch.py"
SIZES = (1024 * 1024, 64 * 1024, 4096, 512, 64, 16)

held: Any = None
opened = av.open


def open_and_stop(*arguments: Any, **options: Any) -> Any:
    """Like `av.open`; the first time the process stops, and then has no memory left."""
    container = opened(*arguments, **options)
    setattr(av, "open", opened)  # noqa: B010 - an overloaded function
    os.kill(os.getpid(), signal.SIGSTOP)
    leave_no_memory()
    return container


def leave_no_memory() -> None:
    """Forbid more memory, and use up the rest."""
    global held
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    size = pages * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (size, size))
    for piece in SIZES:
        try:
            while True:
                # Not a list: to grow, it would ask for much at once.
                held = (held, bytearray(piece))
        except MemoryError:
            continue


if __name__ == "__main__":
    setattr(av, "open", open_and_stop)  # noqa: B010 - an overloaded function
    sys.argv[0] = str(LAUNCHER)
    runpy.run_path(str(LAUNCHER), run_name="__main__")
