"""Inside the child: detect a decoder that ran out of memory, because it reports a damaged file."""

from __future__ import annotations

import resource
from pathlib import Path

_SHARE = 0.75
"""The share of the limit from which an allocation may have failed.

The largest single allocation of a decoder is far smaller than the rest.
"""


def check_memory() -> None:
    """Raise MemoryError if the peak memory is so high that an allocation may have failed.

    Call this before you report damage or skip damaged data.
    """
    limit, _ = resource.getrlimit(resource.RLIMIT_AS)
    if limit != resource.RLIM_INFINITY and peak_bytes() > _SHARE * limit:
        raise MemoryError("the apparent damage may be a lack of memory")


def peak_bytes() -> int:
    """The largest size of the address space so far; 0 on systems that do not report it."""
    try:
        lines = Path("/proc/self/status").read_text().splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith("VmPeak:")), 0)
