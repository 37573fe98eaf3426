"""Run by path as a process of its own: put limits on itself, then become the child.

    python -I launch.py LIMITS exec PROGRAM ARGUMENT…
    python -I launch.py LIMITS child ROOT OPERATION REQUEST

LIMITS is JSON: address_space_bytes, cpu_seconds, file_size_bytes, parent (a process id).
A wrapper rather than `preexec_fn`, which may deadlock in a process with threads, and rather than
`prlimit` from outside, which cannot set the parent-death signal and leaves a moment without limits.
It imports little: about 30 ms before the program runs.
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
    """Apply the limits to this process; they are inherited through exec."""
    cpu = limits["cpu_seconds"]
    for kind, soft, hard in (
        (resource.RLIMIT_AS, limits["address_space_bytes"], limits["address_space_bytes"]),
        (resource.RLIMIT_CPU, cpu, cpu + _CPU_GRACE_SECONDS),
        (resource.RLIMIT_FSIZE, limits["file_size_bytes"], limits["file_size_bytes"]),
        (resource.RLIMIT_CORE, 0, 0),
    ):
        # Some systems know a limit but refuse to set it (RLIMIT_AS on macOS).
        with suppress(ValueError, OSError):
            resource.setrlimit(kind, (soft, hard))


def die_with_parent(parent: int) -> None:
    """Have the kernel kill this process when its parent dies, however it dies (Linux only)."""
    if sys.platform != "linux":
        return
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent:
        os._exit(1)


def main() -> None:
    """Become what the command line says."""
    limits, kind, *rest = sys.argv[1:]
    parsed = json.loads(limits)
    die_with_parent(parsed["parent"])
    limit_self(parsed)
    # Python ignores these two and the program would inherit that.
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
