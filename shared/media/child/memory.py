"""Inside the child: decoders without memory call the file damaged, and must not be believed."""

from __future__ import annotations

import resource
from pathlib import Path

_SHARE = 0.75
"""Of what may be taken: the largest single request of a decoder is far less than the rest."""


def check_memory() -> None:
    """To be called before anything is held to be damaged, or passed over because of it.

    Raises MemoryError when so much memory was taken that a request for more may have been refused.
    """
    limit, _ = resource.getrlimit(resource.RLIMIT_AS)
    if limit != resource.RLIM_INFINITY and _most_taken_bytes() > _SHARE * limit:
        raise MemoryError("what looks like damage may be want of memory")


def _most_taken_bytes() -> int:
    """The largest the address space has been; 0 where the system does not say."""
    try:
        lines = Path("/proc/self/status").read_text().splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith("VmPeak:")), 0)
