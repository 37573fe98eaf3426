"""Stop the embedded PostgreSQL after its last user ends, even by SIGKILL.

Every user holds a shared lock on one file; the kernel releases it even after SIGKILL. The keeper
waits for the exclusive lock, so it sleeps until no user is left and needs no list of process ids.
"""

from __future__ import annotations

import fcntl
import os
import sys
from pathlib import Path
from typing import IO

from cli.local.postgres.account import server_account
from cli.local.postgres.cluster import Cluster


def open_lock(path: Path) -> IO[bytes]:
    """An open lock file. Closing it, or the end of its process, releases the lock."""
    return path.open("ab")


def try_lock(lock: IO[bytes]) -> bool:
    """Take the exclusive lock if no process holds a lock; never waits."""
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def keep(folder: Path) -> None:
    """Wait until no user of `folder` is left, then stop its server. One keeper is enough."""
    with open_lock(folder / "users.lock") as users, open_lock(folder / "keeper.lock") as keeper:
        if not try_lock(keeper):
            return
        fcntl.flock(users, fcntl.LOCK_EX)
        home = (folder / "cluster").resolve()
        Cluster(home, programs=Path(), account=server_account()).stop()


def main() -> None:
    """Detach from the starting process and become the keeper."""
    if os.fork() == 0:
        os.setsid()
        keep(Path(sys.argv[1]))


if __name__ == "__main__":
    main()
