"""Sessions that the server ends: restarts, fail-overs, time limits.

These changes to one engine's own dialect fill gaps in SQLAlchemy's dialect for pg8000.
"""

from __future__ import annotations

import contextlib
from typing import Any

import pg8000.dbapi
from sqlalchemy import Engine, event
from sqlalchemy.engine import ExceptionContext

_SERVER_WENT_AWAY = ("57P01", "57P02", "57P03", "57P05", "25P03")
"""SQLSTATEs with which the server ends a session; pg8000 raises them as ordinary errors."""


def tolerate_ended_sessions(engine: Engine) -> None:
    """Replace pooled connections whose session has ended, without a word in the log."""
    engine.dialect.do_ping = _ping  # type: ignore[method-assign]
    engine.dialect.do_terminate = _terminate  # type: ignore[method-assign]
    event.listen(engine, "handle_error", _recognise_ended_session)


def _ping(dbapi_connection: Any) -> bool:
    """Check that the server answers, outside of any transaction.

    The dialect's own ping leaves a transaction open, so a caller that then needs autocommit (CREATE
    DATABASE, VACUUM) fails.
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


def _terminate(dbapi_connection: Any) -> None:
    """Close a connection that may be dead; ignore an error while closing it."""
    with contextlib.suppress(pg8000.dbapi.Error, OSError):
        dbapi_connection.close()


def _recognise_ended_session(context: ExceptionContext) -> None:
    """Mark a connection whose session the server ended, so that the pool replaces it."""
    if sqlstate(context.original_exception) in _SERVER_WENT_AWAY:
        context.is_disconnect = True


def sqlstate(error: BaseException | None) -> str | None:
    """The SQLSTATE of an error that pg8000 raised; None if the server sent none."""
    details = error.args[0] if error is not None and error.args else None
    return details.get("C") if isinstance(details, dict) else None
