"""Upgrades and downgrades: from empty, twice, back, and by several processes."""

from __future__ import annotations

import logging
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from sqlalchemy import Engine, text
from sqlalchemy.exc import DBAPIError

from shared.db import migrate
from shared.db.engine import make_engine
from tests.support.databases.live_schema import live_columns, live_indexes
from tests.support.patience import PATIENCE_SECONDS

PROJECT = Path(__file__).resolve().parents[3]
UPGRADE_IN_ANOTHER_PROCESS = """
import sys
from shared.db import migrate
from shared.db.engine import make_engine
engine = make_engine(sys.argv[1], pool_size=1)
migrate.upgrade(engine)
print(migrate.current(engine))
engine.dispose()
"""

UPGRADE_KILLED = """
import os, signal, sys
from sqlalchemy import event
from shared.db import migrate
from shared.db.engine import make_engine
engine = make_engine(sys.argv[1], pool_size=1)
left = int(sys.argv[2])

def count(*facts):
    global left
    left -= 1
    if not left:
        os.kill(os.getpid(), signal.SIGKILL)

event.listen(engine, "after_cursor_execute", count)
migrate.upgrade(engine)
"""


def test_upgrade_from_empty_reaches_head(empty_database_engine: Engine) -> None:
    """An empty database has no revision; upgraded, it has the newest."""
    assert migrate.current(empty_database_engine) is None
    migrate.upgrade(empty_database_engine)
    assert migrate.current(empty_database_engine) == migrate.head()


def test_upgrade_twice_changes_nothing(engine: Engine) -> None:
    """A second upgrade keeps rows and schema."""
    with engine.begin() as connection:
        connection.execute(text("INSERT INTO videos (identifier, cloud_url) VALUES ('v', 'u')"))
        before = live_columns(connection)
    migrate.upgrade(engine)
    with engine.connect() as connection:
        assert connection.execute(text("SELECT count(*) FROM videos")).scalar_one() == 1
        assert live_columns(connection) == before


def test_downgrade_to_base_removes_everything(engine: Engine) -> None:
    """A new upgrade brings it all back."""
    with engine.connect() as connection:
        before = live_columns(connection), live_indexes(connection)
    migrate.downgrade(engine, "base")
    with engine.connect() as connection:
        assert live_columns(connection) == {}
        left = connection.execute(
            text("SELECT proname FROM pg_proc WHERE pronamespace = 'public'::regnamespace")
        ).all()
        assert left == []
    migrate.upgrade(engine)
    with engine.connect() as connection:
        assert (live_columns(connection), live_indexes(connection)) == before


def test_upgrade_and_downgrade_work_one_revision_at_a_time(empty_database_engine: Engine) -> None:
    """The result equals that of one command."""
    migrate.upgrade(empty_database_engine, "+1")
    first = migrate.current(empty_database_engine)
    while migrate.current(empty_database_engine) != migrate.head():
        migrate.upgrade(empty_database_engine, "+1")
    while migrate.current(empty_database_engine) != first:
        migrate.downgrade(empty_database_engine, "-1")
    migrate.downgrade(empty_database_engine, "-1")
    assert migrate.current(empty_database_engine) is None


def test_upgrade_succeeds_in_concurrent_threads(empty_database_url: str) -> None:
    """One does the work, the others find it done."""
    engines = [make_engine(empty_database_url, pool_size=1) for _ in range(4)]
    try:
        with ThreadPoolExecutor(4) as pool:
            list(pool.map(migrate.upgrade, engines))
        assert migrate.current(engines[0]) == migrate.head()
    finally:
        for engine in engines:
            engine.dispose()


def test_upgrade_succeeds_in_concurrent_processes(empty_database_url: str) -> None:
    """One does the work, the others find it done."""
    command = [sys.executable, "-c", UPGRADE_IN_ANOTHER_PROCESS, empty_database_url]
    running = [
        subprocess.Popen(command, cwd=PROJECT, stdout=subprocess.PIPE, text=True) for _ in range(4)
    ]
    said = [process.communicate(timeout=PATIENCE_SECONDS)[0].strip() for process in running]
    assert said == [migrate.head()] * 4


def test_failing_migration_leaves_nothing_behind(empty_database_engine: Engine) -> None:
    """Tables made before the failing statement are gone."""
    migrate.upgrade(empty_database_engine, "0002")
    with empty_database_engine.begin() as connection:
        connection.execute(text("CREATE TABLE stage_runs (id integer)"))
        before = live_columns(connection)
    with pytest.raises(DBAPIError):
        migrate.upgrade(empty_database_engine)
    with empty_database_engine.connect() as connection:
        assert live_columns(connection) == before
    assert migrate.current(empty_database_engine) == "0002"


@pytest.mark.parametrize("nth", [1, 3, 10, 30, 60, 75, 90])
def test_upgrade_completes_a_killed_migration(
    engine: Engine, empty_database_url: str, nth: int
) -> None:
    """After SIGKILL at any statement, the next upgrade reaches the same schema."""
    command = [sys.executable, "-c", UPGRADE_KILLED, empty_database_url, str(nth)]
    assert subprocess.run(command, cwd=PROJECT, check=False).returncode == -signal.SIGKILL
    survivor = make_engine(empty_database_url, pool_size=1)
    migrate.upgrade(survivor)
    assert migrate.current(survivor) == migrate.head()
    with survivor.connect() as connection, engine.connect() as other:
        assert live_columns(connection) == live_columns(other)
        assert live_indexes(connection) == live_indexes(other)
    survivor.dispose()


def test_migration_gives_up_waiting_for_a_lock(engine: Engine) -> None:
    """A table in use ends the migration after seconds, before readers queue behind it."""
    with engine.connect() as reader:
        reader.execute(text("SELECT count(*) FROM stage_runs")).all()
        with pytest.raises(DBAPIError, match="lock timeout"):
            migrate.downgrade(engine, "base")
    assert migrate.current(engine) == migrate.head()


def test_upgrade_leaves_a_newer_database_alone(
    engine: Engine, caplog: pytest.LogCaptureFixture
) -> None:
    """Old code runs on the newer schema; the unknown revision is logged."""
    with engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    with caplog.at_level(logging.WARNING):
        migrate.upgrade(engine)
    assert migrate.current(engine) == "9999"
    assert "9999" in caplog.text


def test_upgrade_leaves_no_lock(engine: Engine) -> None:
    """The advisory lock ends with the upgrade's transaction."""
    migrate.upgrade(engine)
    with engine.connect() as connection:
        held = connection.execute(
            text(
                "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND database = "
                "(SELECT oid FROM pg_database WHERE datname = current_database())"
            )
        ).scalar_one()
    assert held == 0
