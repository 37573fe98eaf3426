"""Protects the log and the process from a collector that is away."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable

import structlog

FIRST_PAUSE_SECONDS = 15.0
LONGEST_PAUSE_SECONDS = 600.0
LINE_SECONDS = 600.0
LIBRARY = "opentelemetry"

_log = structlog.get_logger(__name__)


class Pause:
    """The pause after failures of a collector: longer with each, none after a success.

    `clock` gives seconds.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._failures = 0
        self._until = float("-inf")

    @property
    def is_on(self) -> bool:
        """Whether requests must wait."""
        return self._clock() < self._until

    def note(self, *, success: bool) -> None:
        """Record a success or a failure."""
        if success:
            self._failures = 0
            return
        pause = min(LONGEST_PAUSE_SECONDS, FIRST_PAUSE_SECONDS * 2.0 ** min(self._failures, 60))
        self._failures += 1
        self._until = self._clock() + pause


class OneLine(logging.Handler):
    """Summarizes the library's complaints in an occasional warning. `clock` gives seconds.

    Announced retries are not logged, but the warning quotes the last one: it names the cause better
    than the final failure does.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__(logging.WARNING)
        self._clock = clock
        self._detail = ""
        self._next = float("-inf")
        self._left_out = 0
        self._counting = threading.Lock()

    def emit(self, record: logging.LogRecord) -> None:
        """Log it, or only count it."""
        text = record.getMessage()[:500]
        with self._counting:
            if record.levelno < logging.ERROR:
                self._detail = text
                return
            if self._clock() < self._next:
                self._left_out += 1
                return
            self._next = self._clock() + LINE_SECONDS
            left_out, self._left_out = self._left_out, 0
            reason = f"{text} {self._detail}".strip()
        _log.warning("telemetry is not exported", reason=reason, left_out=left_out)


def hush() -> OneLine:
    """Send the library's own log records through one `OneLine`; returns it."""
    handler = OneLine()
    logger = logging.getLogger(LIBRARY)
    logger.handlers[:] = [handler]
    logger.propagate = False
    logger.setLevel(logging.WARNING)
    return handler
