"""Processors that write log records as Cloud Logging and Error Reporting expect them.

Fields: https://cloud.google.com/logging/docs/structured-logging and
https://cloud.google.com/error-reporting/docs/formatting-error-messages.
"""

from __future__ import annotations

import logging
from typing import Any

from opentelemetry.trace import format_span_id, format_trace_id
from structlog.typing import EventDict, Processor, WrappedLogger

from shared.telemetry import trace
from shared.telemetry.redaction import redact, redact_text

_ERROR_TYPE = "type.googleapis.com/google.devtools.clouderrorreporting.v1beta1.ReportedErrorEvent"
_SEVERITIES = {"warn": "WARNING", "exception": "ERROR", "notset": "DEFAULT"}
_OWN = ("_record", "_from_structlog")


def add_severity(_: WrappedLogger, method: str, event: EventDict) -> EventDict:
    """`severity` under Cloud Logging's names."""
    level = str(event.pop("level", method)).lower()
    event["severity"] = _SEVERITIES.get(level, level.upper())
    return event


def add_trace(project: str | None) -> Processor:
    """The current span, in the fields by which Cloud Logging links logs to traces."""

    def processor(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
        span = trace.current()
        if span is not None:
            trace_id = format_trace_id(span.trace_id)
            name = f"projects/{project}/traces/{trace_id}" if project else trace_id
            event["logging.googleapis.com/trace"] = name
            event["logging.googleapis.com/spanId"] = format_span_id(span.span_id)
            event["logging.googleapis.com/trace_sampled"] = span.trace_flags.sampled
        return event

    return processor


def name_message(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
    """structlog's `event` under Cloud Logging's name; an exception makes it a reported error.

    Expects `exception` to be the formatted traceback.
    """
    event["message"] = event.pop("event", "")
    stack = event.pop("exception", None)
    if stack is not None:
        event["@type"] = _ERROR_TYPE
        event["stack_trace"] = stack
        event.setdefault("error_type", _error_type(str(stack)))
    return event


def _error_type(stack: str) -> str:
    unindented = [line for line in stack.splitlines() if line and not line[0].isspace()]
    return unindented[-1].partition(":")[0] if unindented else "Exception"


def redact_event(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
    """Redact every value of the record by its key and its content."""
    clean: dict[str, Any] = {}
    for key, value in event.items():
        if key in _OWN or key == "exc_info":
            clean[key] = value
        elif key in ("event", "exception", "stack"):
            clean[key] = redact_text(str(value))
        else:
            clean[redact_text(key)] = redact(value, key)
    return clean


class RedactArguments(logging.Filter):
    """Redacts the arguments of a standard-library record before they become part of its text."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Always true: the record is logged, redacted."""
        if isinstance(record.args, dict):
            record.args = redact(record.args)
        elif record.args:
            record.args = tuple(_argument(item) for item in record.args)
        return True


def _argument(item: object) -> object:
    """Keep numbers as numbers, for %d; redact inside containers."""
    return item if isinstance(item, int | float) else redact(item)
