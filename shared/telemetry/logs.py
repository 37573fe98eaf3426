"""Logging: structlog for our code, the standard library's loggers through the same processors.

JSON for Cloud Logging, coloured lines on a terminal, and never a secret or a spoken word.
"""

from __future__ import annotations

import logging
import sys
import threading
from contextlib import AbstractContextManager
from types import TracebackType
from typing import Literal, TextIO

import structlog
from structlog.stdlib import ProcessorFormatter
from structlog.typing import EventDict, Processor, WrappedLogger

from shared.telemetry.log_records import (
    RedactArguments,
    add_severity,
    add_trace,
    name_message,
    redact_event,
)

Format = Literal["auto", "json", "console"]
_SERVER_LOGGERS = ("gunicorn.error", "gunicorn.access", "werkzeug", "uvicorn", "uvicorn.access")
_CHATTY = (
    "google",
    "urllib3",
    "botocore",
    "boto3",
    "s3transfer",
    "alembic",
    "watchfiles",
    "filelock",
)


def configure(
    format: Format = "auto",  # noqa: A002
    level: str = "INFO",
    project: str | None = None,
    stream: TextIO | None = None,
) -> None:
    """Send every log record of the process to `stream` (stderr), redacted.

    `auto` is `console` on a terminal and `json` elsewhere. `project` completes the name of a trace.
    Another call replaces the configuration.
    """
    target = stream or sys.stderr
    as_json = format == "json" or (format == "auto" and not target.isatty())
    shared = _shared_processors(project)
    handler = _Handler(target)
    handler.addFilter(RedactArguments())
    handler.setFormatter(
        ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[ProcessorFormatter.remove_processors_meta, *_renderers(as_json, target)],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    for name in _CHATTY:
        logging.getLogger(name).setLevel(max(logging.WARNING, root.level))
    logging.captureWarnings(True)
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *shared,
            ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        # Not cached: loggers that modules already hold must follow a later configure().
        cache_logger_on_first_use=False,
    )
    _report_uncaught()
    adopt_server_loggers()


class _Handler(logging.StreamHandler[TextIO]):
    """Loses records on a full disk without printing a traceback for each."""

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 (the library's name)
        if not isinstance(sys.exc_info()[1], OSError):
            super().handleError(record)


def _shared_processors(project: str | None) -> list[Processor]:
    return [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.PositionalArgumentsFormatter(),
        structlog.processors.TimeStamper(fmt="iso", utc=True, key="time"),
        structlog.processors.StackInfoRenderer(),
        structlog.processors.format_exc_info,
        redact_event,
        add_trace(project),
    ]


def _renderers(as_json: bool, stream: TextIO) -> list[Processor]:
    if as_json:
        return [add_severity, name_message, structlog.processors.JSONRenderer(ensure_ascii=False)]
    colors = stream.isatty()
    return [_without_trace, structlog.dev.ConsoleRenderer(colors=colors, timestamp_key="time")]


def _without_trace(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
    """Drop the cloud's fields, which do not help a person at a terminal."""
    return {k: v for k, v in event.items() if not k.startswith("logging.googleapis.com/")}


def adopt_server_loggers() -> None:
    """Route the web servers' loggers here. They add handlers of their own when they start."""
    if not any(isinstance(h.formatter, ProcessorFormatter) for h in logging.getLogger().handlers):
        return
    for name in _SERVER_LOGGERS:
        logger = logging.getLogger(name)
        if logger.handlers or not logger.propagate:
            logger.handlers.clear()
            logger.propagate = True


def _report_uncaught() -> None:
    """Log uncaught errors of every thread with the same redaction."""
    log = structlog.get_logger("uncaught")

    def report(
        kind: type[BaseException], error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if issubclass(kind, KeyboardInterrupt):
            sys.__excepthook__(kind, error or kind(), trace)
        else:
            log.critical("uncaught error", exc_info=(kind, error or kind(), trace))

    sys.excepthook = report
    threading.excepthook = lambda args: report(args.exc_type, args.exc_value, args.exc_traceback)


def bind(**fields: object) -> AbstractContextManager[None]:
    """Within the block, every record of this thread has these fields, except those that are None.

    The usual ones: pipeline, stage, subject, attempt.
    """
    known = {name: value for name, value in fields.items() if value is not None}
    return structlog.contextvars.bound_contextvars(**known)
