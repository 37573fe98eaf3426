"""Migrates a database's schema from code, without an alembic.ini."""

from __future__ import annotations

import logging
import threading
from collections.abc import Collection
from importlib.resources import files

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine, text

logger = logging.getLogger(__name__)

VERSION_TABLE = "alembic_version"
_one_at_a_time = threading.Lock()
"""`alembic.context` is global to the process. Other processes wait for env.py's advisory lock."""


def upgrade(engine: Engine, revision: str = "head") -> None:
    """Upgrade to `revision`, one transaction for each migration; waits for a concurrent upgrade.

    Does nothing to a database that a newer version of the project has upgraded: by rule, old code
    runs on the newer schema.
    """
    at = current(engine)
    if at is not None and at not in _known_revisions():
        logger.warning(
            "The database is at revision %s, newer than this version's %s: left.", at, head()
        )
        return
    with _one_at_a_time, engine.connect() as connection:
        command.upgrade(_config(connection), revision)


def downgrade(engine: Engine, revision: str) -> None:
    """Downgrade to `revision` (`base` for an empty database). Loses the rows of dropped tables."""
    with _one_at_a_time, engine.connect() as connection:
        command.downgrade(_config(connection), revision)


def current(engine: Engine) -> str | None:
    """The revision of the database, or None if it was never upgraded."""
    with engine.connect() as connection:
        return MigrationContext.configure(connection).get_current_revision()


def head() -> str:
    """The newest revision that this version of the project knows."""
    revision = ScriptDirectory.from_config(_config()).get_current_head()
    if revision is None:
        raise LookupError("The package `migrations` holds no migration: the installation is broken")
    return revision


def is_known(revision: str) -> bool:
    """Whether this version of the project knows that revision."""
    return revision in _known_revisions()


def _known_revisions() -> set[str]:
    return {script.revision for script in ScriptDirectory.from_config(_config()).walk_revisions()}


def _config(connection: Connection | None = None) -> Config:
    config = Config()
    config.attributes["connection"] = connection
    # Alembic's configuration interpolates "%", which a path may contain.
    config.set_main_option("script_location", str(files("migrations")).replace("%", "%%"))
    return config


def grant_use(engine: Engine, users: Collection[str]) -> None:
    """Let `users` read and write every table, and alter none.

    The tables' owner calls this after each upgrade, because it affects only existing tables. Raises
    `sqlalchemy.exc.DBAPIError` for a user that does not exist, and then grants nothing.
    """
    if not users:
        return
    with engine.begin() as connection:
        quote = connection.dialect.identifier_preparer.quote_identifier
        grantees = ", ".join(quote(user) for user in users)
        for statement in (
            f"GRANT USAGE ON SCHEMA public TO {grantees}",
            f"GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO {grantees}",
            f"GRANT USAGE, SELECT ON ALL SEQUENCES IN SCHEMA public TO {grantees}",
            f"REVOKE INSERT, UPDATE, DELETE ON {VERSION_TABLE} FROM {grantees}",
        ):
            connection.execute(text(statement.replace(":", r"\:")))
