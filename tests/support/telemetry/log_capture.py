"""Capture of log output, with logging restored afterwards."""

from __future__ import annotations

import io
import logging
import sys
import threading
from collections.abc import Callable, Iterator

import pytest
import structlog

from shared.telemetry import logs as log


@pytest.fixture(autouse=True)
def restored() -> Iterator[None]:
    """Restore the process's logging at the end."""
    root = logging.getLogger()
    saved = (root.handlers[:], root.level, sys.excepthook, threading.excepthook)
    yield
    root.handlers[:], root.level, sys.excepthook, threading.excepthook = saved
    logging.captureWarnings(False)
    structlog.reset_defaults()


def logged(act: Callable[[], object], format_: log.Format = "json") -> str:
    """The output logged while `act` runs."""
    stream = io.StringIO()
    log.configure(format_, "DEBUG", "my-project", stream)
    act()
    return stream.getvalue()
