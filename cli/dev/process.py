"""What `videomoments dev` is as a process: the only one on its data, ended by signals."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from filelock import FileLock, Timeout

from cli.local.home import Home
from shared.errors import SettingsError


@contextmanager
def only_one(home: Home) -> Iterator[None]:
    """Hold the data folder. Raises `SettingsError` where another process does."""
    lock = FileLock(home.lock)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        raise SettingsError(
            f"Another videomoments is at work in {home.root}. Stop it, or choose another --data."
        ) from None
    try:
        yield
    finally:
        lock.release()


@contextmanager
def stopped_by_signals() -> Iterator[threading.Event]:
    """An event set by Ctrl-C or SIGTERM, instead of what they did before."""
    stop = threading.Event()
    before = {
        number: signal.signal(number, lambda *_: stop.set())
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    }
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
