"""The embedded PostgreSQL: where its files lie, which account runs it, and what it refuses."""

from __future__ import annotations

import os
from pathlib import Path

import psutil
import pytest

from cli.local.postgres import account as postgres_account
from cli.local.postgres.embedded import EmbeddedPostgres
from shared.db.url import parse_database_url
from shared.errors import SettingsError
from tests.support.databases.users import read_words, server_of, write_word

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="is about running as root")


def test_embedded_postgres_moves_the_socket_when_the_path_is_too_long(open_folder: Path) -> None:
    """The server runs with data in a deep folder, and its socket is removed at the end."""
    deep = open_folder / ("long name, with ünicode and 'quotes' " * 3) / ("x" * 60)
    with EmbeddedPostgres(deep, fsync=False) as postgres:
        write_word(postgres, "reached")
        socket = parse_database_url(postgres.url())[1].unix_socket or ""
        assert Path(socket).exists()
    assert not server_of(deep)
    assert not Path(socket).parent.exists()


def test_embedded_postgres_refuses_a_cluster_of_an_unknown_version(open_folder: Path) -> None:
    """The error names the version that made the data."""
    home = postgres_account.place_cluster(
        open_folder / "cluster", postgres_account.server_account()
    )
    (home / "pgdata").mkdir()
    (home / "pgdata" / "PG_VERSION").write_text("9\n")
    with pytest.raises(SettingsError, match="made by PostgreSQL 9, which is not installed"):
        EmbeddedPostgres(open_folder).start()


def test_embedded_postgres_reports_why_a_broken_cluster_does_not_start(open_folder: Path) -> None:
    """The error carries the server's last words in one line."""
    with EmbeddedPostgres(open_folder, fsync=False):
        pass
    (open_folder / "cluster" / "pgdata" / "global" / "pg_control").unlink()
    with pytest.raises(SettingsError, match="pg_control") as caught:
        EmbeddedPostgres(open_folder, fsync=False).start()
    assert "\n" not in str(caught.value)


def test_embedded_postgres_refuses_a_file_in_place_of_its_folder(tmp_path: Path) -> None:
    """The error says that the folder cannot be used."""
    (tmp_path / "file").touch()
    with pytest.raises(SettingsError, match="cannot be used"):
        EmbeddedPostgres(tmp_path / "file").start()


@as_root
def test_embedded_postgres_moves_the_cluster_when_root_has_a_private_folder(
    tmp_path: Path, open_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The cluster lies where its account can enter, and the folder's permissions stay."""
    monkeypatch.setattr(postgres_account, "SYSTEM_FOLDER", open_folder / "system")
    tmp_path.chmod(0o700)
    data = tmp_path / "private"
    with EmbeddedPostgres(data, fsync=False) as postgres:
        write_word(postgres, "kept")
        assert psutil.Process(server_of(data)).username() == "nobody"
    with EmbeddedPostgres(data, fsync=False) as postgres:
        assert read_words(postgres) == ["kept"]
    assert tmp_path.stat().st_mode & 0o777 == 0o700
    assert (data / "cluster").resolve().is_relative_to(open_folder / "system")


@as_root
def test_reachable_programs_copies_programs_from_a_private_folder_once(
    tmp_path: Path, open_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Programs that the server's account cannot reach are copied once to a place it can reach."""
    monkeypatch.setattr(postgres_account, "SYSTEM_FOLDER", open_folder / "system")
    programs = tmp_path / "pgsql"
    (programs / "bin").mkdir(parents=True)
    (programs / "bin" / "postgres").write_text("#!/bin/sh\n")
    tmp_path.chmod(0o700)
    account = postgres_account.server_account()
    copy = postgres_account.reachable_programs(programs, account)
    assert copy.is_relative_to(open_folder / "system")
    assert (copy / "bin" / "postgres").read_text() == "#!/bin/sh\n"
    assert postgres_account.reachable_programs(programs, account) == copy
