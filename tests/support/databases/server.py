"""Databases for tests: one migrated template per state of the migrations, copied per test."""

from __future__ import annotations

import hashlib
import os
import uuid
from importlib.resources import files
from pathlib import Path

import psutil
from sqlalchemy import Engine, make_url, text

from shared.db import migrate
from shared.db.engine import make_engine

_TEMPLATE_LOCK_KEY = 0x5445_4D50


class DatabaseServer:
    """Makes and drops databases through `engine`, a connection to a database that stays."""

    def __init__(self, engine: Engine, url: str) -> None:
        self._engine = engine
        self._autocommit = engine.execution_options(isolation_level="AUTOCOMMIT")
        self._url = url
        self.template = f"videomoments_template_{_digest_of_migrations()}"

    def url_of(self, name: str) -> str:
        """The URL of the database `name`."""
        return make_url(self._url).set(database=name).render_as_string(hide_password=False)

    def create(self, *, empty: bool = False) -> str:
        """Make a database, and return its name."""
        name = f"videomoments_test_{os.getpid()}_{uuid.uuid4().hex[:12]}"
        template = "template0" if empty else self.template
        self._execute(f'CREATE DATABASE "{name}" TEMPLATE "{template}"')
        return name

    def drop(self, name: str) -> None:
        """Drop a database despite its connections."""
        self._execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')

    def sessions(self, name: str) -> list[str]:
        """The last statement of each session in the database `name`."""
        with self._engine.connect() as connection:
            return list(
                connection.execute(
                    text(
                        "SELECT coalesce(query, '') FROM pg_stat_activity "
                        "WHERE datname = :name AND backend_type = 'client backend'"
                    ),
                    {"name": name},
                ).scalars()
            )

    def ensure_template(self) -> None:
        """Make the template if it is missing; the first of several workers does."""
        with self._engine.connect() as connection:
            connection.execute(text("SELECT pg_advisory_lock(:key)"), {"key": _TEMPLATE_LOCK_KEY})
            connection.commit()
            try:
                if self.template not in self._databases():
                    self._make_template()
            finally:
                connection.execute(
                    text("SELECT pg_advisory_unlock(:key)"), {"key": _TEMPLATE_LOCK_KEY}
                )
                connection.commit()

    def drop_abandoned(self) -> None:
        """Drop databases that killed sessions of this machine left."""
        for name in self._databases():
            owner = name.removeprefix("videomoments_test_").partition("_")[0]
            if owner.isdigit() and not psutil.pid_exists(int(owner)):
                self.drop(name)

    def _make_template(self) -> None:
        unfinished = self.create(empty=True)
        engine = make_engine(self.url_of(unfinished), pool_size=1)
        try:
            migrate.upgrade(engine)
        finally:
            engine.dispose()
        self._execute(f'ALTER DATABASE "{unfinished}" RENAME TO "{self.template}"')

    def _databases(self) -> list[str]:
        with self._autocommit.connect() as connection:
            return list(connection.execute(text("SELECT datname FROM pg_database")).scalars())

    def _execute(self, statement: str) -> None:
        with self._autocommit.connect() as connection:
            connection.execute(text(statement))


def _digest_of_migrations() -> str:
    digest = hashlib.sha256()
    for path in sorted(Path(str(files("migrations"))).rglob("*.py")):
        digest.update(path.name.encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()[:16]
