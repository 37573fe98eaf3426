"""`videomoments dev` as a process: alone on its data folder, ended by signals."""

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
    """Hold the data folder's lock. Raises `SettingsError` if another process holds it."""
    lock = FileLock(home.lock)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        raise SettingsError(
            f"Another videomoments is running in {home.root}. Stop it, or choose another --data."
        ) from None
    try:
        yield
    finally:
        lock.release()


@contextmanager
def stopped_by_signals() -> Iterator[threading.Event]:
    """An event that Ctrl-C or SIGTERM sets, in place of their usual effect."""
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
