"""The one engine of a process, over a plain URL or to Cloud SQL. Nothing connects at import."""

from __future__ import annotations

from typing import Any

from sqlalchemy import URL, Engine, create_engine, event, text
from sqlalchemy.engine import ExceptionContext
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import QueuePool

from shared.db.cloud_sql import CloudSqlConnector, cloud_sql_connect
from shared.db.connect import SessionLimits, connector_for
from shared.db.url import parse_database_url
from shared.errors import SettingsError

MINIMUM_SERVER_VERSION = 15
POOL_RECYCLE_SECONDS = 1800
POOL_TIMEOUT_SECONDS = 30

_SERVER_WENT_AWAY = ("57P01", "57P02", "57P03", "57P05", "25P03")
"""SQLSTATEs with which the server ends a session; pg8000 gives them as ordinary errors."""


def make_engine(
    database_url: str | None,
    *,
    cloud_sql_instance: str | None = None,
    iam_user: str | None = None,
    db_name: str = "videomoments",
    private_ip: bool = False,
    pool_size: int = 3,
    max_overflow: int = 0,
    limits: SessionLimits | None = None,
    connector: CloudSqlConnector | None = None,
) -> Engine:
    """An engine that has not connected yet, holding at most `pool_size + max_overflow` connections.

    `database_url` wins over `cloud_sql_instance` (`project:region:instance`, entered as
    `iam_user`). The URL may carry `sslmode` and `sslrootcert` as libpq understands them, and
    `unix_sock` or `host` for a Unix socket; without `sslmode`, TLS is preferred, and not tried on
    this machine. `connector` takes the place of the process's Cloud SQL connector.
    Raises SettingsError for a URL that cannot be used, or when nothing says where the server is.
    """
    limits = limits or SessionLimits()
    if database_url:
        url, target = parse_database_url(database_url)
        connect = connector_for(target, limits)
    elif cloud_sql_instance:
        if not iam_user:
            raise SettingsError(
                "VIDEOMOMENTS_CLOUD_SQL_USER is missing: name the IAM database user."
            )
        url = URL.create("postgresql+pg8000", iam_user, database=db_name)
        connect = cloud_sql_connect(
            cloud_sql_instance,
            iam_user=iam_user,
            db_name=db_name,
            private_ip=private_ip,
            limits=limits,
            connector=connector,
        )
    else:
        raise SettingsError(
            "No database: set VIDEOMOMENTS_DATABASE_URL or VIDEOMOMENTS_CLOUD_SQL_INSTANCE."
        )
    engine = create_engine(
        url,
        creator=connect,
        poolclass=QueuePool,
        pool_size=pool_size,
        max_overflow=max_overflow,
        pool_timeout=POOL_TIMEOUT_SECONDS,
        pool_recycle=POOL_RECYCLE_SECONDS,
        pool_pre_ping=True,
    )
    engine.dialect.do_ping = _ping  # type: ignore[method-assign]
    event.listen(engine, "handle_error", _recognise_ended_session)
    return engine


def check_server(engine: Engine) -> None:
    """Raise SettingsError unless the server answers and is new enough. One line, no password."""
    where = engine.url.render_as_string(hide_password=True).partition("?")[0]
    try:
        with engine.connect() as connection:
            number = int(connection.execute(text("SHOW server_version_num")).scalar_one())
    except (DBAPIError, OSError) as error:
        raise SettingsError(
            f"Cannot use the database {where}: {_reason(error)}. "
            "Check VIDEOMOMENTS_DATABASE_URL and that the server runs."
        ) from None
    if number // 10_000 < MINIMUM_SERVER_VERSION:
        raise SettingsError(
            f"The database {where} is PostgreSQL {number // 10_000}; "
            f"{MINIMUM_SERVER_VERSION} or newer is needed."
        )


def _ping(dbapi_connection: Any) -> bool:
    """Ask the server for a sign of life, outside of any transaction.

    The dialect's own ping opens one and leaves it open, so that whoever then wants autocommit
    (CREATE DATABASE, VACUUM) is refused.
    """
    before = dbapi_connection.autocommit
    dbapi_connection.autocommit = True
    try:
        cursor = dbapi_connection.cursor()
        cursor.execute(";")
        cursor.close()
    finally:
        dbapi_connection.autocommit = before
    return True


def _recognise_ended_session(context: ExceptionContext) -> None:
    """Let a pooled connection whose session the server ended be replaced, not handed out."""
    if _sqlstate(context.original_exception) in _SERVER_WENT_AWAY:
        context.is_disconnect = True


def _sqlstate(error: BaseException | None) -> str | None:
    details = error.args[0] if error is not None and error.args else None
    return details.get("C") if isinstance(details, dict) else None


def _reason(error: BaseException) -> str:
    original = getattr(error, "orig", None) or error
    details = original.args[0] if original.args else ""
    said = details.get("M", "") if isinstance(details, dict) else str(original)
    return " ".join(said.split()).rstrip(".") or type(original).__name__
