"""The server's errors, without data from rows."""

from __future__ import annotations

from sqlalchemy import Engine, event
from sqlalchemy.engine import ExceptionContext

# Fields of an error response: https://www.postgresql.org/docs/current/protocol-error-fields.html
_TELLING = frozenset("DWqp")


def keep_rows_private(engine: Engine) -> None:
    """Remove the fields of an error that repeat the failing row or quote the query.

    Errors reach logs and the ledger; a row may hold people's words.
    """
    event.listen(engine, "handle_error", _leave_out_details)


def _leave_out_details(context: ExceptionContext) -> None:
    original = context.original_exception
    fields = original.args[0] if original.args else None
    if not isinstance(fields, dict):
        return
    before = str(original)
    original.args = ({name: fields[name] for name in fields if name not in _TELLING},)
    wrapped = context.sqlalchemy_exception
    if wrapped is not None:
        wrapped.args = tuple(
            part.replace(before, str(original)) if isinstance(part, str) else part
            for part in wrapped.args
        )
