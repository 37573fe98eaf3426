"""Run the migrations: one upgrade at a time, with short waits for locks."""

from __future__ import annotations

from alembic import context
from sqlalchemy import Connection, text

from shared.db.engine import make_engine
from shared.db.models import Base
from shared.settings.settings import Settings

UPGRADE_LOCK_KEY = 0x5649_4445_4F4D
"""The key of every upgrade's advisory lock. Any number will do, but it must not change."""


def run_migrations(connection: Connection) -> None:
    """Run the requested migrations in one transaction."""
    context.configure(
        connection=connection,
        target_metadata=Base.metadata,
        compare_type=True,
        compare_server_default=True,
    )
    with context.begin_transaction():
        # The second of two upgrades waits for the first. A migration does not queue behind
        # readers, because later statements would then queue behind the migration.
        connection.execute(text("SET LOCAL lock_timeout = '120s'"))
        connection.execute(text("SET LOCAL statement_timeout = '120s'"))
        connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": UPGRADE_LOCK_KEY})
        connection.execute(text("SET LOCAL lock_timeout = '3s'"))
        connection.execute(text("SET LOCAL statement_timeout = '60s'"))
        context.run_migrations()


def run_with_own_connection() -> None:
    """For the `alembic` command: the settings' database."""
    settings = Settings()
    url = settings.database_url.get_secret_value() if settings.database_url else None
    engine = make_engine(url, pool_size=1)
    try:
        with engine.begin() as connection:
            run_migrations(connection)
    finally:
        engine.dispose()


given: Connection | None = context.config.attributes.get("connection")
if given is None:
    run_with_own_connection()
else:
    run_migrations(given)
