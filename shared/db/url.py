"""Parses a database's URL."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import URL, make_url
from sqlalchemy.exc import ArgumentError

from shared.db.connect import SSL_MODES, ServerAddress, is_this_machine
from shared.errors import SettingsError

_SETTING = "VIDEOMOMENTS_DATABASE_URL"
_DRIVERS = ("postgresql+pg8000", "postgresql", "postgres")
_QUERY_KEYS = ("unix_sock", "host", "sslmode", "sslrootcert")


def parse_database_url(database_url: str) -> tuple[URL, ServerAddress]:
    """The URL with our driver, and the address it names. Raises SettingsError if unusable."""
    try:
        url = make_url(database_url)
    except (ArgumentError, ValueError):
        raise SettingsError(
            f"{_SETTING} is not a URL; write postgresql+pg8000://USER@HOST:PORT/DATABASE."
        ) from None
    if url.drivername not in _DRIVERS:
        raise SettingsError(
            f"{_SETTING} names the driver {url.drivername}; only postgresql+pg8000 is supported."
        )
    query = {
        key: value if isinstance(value, str) else value[-1] for key, value in url.query.items()
    }
    _check_query(query)
    host = query.get("host") or url.host or "localhost"
    port = url.port or 5432
    in_folder = f"{host}/.s.PGSQL.{port}" if host.startswith("/") else None
    target = ServerAddress(
        user=url.username or "postgres",
        password=url.password,
        database=url.database or url.username or "postgres",
        host=host,
        port=port,
        unix_socket=query.get("unix_sock", in_folder),
        ssl_mode=query.get("sslmode", "disable" if is_this_machine(host) else "prefer"),
        ssl_root_certificate=query.get("sslrootcert"),
    )
    return url.set(drivername="postgresql+pg8000"), target


def _check_query(query: dict[str, str]) -> None:
    unknown = sorted(query.keys() - set(_QUERY_KEYS))
    if unknown:
        raise SettingsError(
            f"{_SETTING} carries {', '.join(unknown)}, which is not known; "
            f"use {', '.join(_QUERY_KEYS)}."
        )
    mode = query.get("sslmode", "prefer")
    if mode not in SSL_MODES:
        raise SettingsError(f"{_SETTING} has sslmode={mode}; use one of {', '.join(SSL_MODES)}.")
    certificate = query.get("sslrootcert")
    if certificate is not None and not Path(certificate).is_file():
        raise SettingsError(f"{_SETTING} has sslrootcert={certificate}, which is not a file.")
