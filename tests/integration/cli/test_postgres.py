"""The embedded PostgreSQL: what survives, which processes share it, and when it stops."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import psutil
import pytest
from sqlalchemy import text

from cli.local.postgres import account as postgres_account
from cli.local.postgres.embedded import EmbeddedPostgres
from shared.db.engine import check_server, make_engine
from shared.errors import SettingsError
from tests.support.databases.users import (
    line_from,
    other_user,
    read_words,
    server_of,
    wait_for,
    write_word,
)


def test_embedded_postgres_keeps_commits_after_a_restart(open_folder: Path) -> None:
    """The server stops with its user, and the next start finds the committed row."""
    with EmbeddedPostgres(open_folder, fsync=False) as postgres:
        write_word(postgres, "kept")
        assert server_of(open_folder)
    assert not server_of(open_folder)
    with EmbeddedPostgres(open_folder, fsync=False) as postgres:
        assert read_words(postgres) == ["kept"]


def test_embedded_postgres_names_the_full_disk_when_it_cannot_start(
    mount: Callable[[Path, int], Path], open_folder: Path
) -> None:
    """The error says that the disk is full; with space again, the server starts."""
    folder = mount(open_folder / "disk", 200 * 1024**2) / "postgres"
    with EmbeddedPostgres(folder, fsync=False) as postgres:
        write_word(postgres, "kept")
    filler = folder.parent / "filler"
    with suppress(OSError), filler.open("wb") as file:
        while True:
            file.write(bytes(4096))
            file.flush()
    with pytest.raises(SettingsError, match="is full, so the database cannot start"):
        EmbeddedPostgres(folder, fsync=False).start()
    filler.unlink()
    with EmbeddedPostgres(folder, fsync=False) as postgres:
        assert read_words(postgres) == ["kept"]


def test_embedded_postgres_is_current_and_closed_to_the_network(open_folder: Path) -> None:
    """The server is new enough, listens on no address, and only its owner may use the socket."""
    with EmbeddedPostgres(open_folder, fsync=False) as postgres:
        engine = make_engine(postgres.url())
        check_server(engine)
        with engine.connect() as connection:
            listening = connection.execute(text("SHOW listen_addresses")).scalar_one()
            socket = Path(connection.execute(text("SHOW unix_socket_directories")).scalar_one())
            assert connection.execute(text("SELECT lower('ÄÉ')")).scalar_one() == "äé"
        engine.dispose()
        assert listening == ""
        assert (socket / ".s.PGSQL.5432").stat().st_mode & 0o077 == 0


def test_embedded_postgres_is_shared_until_its_last_user_leaves(open_folder: Path) -> None:
    """A second process joins the server; the first to leave keeps it running, the last stops it."""
    other = other_user(open_folder)
    with EmbeddedPostgres(open_folder, fsync=False) as postgres:
        first = server_of(open_folder)
        other.communicate("")
        time.sleep(0.3)
        write_word(postgres, "still there")
        assert server_of(open_folder) == first
    wait_for(lambda: not server_of(open_folder))


def test_embedded_postgres_starts_once_when_several_processes_start_it(open_folder: Path) -> None:
    """One process makes the cluster, and all use it."""
    others = [other_user(open_folder, wait=False) for _ in range(3)]
    assert [line_from(other) for other in others] == ["started"] * 3
    for other in others:
        other.communicate("")
    wait_for(lambda: not server_of(open_folder))


def test_embedded_postgres_stops_when_its_only_user_is_killed(open_folder: Path) -> None:
    """SIGKILL of the only user shuts the server down cleanly."""
    other = other_user(open_folder)
    assert server_of(open_folder)
    other.kill()
    other.communicate()
    wait_for(lambda: not server_of(open_folder))
    assert "database system is shut down" in (open_folder / "cluster" / "server.log").read_text()


def test_embedded_postgres_recovers_commits_when_everything_is_killed(open_folder: Path) -> None:
    """User, keeper and server are killed; the next start recovers the committed row."""
    other = other_user(open_folder)
    with EmbeddedPostgres(open_folder, fsync=False) as postgres:
        write_word(postgres, "committed")
        for process in psutil.process_iter(["cmdline"]):
            if (
                "cli.local.postgres.keeper" in (process.info["cmdline"] or [])
                and str(open_folder) in (process.info["cmdline"])
            ):
                process.kill()
        os.kill(server_of(open_folder), signal.SIGKILL)
        other.kill()
        other.communicate()
    with EmbeddedPostgres(open_folder, fsync=False) as postgres:
        assert read_words(postgres) == ["committed"]
    assert not server_of(open_folder)


def test_embedded_postgres_starts_when_a_stale_pid_names_another_process(open_folder: Path) -> None:
    """The server ignores a postmaster.pid whose number another process now has."""
    with EmbeddedPostgres(open_folder, fsync=False):
        lines = (open_folder / "cluster" / "pgdata" / "postmaster.pid").read_text().splitlines()
    stale = "\n".join([str(os.getpid()), *lines[1:], ""])
    (open_folder / "cluster" / "pgdata" / "postmaster.pid").write_text(stale)
    with EmbeddedPostgres(open_folder, fsync=False) as postgres:
        write_word(postgres, "started")


def test_embedded_postgres_remakes_a_half_made_cluster(open_folder: Path) -> None:
    """If the cluster's creation was killed, the next start creates it again."""
    half = open_folder / "cluster" / "pgdata.new"
    account = postgres_account.server_account()
    postgres_account.place_cluster(open_folder / "cluster", account)
    half.mkdir()
    (half / "PG_VERSION").write_text("18\n")
    with EmbeddedPostgres(open_folder, fsync=False) as postgres:
        write_word(postgres, "made")
