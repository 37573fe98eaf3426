"""Where functions at work inside a command log to, so that its output stays the user's."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress

from cli.local.home import Home
from shared.settings.settings import Settings
from shared.telemetry import logs as log


@contextmanager
def logged_to(settings: Settings, home: Home) -> Iterator[None]:
    """JSON lines, appended to the data folder's log. Raises OSError when that cannot be opened."""
    home.root.mkdir(parents=True, exist_ok=True)
    # Names of files need not be text.
    stream = home.log.open("a", encoding="utf-8", errors="backslashreplace")
    try:
        log.configure("json", settings.log_level, settings.project, stream)
        yield
    finally:
        log.configure(level=settings.log_level)
        # On a full disk the last lines are lost, and not what the command has to say.
        with suppress(OSError):
            stream.close()
