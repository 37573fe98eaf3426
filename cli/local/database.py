"""The database of a command: the one named by URL, else the embedded one of the data folder."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from contextlib import contextmanager

from rich.console import Console
from sqlalchemy import Engine

from cli.local.home import Home
from cli.local.postgres.embedded import EmbeddedPostgres
from functions.wiring import engine_from
from shared.db.engine import check_server, make_engine
from shared.db.migrate import current, grant_use, head, upgrade
from shared.settings.settings import Settings


@contextmanager
def database(settings: Settings, home: Home, *, migrate: bool = True) -> Iterator[Engine]:
    """A checked and migrated database. Raises `SettingsError` if none can be reached."""
    if settings.database_url is not None or settings.cloud_sql_instance is not None:
        engine = engine_from(settings)
        with _ready(engine, migrate=migrate):
            yield engine
        return
    with EmbeddedPostgres(home.postgres) as postgres:
        engine = make_engine(postgres.url(), pool_size=settings.database_pool_size)
        with _ready(engine, migrate=migrate):
            yield engine


@contextmanager
def _ready(engine: Engine, *, migrate: bool) -> Iterator[None]:
    try:
        check_server(engine)
        if migrate:
            upgrade(engine)
        yield
    finally:
        engine.dispose()


def upgrade_database(settings: Settings, home: Home, grant_to: Collection[str] = ()) -> None:
    """Migrate, grant the users `grant_to` the use of all tables, and print the revision."""
    with database(settings, home) as engine:
        grant_use(engine, grant_to)
        Console().print(f"The database is at revision {current(engine)}.", highlight=False)


def show_revision(settings: Settings, home: Home) -> None:
    """Print the database's revision and the newest one."""
    with database(settings, home, migrate=False) as engine:
        found = current(engine) or "none"
    newest = head()
    note = "" if found == newest else " Run: videomoments db upgrade"
    Console().print(f"database {found}, newest {newest}.{note}", highlight=False)
