"""A process's one engine, over a plain URL or to Cloud SQL. Nothing connects at import."""

from __future__ import annotations

from sqlalchemy import URL, Engine, create_engine, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import QueuePool

from shared.db.cloud_sql import CloudSqlConnector, cloud_sql_connect
from shared.db.connect import SessionLimits, connector_for
from shared.db.private_errors import keep_rows_private
from shared.db.sessions import tolerate_ended_sessions
from shared.db.url import parse_database_url
from shared.errors import SettingsError

MINIMUM_SERVER_VERSION = 15
POOL_RECYCLE_SECONDS = 1800
POOL_TIMEOUT_SECONDS = 30


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
    """An engine that has not connected yet, with at most `pool_size + max_overflow` connections.

    `database_url` wins over `cloud_sql_instance` (`project:region:instance`, as `iam_user`). The
    URL may carry `sslmode` and `sslrootcert` as libpq understands them, and `unix_sock` or `host`
    for a Unix socket. Without `sslmode`, the connection uses TLS if the server offers it, but not
    on this machine. `connector` replaces the process's Cloud SQL connector. Raises SettingsError
    for an unusable URL, or if no setting names the server.
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
        # Statement parameters include people's words, which must not get into an error's text.
        hide_parameters=True,
    )
    tolerate_ended_sessions(engine)
    keep_rows_private(engine)
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


def _reason(error: BaseException) -> str:
    original = getattr(error, "orig", None) or error
    details = original.args[0] if original.args else ""
    message = details.get("M", "") if isinstance(details, dict) else str(original)
    return " ".join(message.split()).rstrip(".") or type(original).__name__
