"""Secrets never reach a log: canaries are planted in every part of a record."""

from __future__ import annotations

import json
import logging
import threading
from dataclasses import dataclass
from typing import Any

import pytest
import structlog
from pydantic import BaseModel, ValidationError
from sqlalchemy.exc import IntegrityError

from shared.telemetry import logs as log
from shared.telemetry.redaction import redact_text
from tests.support.telemetry.log_capture import logged, restored

__all__ = ["restored"]

CANARY = "CANARY7f3a"


class Segment(BaseModel):
    text: str
    number: int = 0


@dataclass
class Word:
    word: str


SIGNED = [
    f"https://storage.googleapis.com/b/o?X-Goog-Algorithm=A&X-Goog-Signature={CANARY}",
    f"https://b.s3.amazonaws.com/o?X-Amz-Credential={CANARY}&X-Amz-Signature=abc",
    f"https://b.s3.amazonaws.com/o?AWSAccessKeyId=x&Signature={CANARY}&Expires=1",
    f"https://acc.blob.core.windows.net/o?se=1&sig={CANARY}",
]
TEXTS = {
    "goog url": f"read {SIGNED[0]} now",
    "amz url": SIGNED[1],
    "old url": f'"{SIGNED[2]}"',
    "azure url": SIGNED[3],
    "bare signature": f"X-Amz-Signature={CANARY}",
    "bearer": f"Authorization: Bearer {CANARY}",
    "bearer lower": f"authorization=bearer {CANARY}abc",
    "basic": f"Basic {CANARY}==",
    "jwt": f"eyJhbGciOiJSUzI1NiJ9.eyJ{CANARY}.sig",
    "database": f"postgresql+pg8000://me:{CANARY}@db:5432/x",
    "database odd password": f"postgresql://me:a@b:{CANARY}/c@db/x",
    "password": f"password={CANARY}",
    "password in json": f'{{"db_password": "{CANARY}"}}',
    "token repr": f"{{'access_token': '{CANARY}'}}",
    "api key": f"AIza{CANARY}aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
    "private key": f"-----BEGIN PRIVATE KEY-----\n{CANARY}\n-----END PRIVATE KEY-----",
    "transcript in json": f'{{"full_text": "so {CANARY} then"}}',
    "transcript repr": f"Segment(number=1, text='it\\'s {CANARY} here')",
    "words list": f"words=['a', '{CANARY}']",
}
FIELDS: dict[str, Any] = {
    **{f"value {name}": {"note": text} for name, text in TEXTS.items()},
    "secret key": {"client_secret": CANARY},
    "token key": {"lease_token": CANARY},
    "Authorization": {"headers": {"Authorization": CANARY}},
    "nested text": {"result": {"segments": [{"start": 1.0, "text": CANARY}]}},
    "words": {"words": [CANARY, CANARY]},
    "quote": {"quote": CANARY},
    "list of dicts": {"items": [{"a": ({"password": CANARY},)}]},
    "model": {"segment": Segment(text=CANARY)},
    "dataclass": {"found": [Word(CANARY)]},
    "bytes": {"payload": CANARY.encode()},
    "error as value": {"error": ValueError(SIGNED[0])},
    "key with a url": {"urls": {SIGNED[0]: 1}},
}


@pytest.mark.parametrize("format_", ["json", "console"])
@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS.keys())
def test_redaction_hides_a_secret_in_text(text: str, format_: log.Format) -> None:
    """Our messages, the standard library's and those of exceptions are redacted."""

    def act() -> None:
        structlog.get_logger().info(f"did {text}")
        structlog.get_logger().info("did %s", text)
        logging.getLogger("google.auth").error("sent %s", text)
        logging.getLogger("urllib3").error(f"sent {text}")
        try:
            try:
                raise OSError(text)
            except OSError as error:
                raise RuntimeError("outer") from error
        except RuntimeError:
            structlog.get_logger().exception("failed")
            logging.getLogger("gunicorn.error").exception("failed")

    written = logged(act, format_)
    assert CANARY not in written
    assert written.count("did") == 2
    assert "outer" in written


@pytest.mark.parametrize("format_", ["json", "console"])
@pytest.mark.parametrize("fields", FIELDS.values(), ids=FIELDS.keys())
def test_redaction_hides_a_secret_in_fields(fields: dict[str, Any], format_: log.Format) -> None:
    """A secret or a spoken word is hidden in any field, however deep."""

    def act() -> None:
        structlog.get_logger().info("did", **fields)
        with log.bind(**fields):
            structlog.get_logger().info("did")
        logging.getLogger("x").warning("did %s", fields)
        logging.getLogger("x").warning("did %(note)s", {"note": fields})

    written = logged(act, format_)
    assert CANARY not in written
    assert written.count("did") == 4


def test_redaction_hides_data_quoted_by_library_errors() -> None:
    """Values that databases and validators quote in their errors are not logged."""

    def act() -> None:
        statement = "INSERT INTO transcripts (full_text) VALUES (%s)"
        try:
            raise IntegrityError(statement, {"full_text": CANARY}, ValueError("duplicate"))
        except IntegrityError:
            structlog.get_logger().exception("failed")
        try:
            Segment.model_validate({"text": "x", "number": CANARY})
        except ValidationError:
            structlog.get_logger().exception("failed")
        detail = {"D": f"Failing row contains (1, {CANARY}, null).", "R": "ExecConstraints"}
        logging.getLogger("sqlalchemy").error("%s", detail)

    written = logged(act)
    assert CANARY not in written
    assert len(written.splitlines()) == 3


def test_redaction_covers_uncaught_errors() -> None:
    """An uncaught error is logged redacted, from a thread too."""

    def fail() -> None:
        raise RuntimeError(SIGNED[0])

    def act() -> None:
        thread = threading.Thread(target=fail)
        thread.start()
        thread.join()

    found = json.loads(logged(act))
    assert found["severity"] == "CRITICAL"
    assert CANARY not in json.dumps(found)


def test_redaction_keeps_numbers() -> None:
    """Counts of tokens and words are not secrets."""
    found = json.loads(logged(lambda: structlog.get_logger().info("did", input_tokens=12, words=3)))
    assert (found["input_tokens"], found["words"]) == (12, 3)


def test_redaction_keeps_plain_values() -> None:
    """Values needed to find an error stay."""
    text = "cut gs://b/talks/a b.mp4 to https://h:8080/x?page=2 for p1 (HTTP 503) at 12:30:01"
    assert json.loads(logged(lambda: structlog.get_logger().info(text)))["message"] == text


def test_redaction_removes_the_query_of_a_signed_url() -> None:
    """The object stays readable, and no part of the permission does."""
    found = [redact_text(f"read {url} now") for url in SIGNED]
    assert found[0] == "read https://storage.googleapis.com/b/o?[redacted] now"
    assert all(text.endswith("/o?[redacted] now") for text in found)


@pytest.mark.parametrize("opening", ["text='", 'full_text: "', "words=['a', ", "input_value='"])
def test_redaction_hides_spoken_text_without_its_closing_quote(opening: str) -> None:
    """Spoken text stays out of the log even if it was cut before the quote."""
    assert CANARY not in redact_text(f"failed on {opening}so {CANARY} and")
    assert CANARY not in redact_text(f"failed on {opening}" + f"so {CANARY} " * 10_000)


@pytest.mark.parametrize(
    "piece",
    ["a", "a-", "a:", "https://", "key=", "words=[", "[parameters: ", "input_value=", "'\\"],
)
def test_redaction_ends_on_any_text(piece: str) -> None:
    """Text is cut before it is searched, so that no text blocks the process."""
    text = "https://" + piece * 100_000
    written = redact_text(text)
    assert len(written) < 60_000
    assert "characters cut" in written
