"""The log file of functions inside a command; the command's output stays the user's."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress

from cli.local.home import Home
from shared.settings.settings import Settings
from shared.telemetry import logs


@contextmanager
def logged_to(settings: Settings, home: Home) -> Iterator[None]:
    """Log JSON lines to the data folder's log. Raises OSError if it cannot be opened."""
    home.root.mkdir(parents=True, exist_ok=True)
    # File names may be any bytes.
    stream = home.log.open("a", encoding="utf-8", errors="backslashreplace")
    try:
        logs.configure("json", settings.log_level, settings.project, stream)
        yield
    finally:
        logs.configure(level=settings.log_level)
        # On a full disk the last log lines are lost; the command's own output is not.
        with suppress(OSError):
            stream.close()
