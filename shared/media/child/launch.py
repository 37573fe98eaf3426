"""The program that every child starts as: it limits itself, then becomes ffmpeg or the PyAV child.

    python -I launch.py LIMITS exec PROGRAM ARGUMENT…
    python -I launch.py LIMITS child ROOT OPERATION REQUEST

LIMITS is JSON: address_space_bytes, cpu_seconds, file_size_bytes, parent (a process id).
A wrapper replaces `preexec_fn`, which may deadlock in a process with threads, and `prlimit` from
outside, which cannot set the parent-death signal and leaves a moment without limits. The wrapper
imports little, so it costs about 30 ms.
"""

from __future__ import annotations

import ctypes
import json
import os
import resource
import signal
import sys
from contextlib import suppress

_PR_SET_PDEATHSIG = 1
_CPU_GRACE_SECONDS = 5


def limit_self(limits: dict[str, int]) -> None:
    """Apply the limits to this process. They survive exec."""
    cpu = limits["cpu_seconds"]
    for kind, soft, hard in (
        (resource.RLIMIT_AS, limits["address_space_bytes"], limits["address_space_bytes"]),
        (resource.RLIMIT_CPU, cpu, cpu + _CPU_GRACE_SECONDS),
        (resource.RLIMIT_FSIZE, limits["file_size_bytes"], limits["file_size_bytes"]),
        (resource.RLIMIT_CORE, 0, 0),
    ):
        # Some systems define a limit but refuse to set it (RLIMIT_AS on macOS).
        with suppress(ValueError, OSError):
            resource.setrlimit(kind, (soft, hard))


def die_with_parent(parent: int) -> None:
    """Have the kernel kill this process when its parent dies for any reason (Linux only)."""
    if sys.platform != "linux":
        return
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent:
        os._exit(1)


def main() -> None:
    """Run the program or the operation that the command line names."""
    limits, kind, *rest = sys.argv[1:]
    parsed = json.loads(limits)
    die_with_parent(parsed["parent"])
    limit_self(parsed)
    # Python ignores these two signals, and the program would inherit that.
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    signal.signal(signal.SIGXFSZ, signal.SIG_DFL)
    if kind == "exec":
        os.execv(rest[0], rest)  # noqa: S606
    root, operation, request = rest
    sys.path.insert(0, root)
    from shared.media.child.serve import serve

    serve(operation, json.loads(request))


if __name__ == "__main__":
    main()
