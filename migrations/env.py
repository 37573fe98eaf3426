"""Run the migrations: one upgrade at a time, with short waits for locks."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress

from alembic import context
from sqlalchemy import Connection, text
from sqlalchemy.exc import DBAPIError

from shared.db.engine import make_engine
from shared.db.models import Base
from shared.settings.settings import Settings

UPGRADE_LOCK_KEY = 0x5649_4445_4F4D
"""The key of every upgrade's advisory lock. Any number will do, but it must not change."""


def run_migrations(connection: Connection) -> None:
    """Run the requested migrations, each in a transaction of its own: all of it, or nothing.

    A migration that fills a big table commits in between, so that it locks few rows at a time.
    An upgrade that was interrupted continues with the first migration that was not committed.
    """
    context.configure(
        connection=connection,
        target_metadata=Base.metadata,
        compare_type=True,
        compare_server_default=True,
        transaction_per_migration=True,
    )
    with _upgrade_lock(connection), context.begin_transaction():
        context.run_migrations()


@contextmanager
def _upgrade_lock(connection: Connection) -> Iterator[None]:
    """Hold the upgrade lock and set a migration's time-outs until the block ends."""
    before = connection.execute(
        text("SELECT current_setting('lock_timeout'), current_setting('statement_timeout')")
    ).one()
    # The second of two upgrades waits for the first.
    _set_timeouts(connection, "120s", "120s")
    connection.execute(text("SELECT pg_advisory_lock(:key)"), {"key": UPGRADE_LOCK_KEY})
    # A migration does not queue behind readers: every later query would queue behind it.
    _set_timeouts(connection, "3s", "60s")
    connection.commit()
    try:
        yield
    finally:
        # A broken connection has lost its lock and its settings.
        with suppress(DBAPIError):
            connection.rollback()
            connection.execute(text("SELECT pg_advisory_unlock(:key)"), {"key": UPGRADE_LOCK_KEY})
            _set_timeouts(connection, *before)
            connection.commit()


def _set_timeouts(connection: Connection, lock: str, statement: str) -> None:
    connection.execute(
        text(
            "SELECT set_config('lock_timeout', :lock, false), "
            "set_config('statement_timeout', :statement, false)"
        ),
        {"lock": lock, "statement": statement},
    )


def run_with_own_connection() -> None:
    """For the `alembic` command: the settings' database."""
    settings = Settings()
    url = settings.database_url.get_secret_value() if settings.database_url else None
    engine = make_engine(url, pool_size=1)
    try:
        with engine.connect() as connection:
            run_migrations(connection)
    finally:
        engine.dispose()


given: Connection | None = context.config.attributes.get("connection")
if given is None:
    run_with_own_connection()
else:
    run_migrations(given)
