"""The error code of an error that SQLAlchemy raises."""

from __future__ import annotations

from sqlalchemy import exc

from shared.db.sessions import sqlstate
from shared.error_codes.environment import DATABASE_UNAVAILABLE, DISK_FULL
from shared.error_codes.error_code import ErrorCode

_DISK_FULL = "53100"
_UNAVAILABLE = ("08", "53", "57P", "58")
"""Classes of SQLSTATE: connection, resources, operator intervention, system error."""


def database_code(error: BaseException) -> ErrorCode | None:
    """None if the error does not come from the database, or if the statement itself is at fault."""
    if isinstance(error, exc.TimeoutError | exc.InterfaceError | exc.OperationalError):
        return DATABASE_UNAVAILABLE
    if not isinstance(error, exc.DBAPIError):
        return None
    state = sqlstate(error.orig) or ""
    if state == _DISK_FULL:
        return DISK_FULL
    unavailable = error.connection_invalidated or state.startswith(_UNAVAILABLE)
    return DATABASE_UNAVAILABLE if unavailable else None
