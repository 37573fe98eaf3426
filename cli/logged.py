"""Where functions at work inside a command log to, so that its output stays the user's."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from cli.home import Home
from shared import log
from shared.settings import Settings


@contextmanager
def logged_to(settings: Settings, home: Home) -> Iterator[None]:
    """JSON lines, appended to the data folder's log."""
    home.root.mkdir(parents=True, exist_ok=True)
    with home.log.open("a", encoding="utf-8") as stream:
        log.configure("json", settings.log_level, settings.project, stream)
        yield
