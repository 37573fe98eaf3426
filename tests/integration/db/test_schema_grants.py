"""The rights of a database user who does not own the tables, like the functions'."""

from __future__ import annotations

import uuid
from collections.abc import Iterator

import pytest
from sqlalchemy import Engine, make_url, text
from sqlalchemy.exc import DBAPIError

from shared.db import migrate
from shared.db.engine import make_engine
from shared.db.migrate import grant_use
from shared.messages.videos import VideoProbed
from tests.support.databases.last_release import LastRelease

PASSWORD = "for this test only"


@pytest.fixture
def user(engine: Engine) -> Iterator[str]:
    """A user without rights, named like an IAM account."""
    name = f"vm-{uuid.uuid4().hex[:8]}@my-project.iam"
    with engine.begin() as connection:
        connection.execute(text(f"CREATE ROLE \"{name}\" LOGIN PASSWORD '{PASSWORD}'"))
    yield name
    with engine.begin() as connection:
        connection.execute(text(f'DROP OWNED BY "{name}"'))
        connection.execute(text(f'DROP ROLE "{name}"'))


@pytest.fixture
def as_user(user: str, database_url: str) -> Iterator[Engine]:
    """Connections of that user."""
    url = make_url(database_url).set(username=user, password=PASSWORD)
    other = make_engine(url.render_as_string(hide_password=False), pool_size=1)
    yield other
    other.dispose()


def refused(engine: Engine, statement: str) -> bool:
    """Whether the server denies the permission."""
    try:
        with engine.begin() as connection:
            connection.execute(text(statement))
    except DBAPIError as error:
        return "permission denied" in str(error) or "must be owner" in str(error)
    return False


def test_user_without_grants_reads_nothing(as_user: Engine) -> None:
    """An account that may log in may not read a row."""
    assert refused(as_user, "SELECT count(*) FROM videos")


def test_granted_user_reads_and_writes(engine: Engine, user: str, as_user: Engine) -> None:
    """It inserts with new ids, locks, updates and deletes, like a function."""
    grant_use(engine, [user])
    with as_user.begin() as connection:
        connection.execute(text("INSERT INTO videos (identifier, cloud_url) VALUES ('v', 'u')"))
        connection.execute(text("SELECT id FROM videos FOR UPDATE"))
        connection.execute(text("UPDATE videos SET title = 't'"))
        connection.execute(text("DELETE FROM videos"))


def test_granted_user_changes_no_table(engine: Engine, user: str, as_user: Engine) -> None:
    """It cannot create, alter, truncate or drop tables, or write their revision."""
    grant_use(engine, [user])
    for statement in (
        "CREATE TABLE mine (id integer)",
        "ALTER TABLE videos ADD COLUMN mine integer",
        "TRUNCATE videos CASCADE",
        "DROP TABLE videos",
        "UPDATE alembic_version SET version_num = 'mine'",
    ):
        assert refused(as_user, statement), statement


def test_grant_use_is_idempotent(engine: Engine, user: str, as_user: Engine) -> None:
    """Every deployment grants again."""
    grant_use(engine, [user])
    grant_use(engine, [user])
    assert not refused(as_user, "SELECT count(*) FROM stage_runs")


def test_last_releases_user_begins_runs_before_it_is_granted_the_new_tables(
    engine: Engine, user: str, as_user: Engine
) -> None:
    """Between an upgrade and its grant, the triggers write for a user that may not."""
    migrate.downgrade(engine, "0011")
    grant_use(engine, [user])
    migrate.upgrade(engine)
    assert refused(as_user, "SELECT count(*) FROM runs")
    message = VideoProbed(pipeline="pipeline:v", video="v", generation="1")
    LastRelease(as_user).begin("pipeline:v", "split", message)
    with engine.connect() as connection:
        assert connection.execute(text("SELECT count(run_id) FROM stage_runs")).scalar_one() == 1


def test_grant_use_fails_for_an_unknown_user(engine: Engine, user: str, as_user: Engine) -> None:
    """With one wrong name, no user gets a grant."""
    with pytest.raises(DBAPIError, match="does not exist"):
        grant_use(engine, [user, "nobody@my-project.iam"])
    assert refused(as_user, "SELECT count(*) FROM videos")
