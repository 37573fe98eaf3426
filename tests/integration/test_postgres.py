"""The embedded PostgreSQL: what survives, who shares it, that it does not outlive its users."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

import psutil  # type: ignore[import-untyped]
from sqlalchemy import text

from cli import postgres_account
from cli.postgres import EmbeddedPostgres
from shared.db.engine import check_server, make_engine
from tests.integration.postgres_users import (
    other_user,
    read_words,
    said_by,
    server_of,
    wait_for,
    write_word,
)


def test_commits_survive_a_restart(folder: Path) -> None:
    """Stopped, the server is gone; started again, it has what was committed."""
    with EmbeddedPostgres(folder, fsync=False) as postgres:
        write_word(postgres, "kept")
        assert server_of(folder)
    assert not server_of(folder)
    with EmbeddedPostgres(folder, fsync=False) as postgres:
        assert read_words(postgres) == ["kept"]


def test_the_server_is_current_and_closed_to_the_network(folder: Path) -> None:
    """It is new enough, listens nowhere, and only its owner may use the socket."""
    with EmbeddedPostgres(folder, fsync=False) as postgres:
        engine = make_engine(postgres.url())
        check_server(engine)
        with engine.connect() as connection:
            listening = connection.execute(text("SHOW listen_addresses")).scalar_one()
            socket = Path(connection.execute(text("SHOW unix_socket_directories")).scalar_one())
            assert connection.execute(text("SELECT lower('ÄÉ')")).scalar_one() == "äé"
        engine.dispose()
        assert listening == ""
        assert (socket / ".s.PGSQL.5432").stat().st_mode & 0o077 == 0


def test_processes_share_one_server(folder: Path) -> None:
    """Who comes second joins; who leaves first leaves it running; the last one stops it."""
    other = other_user(folder)
    with EmbeddedPostgres(folder, fsync=False) as postgres:
        first = server_of(folder)
        other.communicate("")
        time.sleep(0.3)
        write_word(postgres, "still there")
        assert server_of(folder) == first
    wait_for(lambda: not server_of(folder))


def test_several_first_starts_at_once(folder: Path) -> None:
    """Of several processes that find nothing, one makes the cluster and all use it."""
    others = [other_user(folder, wait=False) for _ in range(3)]
    assert [said_by(other) for other in others] == ["started"] * 3
    for other in others:
        other.communicate("")
    wait_for(lambda: not server_of(folder))


def test_a_killed_user_does_not_leave_the_server_running(folder: Path) -> None:
    """SIGKILL of the only user stops the server too, soon and cleanly."""
    other = other_user(folder)
    assert server_of(folder)
    other.kill()
    other.communicate()
    wait_for(lambda: not server_of(folder))
    assert "database system is shut down" in (folder / "cluster" / "server.log").read_text()


def test_everything_killed_loses_no_commit(folder: Path) -> None:
    """User, keeper and server killed at once: the next start recovers what was committed."""
    other = other_user(folder)
    with EmbeddedPostgres(folder, fsync=False) as postgres:
        write_word(postgres, "committed")
        for process in psutil.process_iter(["cmdline"]):
            if (
                "cli.postgres_keeper" in (process.info["cmdline"] or [])
                and str(folder) in (process.info["cmdline"])
            ):
                process.kill()
        os.kill(server_of(folder), signal.SIGKILL)
        other.kill()
        other.communicate()
    with EmbeddedPostgres(folder, fsync=False) as postgres:
        assert read_words(postgres) == ["committed"]
    assert not server_of(folder)


def test_a_dead_servers_number_given_to_another_process(folder: Path) -> None:
    """A stale postmaster.pid that now names some other process is seen through."""
    with EmbeddedPostgres(folder, fsync=False):
        lines = (folder / "cluster" / "pgdata" / "postmaster.pid").read_text().splitlines()
    stale = "\n".join([str(os.getpid()), *lines[1:], ""])
    (folder / "cluster" / "pgdata" / "postmaster.pid").write_text(stale)
    with EmbeddedPostgres(folder, fsync=False) as postgres:
        write_word(postgres, "started")


def test_a_half_made_cluster_is_made_again(folder: Path) -> None:
    """Killed while the cluster was being made: the next start begins anew."""
    half = folder / "cluster" / "pgdata.new"
    folder.mkdir()
    account = postgres_account.server_account()
    postgres_account.place_cluster(folder / "cluster", account)
    half.mkdir()
    (half / "PG_VERSION").write_text("18\n")
    with EmbeddedPostgres(folder, fsync=False) as postgres:
        write_word(postgres, "made")
