"""The embedded PostgreSQL: what survives, who shares it, and that it does not outlive its users."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil  # type: ignore[import-untyped]
import pytest
from sqlalchemy import text

from cli import postgres_account
from cli.postgres import EmbeddedPostgres
from shared.db.engine import check_server, make_engine
from shared.db.url import parse_database_url
from shared.errors import SettingsError

PROJECT = Path(__file__).resolve().parents[2]
USE_UNTIL_KILLED = """
import sys, time
from pathlib import Path
from cli.postgres import EmbeddedPostgres
postgres = EmbeddedPostgres(Path(sys.argv[1]), fsync=False)
postgres.start()
print("started", flush=True)
sys.stdin.read()
"""
as_root = pytest.mark.skipif(os.geteuid() != 0, reason="is about running as root")


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder every account can reach, which pytest's own is not."""
    path = Path(tempfile.mkdtemp(prefix="vm-pg-"))
    path.chmod(0o755)
    yield path / "data"
    _wait_for(lambda: not _server(path / "data"))
    shutil.rmtree(path)


def test_commits_survive_a_restart(folder: Path) -> None:
    """Stopped, the server is gone; started again, it has what was committed."""
    with EmbeddedPostgres(folder, fsync=False) as postgres:
        _write(postgres, "kept")
        assert _server(folder)
    assert not _server(folder)
    with EmbeddedPostgres(folder, fsync=False) as postgres:
        assert _read(postgres) == ["kept"]


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
    other = _other_user(folder)
    with EmbeddedPostgres(folder, fsync=False) as postgres:
        first = _server(folder)
        other.communicate("")
        time.sleep(0.3)
        _write(postgres, "still there")
        assert _server(folder) == first
    _wait_for(lambda: not _server(folder))


def test_several_first_starts_at_once(folder: Path) -> None:
    """Of several processes that find nothing, one makes the cluster and all use it."""
    others = [_other_user(folder, wait=False) for _ in range(3)]
    assert [_said(other) for other in others] == ["started"] * 3
    for other in others:
        other.communicate("")
    _wait_for(lambda: not _server(folder))


def test_a_killed_user_does_not_leave_the_server_running(folder: Path) -> None:
    """SIGKILL of the only user stops the server too, soon and cleanly."""
    other = _other_user(folder)
    assert _server(folder)
    other.kill()
    other.communicate()
    _wait_for(lambda: not _server(folder))
    assert "database system is shut down" in (folder / "cluster" / "server.log").read_text()


def test_everything_killed_loses_no_commit(folder: Path) -> None:
    """User, keeper and server killed at once: the next start recovers what was committed."""
    other = _other_user(folder)
    with EmbeddedPostgres(folder, fsync=False) as postgres:
        _write(postgres, "committed")
        for process in psutil.process_iter(["cmdline"]):
            if (
                "cli.postgres_keeper" in (process.info["cmdline"] or [])
                and str(folder) in (process.info["cmdline"])
            ):
                process.kill()
        os.kill(_server(folder), signal.SIGKILL)
        other.kill()
        other.communicate()
    with EmbeddedPostgres(folder, fsync=False) as postgres:
        assert _read(postgres) == ["committed"]
    assert not _server(folder)


def test_a_dead_servers_number_given_to_another_process(folder: Path) -> None:
    """A stale postmaster.pid that now names some other process is seen through."""
    with EmbeddedPostgres(folder, fsync=False):
        lines = (folder / "cluster" / "pgdata" / "postmaster.pid").read_text().splitlines()
    stale = "\n".join([str(os.getpid()), *lines[1:], ""])
    (folder / "cluster" / "pgdata" / "postmaster.pid").write_text(stale)
    with EmbeddedPostgres(folder, fsync=False) as postgres:
        _write(postgres, "started")


def test_a_half_made_cluster_is_made_again(folder: Path) -> None:
    """Killed while the cluster was being made: the next start begins anew."""
    half = folder / "cluster" / "pgdata.new"
    folder.mkdir()
    account = postgres_account.server_account()
    postgres_account.place_cluster(folder / "cluster", account)
    half.mkdir()
    (half / "PG_VERSION").write_text("18\n")
    with EmbeddedPostgres(folder, fsync=False) as postgres:
        _write(postgres, "made")


def test_a_path_too_long_for_a_socket(folder: Path) -> None:
    """The data may lie deep: the socket then lies elsewhere."""
    deep = folder / ("long name, with ünicode and 'quotes' " * 3) / ("x" * 60)
    with EmbeddedPostgres(deep, fsync=False) as postgres:
        _write(postgres, "reached")
        socket = parse_database_url(postgres.url())[1].unix_socket or ""
        assert Path(socket).exists()
    assert not _server(deep)
    assert not Path(socket).parent.exists()


def test_a_cluster_of_an_unknown_version_is_refused(folder: Path) -> None:
    """It says which version made the data and what to do."""
    folder.mkdir()
    home = postgres_account.place_cluster(folder / "cluster", postgres_account.server_account())
    (home / "pgdata").mkdir()
    (home / "pgdata" / "PG_VERSION").write_text("9\n")
    with pytest.raises(SettingsError, match="made by PostgreSQL 9, which is not installed"):
        EmbeddedPostgres(folder).start()


def test_a_broken_cluster_says_why(folder: Path) -> None:
    """A server that cannot start ends the start with its own last words, in one line."""
    with EmbeddedPostgres(folder, fsync=False):
        pass
    (folder / "cluster" / "pgdata" / "global" / "pg_control").unlink()
    with pytest.raises(SettingsError, match="pg_control") as caught:
        EmbeddedPostgres(folder, fsync=False).start()
    assert "\n" not in str(caught.value)


def test_a_file_in_the_place_of_the_folder(tmp_path: Path) -> None:
    """A folder that cannot be made is named."""
    (tmp_path / "file").touch()
    with pytest.raises(SettingsError, match="cannot be used"):
        EmbeddedPostgres(tmp_path / "file").start()


@as_root
def test_root_in_a_private_folder(
    tmp_path: Path, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where no other account can enter, the cluster lies elsewhere and permissions stay as is."""
    monkeypatch.setattr(postgres_account, "SYSTEM_FOLDER", folder / "system")
    tmp_path.chmod(0o700)
    data = tmp_path / "private"
    with EmbeddedPostgres(data, fsync=False) as postgres:
        _write(postgres, "kept")
        assert psutil.Process(_server(data)).username() == "nobody"
    with EmbeddedPostgres(data, fsync=False) as postgres:
        assert _read(postgres) == ["kept"]
    assert tmp_path.stat().st_mode & 0o777 == 0o700
    assert (data / "cluster").resolve().is_relative_to(folder / "system")


@as_root
def test_root_with_programs_in_a_private_folder(
    tmp_path: Path, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Programs that no other account can reach are copied once to where it can."""
    monkeypatch.setattr(postgres_account, "SYSTEM_FOLDER", folder / "system")
    programs = tmp_path / "pgsql"
    (programs / "bin").mkdir(parents=True)
    (programs / "bin" / "postgres").write_text("#!/bin/sh\n")
    tmp_path.chmod(0o700)
    account = postgres_account.server_account()
    copy = postgres_account.reachable_programs(programs, account)
    assert copy.is_relative_to(folder / "system")
    assert (copy / "bin" / "postgres").read_text() == "#!/bin/sh\n"
    assert postgres_account.reachable_programs(programs, account) == copy


def _server(folder: Path) -> int:
    """The number of the running server, or 0."""
    try:
        number = int((folder / "cluster" / "pgdata" / "postmaster.pid").read_text().split()[0])
        process = psutil.Process(number)
        running = process.name() == "postgres" and process.status() != psutil.STATUS_ZOMBIE
    except (OSError, psutil.Error):
        return 0
    return number if running else 0


def _other_user(folder: Path, *, wait: bool = True) -> subprocess.Popen[str]:
    other = subprocess.Popen(
        [sys.executable, "-c", USE_UNTIL_KILLED, str(folder)],
        cwd=PROJECT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    if wait:
        assert _said(other) == "started"
    return other


def _said(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


def _write(postgres: EmbeddedPostgres, word: str) -> None:
    engine = make_engine(postgres.url(), pool_size=1)
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE IF NOT EXISTS words (word text)"))
        connection.execute(text("INSERT INTO words VALUES (:word)"), {"word": word})
    engine.dispose()


def _read(postgres: EmbeddedPostgres) -> list[str]:
    engine = make_engine(postgres.url(), pool_size=1)
    with engine.connect() as connection:
        words = list(connection.execute(text("SELECT word FROM words")).scalars())
    engine.dispose()
    return words


def _wait_for(condition: Callable[[], bool], seconds: float = 15) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not come true in time"
        time.sleep(0.02)
