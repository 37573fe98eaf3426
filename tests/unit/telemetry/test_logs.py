"""Log records: in Cloud Logging's form, and without private data."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Callable
from typing import Any

import pytest
import structlog

from shared.telemetry import logs as log
from shared.telemetry.trace import in_trace
from tests.support.telemetry.log_capture import logged, restored

__all__ = ["restored"]

TRACE = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"


def record(act: Callable[[], object]) -> dict[str, Any]:
    """The one JSON record written while `act` runs."""
    found: dict[str, Any] = json.loads(logged(act))
    return found


def test_record_has_the_fields_of_cloud_logging() -> None:
    """Severity, message, trace, span and bound fields are where Cloud Logging looks for them."""

    def act() -> None:
        with in_trace(TRACE), log.bind(pipeline="p1", stage="cut_clip", subject="m1", attempt=2):
            structlog.get_logger("x").warning("clip cut", clips=3)

    found = record(act)
    trace = "projects/my-project/traces/4bf92f3577b34da6a3ce929d0e0e4736"
    assert found["severity"] == "WARNING"
    assert found["message"] == "clip cut"
    assert found["logging.googleapis.com/trace"] == trace
    assert len(found["logging.googleapis.com/spanId"]) == 16
    assert found["logging.googleapis.com/spanId"] != "00f067aa0ba902b7"
    expected = {"pipeline": "p1", "stage": "cut_clip", "subject": "m1", "attempt": 2, "clips": 3}
    assert expected.items() <= found.items()


def test_bind_removes_its_fields_after_the_block() -> None:
    """A record after the block lacks them."""

    def act() -> None:
        with log.bind(pipeline="p1", stage=None):
            pass
        structlog.get_logger().info("later")

    assert "pipeline" not in record(act)


def test_record_holds_the_stack_of_an_exception() -> None:
    """An error is one record that Error Reporting groups by its stack."""

    def act() -> None:
        try:
            raise RuntimeError("no disk")
        except RuntimeError:
            structlog.get_logger().exception("stage failed")

    found = record(act)
    assert found["severity"] == "ERROR"
    assert found["error_type"] == "RuntimeError"
    assert found["stack_trace"].endswith("RuntimeError: no disk")
    assert found["@type"].endswith("ReportedErrorEvent")


@pytest.mark.parametrize("name", ["gunicorn.error", "werkzeug", "sqlalchemy.engine", "alembic"])
def test_record_is_the_same_for_standard_library_loggers(name: str) -> None:
    """Other libraries' records have the same form, even if a server has its own handlers."""

    def act() -> None:
        logger = logging.getLogger(name)
        # Another test's server may have lowered this logger's level.
        logger.setLevel(logging.NOTSET)
        logger.addHandler(logging.StreamHandler(io.StringIO()))
        logger.propagate = name not in ("gunicorn.error", "werkzeug")
        log.adopt_server_loggers()
        logger.error("worker %s timed out after %d s", "w1", 30)
        logger.handlers.clear()
        logger.propagate = True

    found = record(act)
    assert (found["severity"], found["logger"]) == ("ERROR", name)
    assert found["message"] == "worker w1 timed out after 30 s"


def test_record_is_a_readable_line_on_a_terminal() -> None:
    """The line has no fields of the cloud."""

    def act() -> None:
        with in_trace(TRACE):
            structlog.get_logger().info("clip cut", clips=3)

    text = logged(act, "console")
    assert "clip cut" in text
    assert "clips=3" in text
    assert "googleapis" not in text
