"""A collector that is away must not fill the log, nor be asked all the time."""

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
    """How long to leave a collector alone: longer with every failure, not at all once it answers.

    `clock` gives seconds.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._failures = 0
        self._until = float("-inf")

    @property
    def is_on(self) -> bool:
        """Whether it is not to be asked now."""
        return self._clock() < self._until

    def note(self, *, success: bool) -> None:
        """How it went."""
        if success:
            self._failures = 0
            return
        pause = min(LONGEST_PAUSE_SECONDS, FIRST_PAUSE_SECONDS * 2.0 ** min(self._failures, 60))
        self._failures += 1
        self._until = self._clock() + pause


class OneLine(logging.Handler):
    """All that the library complains of, as one warning now and then. `clock` gives seconds.

    What it means to try again is no news, but says more than that it gave up.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__(logging.WARNING)
        self._clock = clock
        self._detail = ""
        self._next = float("-inf")
        self._left_out = 0
        self._counting = threading.Lock()

    def emit(self, record: logging.LogRecord) -> None:
        """Say it, or count it."""
        said = record.getMessage()[:500]
        with self._counting:
            if record.levelno < logging.ERROR:
                self._detail = said
                return
            if self._clock() < self._next:
                self._left_out += 1
                return
            self._next = self._clock() + LINE_SECONDS
            left_out, self._left_out = self._left_out, 0
            reason = f"{said} {self._detail}".strip()
        _log.warning("telemetry is not exported", reason=reason, left_out=left_out)


def hush() -> OneLine:
    """Send the library's own log records through one `OneLine`; returns it."""
    handler = OneLine()
    logger = logging.getLogger(LIBRARY)
    logger.handlers[:] = [handler]
    logger.propagate = False
    logger.setLevel(logging.WARNING)
    return handler
