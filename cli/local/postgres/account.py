"""The account that runs the embedded PostgreSQL, and the folders it can reach.

PostgreSQL refuses to run as root. If root (usually in a container) runs the command, an
unprivileged account that every system has runs the server. No account is created and no folder's
permissions are widened; files that the account cannot reach are put where it can.
"""

from __future__ import annotations

import os
import pwd
import shutil
import stat
import uuid
from dataclasses import dataclass
from pathlib import Path

from shared.errors import SettingsError

SYSTEM_FOLDER = Path("/var/lib/videomoments")


@dataclass(frozen=True, slots=True)
class Account:
    """`switch`: the ids that a child must take on; None if it keeps ours."""

    uid: int
    gid: int
    switch: bool

    def give(self, path: Path) -> None:
        """Make the account the owner and only reader of `path`."""
        if self.switch:
            os.chown(path, self.uid, self.gid)
        path.chmod(0o700)


def server_account() -> Account:
    """The current account, or `nobody` for root."""
    if os.geteuid() != 0:
        return Account(os.geteuid(), os.getegid(), switch=False)
    try:
        entry = pwd.getpwnam("nobody")
    except KeyError:
        raise SettingsError(
            "PostgreSQL does not run as root, and this system has no account `nobody`. "
            "Run as an ordinary user, or set VIDEOMOMENTS_DATABASE_URL."
        ) from None
    return Account(entry.pw_uid, entry.pw_gid, switch=True)


def is_reachable(path: Path) -> bool:
    """Whether every account may enter every folder above `path`."""
    return all(parent.stat().st_mode & stat.S_IXOTH for parent in path.resolve().parents)


def place_cluster(link: Path, account: Account) -> Path:
    """The folder of the cluster, made on the first call and owned by the account.

    It is `link` itself or, if the account could not reach that, another folder that `link`
    points to.
    """
    if link.is_dir():
        return link.resolve()
    if not account.switch or is_reachable(link):
        link.mkdir()
        account.give(link)
        return link.resolve()
    folder = _system_folder() / f"cluster-{uuid.uuid4().hex}"
    folder.mkdir()
    account.give(folder)
    link.unlink(missing_ok=True)
    link.symlink_to(folder)
    return folder


def reachable_programs(programs: Path, account: Account) -> Path:
    """`programs` (a PostgreSQL installation with bin, lib, share), or a copy of it."""
    if not account.switch or is_reachable(programs / "bin" / "postgres"):
        return programs
    made = int((programs / "bin" / "postgres").stat().st_mtime)
    copy = _system_folder() / f"{programs.name}-{made}"
    if not copy.exists():
        partial = copy.with_name(f"{copy.name}.{uuid.uuid4().hex}")
        shutil.copytree(programs, partial, symlinks=True)
        try:
            partial.rename(copy)
        except OSError:
            # Another process made the same copy first.
            shutil.rmtree(partial)
    return copy


def _system_folder() -> Path:
    try:
        SYSTEM_FOLDER.mkdir(parents=True, exist_ok=True)
        SYSTEM_FOLDER.chmod(0o755)
    except OSError as error:
        raise SettingsError(
            f"Run as root, the embedded PostgreSQL needs a folder that other accounts can enter, "
            f"and {SYSTEM_FOLDER} cannot be made ({error.strerror}). Use --data with a folder "
            "such as /srv/videomoments, run as an ordinary user, or set VIDEOMOMENTS_DATABASE_URL."
        ) from error
    return SYSTEM_FOLDER
