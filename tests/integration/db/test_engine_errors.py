"""The text of database errors."""

from __future__ import annotations

import traceback

import pytest
from sqlalchemy import Engine, text
from sqlalchemy.exc import DBAPIError

from shared.db.error_code import database_code
from shared.error_codes.environment import DATABASE_UNAVAILABLE, DISK_FULL
from shared.error_codes.error_code import ErrorCode


def test_database_error_does_not_repeat_its_parameters(engine: Engine) -> None:
    """Errors reach logs and the ledger; a transcript's words must not."""
    with engine.connect() as connection, pytest.raises(DBAPIError) as caught:
        connection.execute(
            text("INSERT INTO transcripts (video_id, full_text) VALUES (NULL, :said)"),
            {"said": "canary in the transcript"},
        )
    told = "".join(traceback.format_exception(caught.value))
    assert "canary" not in told
    assert "null value in column" in told


@pytest.mark.parametrize(
    ("sqlstate", "code"),
    [
        ("53100", DISK_FULL),
        ("53300", DATABASE_UNAVAILABLE),
        ("57P01", DATABASE_UNAVAILABLE),
        ("23505", None),
    ],
)
def test_an_error_of_the_server_has_a_code_by_its_sqlstate(
    engine: Engine, sqlstate: str, code: ErrorCode | None
) -> None:
    """A full disk and a server that is not available are told apart from a bad statement."""
    statement = f"DO $$ BEGIN RAISE EXCEPTION 'no' USING ERRCODE = '{sqlstate}'; END $$"
    with engine.connect() as connection, pytest.raises(DBAPIError) as caught:
        connection.execute(text(statement))
    assert database_code(caught.value) == code


def test_a_lost_connection_has_a_code(engine: Engine) -> None:
    """The database is unavailable when its session ends during a transaction."""
    with engine.connect() as victim, engine.connect() as other:
        pid = victim.execute(text("SELECT pg_backend_pid()")).scalar_one()
        other.execute(text("SELECT pg_terminate_backend(:pid, 5000)"), {"pid": pid})
        with pytest.raises(DBAPIError) as caught:
            victim.execute(text("SELECT 1"))
    assert database_code(caught.value) == DATABASE_UNAVAILABLE


def test_an_error_from_elsewhere_has_no_database_code() -> None:
    """Its code comes from the error itself."""
    assert database_code(OSError("disk")) is None
