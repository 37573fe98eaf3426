"""The engine on a real server: its sessions, its pool, its errors, and Cloud SQL's connector."""

from __future__ import annotations

import socket
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, make_url, text
from sqlalchemy.exc import DBAPIError

from shared.db import engine as engine_module
from shared.db.connect import ServerAddress, SessionLimits, connector_for
from shared.db.engine import check_server, make_engine
from shared.db.url import parse_database_url
from shared.errors import SettingsError
from tests.support.patience import PATIENCE_SECONDS

PROJECT = Path(__file__).resolve().parents[3]


class RecordingConnector:
    """Stands for the Cloud SQL connector: records its calls and connects here."""

    def __init__(self, database_url: str) -> None:
        _, target = parse_database_url(database_url)
        self._connect = connector_for(target, SessionLimits())
        self.calls: list[tuple[str, str, dict[str, Any]]] = []

    def connect(self, instance_connection_string: str, driver: str, **kwargs: Any) -> Any:
        self.calls.append((instance_connection_string, driver, kwargs))
        return self._connect()


def test_engine_sets_up_every_session(database_url: str) -> None:
    """Time zone, time limits and name hold from a session's first statement."""
    limits = SessionLimits(statement_timeout_seconds=7, idle_in_transaction_timeout_seconds=8)
    engine = make_engine(database_url, limits=limits)
    with engine.connect() as connection:
        shown = {
            name: connection.execute(text(f"SHOW {name}")).scalar_one()
            for name in (
                "timezone",
                "statement_timeout",
                "idle_in_transaction_session_timeout",
                "application_name",
            )
        }
    engine.dispose()
    assert list(shown.values()) == ["UTC", "7s", "8s", "videomoments"]


def test_engine_ends_a_statement_past_its_limit(database_url: str) -> None:
    """The statement fails, and the connection can be used again."""
    engine = make_engine(database_url, limits=SessionLimits(statement_timeout_seconds=0.2))
    with engine.connect() as connection:
        with pytest.raises(DBAPIError, match="statement timeout"):
            connection.execute(text("SELECT pg_sleep(10)"))
        connection.rollback()
        assert connection.execute(text("SELECT 1")).scalar_one() == 1
    engine.dispose()


def test_engine_pool_is_bounded(database_url: str) -> None:
    """With all connections taken, the next request waits."""
    engine = make_engine(database_url, pool_size=1)
    got = threading.Event()

    def take() -> None:
        with engine.connect():
            got.set()

    with engine.connect():
        taker = threading.Thread(target=take)
        taker.start()
        assert not got.wait(0.2)
    taker.join(PATIENCE_SECONDS)
    assert got.is_set()
    engine.dispose()


def test_engine_replaces_a_session_that_the_server_ended(engine: Engine) -> None:
    """A pooled connection that died while idle is not used."""
    with engine.connect() as connection, engine.connect() as other:
        victim = connection.execute(text("SELECT pg_backend_pid()")).scalar_one()
        connection.close()
        other.execute(text("SELECT pg_terminate_backend(:pid, 5000)"), {"pid": victim})
    for _ in range(5):
        with engine.connect() as connection:
            assert connection.execute(text("SELECT 1")).scalar_one() == 1


def test_engine_ping_leaves_no_transaction_open(engine: Engine) -> None:
    """A reused connection is in no transaction, so autocommit works."""
    with engine.connect() as connection:
        connection.execute(text("SELECT 1"))
    autocommit = engine.execution_options(isolation_level="AUTOCOMMIT")
    for _ in range(2):
        with autocommit.connect() as connection:
            connection.execute(text("VACUUM videos"))


def test_engine_does_not_connect_before_its_first_use() -> None:
    """Making an engine needs no server."""
    make_engine("postgresql+pg8000://nobody@127.0.0.1:1/nothing").dispose()


def test_engine_imports_no_google_library_for_a_plain_url() -> None:
    """Neither importing nor making an engine imports google's packages."""
    program = (
        "import sys; from shared.db.engine import make_engine; "
        "make_engine('postgresql://u@127.0.0.1:1/d'); "
        "make_engine(None, cloud_sql_instance='p:r:i', iam_user='u'); "
        "print(any(name.startswith('google.cloud.sql') for name in sys.modules))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=PROJECT, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "False"


def test_engine_reaches_cloud_sql_through_the_connector(database_url: str) -> None:
    """It requests the instance, by IAM, once per connection, and queries work."""
    connector = RecordingConnector(database_url)
    engine = make_engine(
        None,
        cloud_sql_instance="project:region:instance",
        iam_user="worker@project.iam",
        db_name="videomoments",
        private_ip=True,
        connector=connector,
    )
    assert connector.calls == []
    for _ in range(3):
        with engine.connect() as connection:
            assert connection.execute(text("SELECT count(*) FROM videos")).scalar_one() == 0
    engine.dispose()
    (call,) = connector.calls
    assert call[:2] == ("project:region:instance", "pg8000")
    assert call[2] == {
        "user": "worker@project.iam",
        "db": "videomoments",
        "enable_iam_auth": True,
        "ip_type": "PRIVATE",
        "application_name": "videomoments",
        "startup_params": SessionLimits().startup_parameters(),
    }


def test_engines_share_one_lazy_connector(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is made at the first connection and refreshes lazily."""
    from google.cloud.sql import connector as google_connector

    from shared.db import cloud_sql

    made: list[dict[str, Any]] = []

    def make(**kwargs: Any) -> RecordingConnector:
        made.append(kwargs)
        return RecordingConnector(database_url)

    monkeypatch.setattr(google_connector, "Connector", make)
    monkeypatch.setattr(cloud_sql, "shared_connector", None)
    for _ in range(2):
        engine = make_engine(None, cloud_sql_instance="p:r:i", iam_user="u")
        with engine.connect():
            assert made == [{"refresh_strategy": "lazy"}]
        engine.dispose()


def test_check_server_accepts_a_new_enough_server(engine: Engine) -> None:
    """The tests' server passes."""
    check_server(engine)


def test_check_server_refuses_an_old_server(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The error names its version and the required one."""
    monkeypatch.setattr(engine_module, "MINIMUM_SERVER_VERSION", 99)
    with pytest.raises(SettingsError, match="99 or newer is needed"):
        check_server(engine)


def test_check_server_names_an_unreachable_server_without_its_password() -> None:
    """One line says which server did not answer and why."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
        engine = make_engine(f"postgresql+pg8000://u:s3cret@127.0.0.1:{port}/d")
        with pytest.raises(SettingsError, match="Connection refused") as caught:
            check_server(engine)
    message = str(caught.value)
    assert "s3cret" not in message
    assert "\n" not in message
    assert f"127.0.0.1:{port}" in message


def test_check_server_names_a_missing_database(database_url: str) -> None:
    """The server's own words are passed on."""
    url = make_url(database_url).set(database="no_such_database")
    engine = make_engine(url.render_as_string(hide_password=False))
    with pytest.raises(SettingsError, match='database "no_such_database" does not exist'):
        check_server(engine)


def test_target_hides_its_password() -> None:
    """Its text, in logs and tracebacks, lacks the password."""
    assert "s3cret" not in repr(ServerAddress(user="u", password="s3cret", database="d"))
