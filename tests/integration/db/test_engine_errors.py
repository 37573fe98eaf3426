"""What the database's errors say, and what they keep to themselves."""

from __future__ import annotations

import traceback

import pytest
from sqlalchemy import Engine, text
from sqlalchemy.exc import DBAPIError


def test_an_error_does_not_repeat_what_was_to_be_stored(engine: Engine) -> None:
    """Errors end up in logs and in the ledger; the words of a transcript must not."""
    with engine.connect() as connection, pytest.raises(DBAPIError) as caught:
        connection.execute(
            text("INSERT INTO transcripts (video_id, full_text) VALUES (NULL, :said)"),
            {"said": "canary in the transcript"},
        )
    told = "".join(traceback.format_exception(caught.value))
    assert "canary" not in told
    assert "null value in column" in told
