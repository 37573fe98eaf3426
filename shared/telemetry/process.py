"""The telemetry of one process: starts where adapters are chosen, never at import."""

from __future__ import annotations

import atexit
import os
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

from shared.errors import SettingsError
from shared.settings.settings import PREFIX, Settings
from shared.telemetry import measures, spans
from shared.telemetry.flusher import Flusher
from shared.telemetry.quiet import hush

_EXTRAS = {"opentelemetry": "telemetry", "google": "gcp", "requests": "gcp"}
_lock = threading.Lock()


class _Telemetry:
    def __init__(self, flusher: Flusher, timeout_seconds: float, shut: Callable[[], None]) -> None:
        self.flusher = flusher
        self.timeout_seconds = timeout_seconds
        self.shut = shut
        self.pid = os.getpid()

    @property
    def is_ours(self) -> bool:
        """False in a forked process, which has no flusher thread."""
        return self.pid == os.getpid()


_running: _Telemetry | None = None


def start(settings: Settings, service: str) -> None:
    """Record and export as the settings say. Does nothing if they say off, or if it runs already.

    Raises `SettingsError` that names the packages to install. Opens no connection.
    """
    global _running
    if settings.telemetry == "off" or _is_disabled():
        return
    with _lock:
        if _running is None or not _running.is_ours:
            _running = _begin(settings, service)


def flush() -> bool:
    """Export the recorded spans and metrics within the settings' time limit.

    True when that is done, or if there is nothing to do. Raises nothing.
    """
    running = _running
    if running is None or not running.is_ours:
        return True
    return running.flusher.flush(running.timeout_seconds)


def stop() -> None:
    """Export the rest and stop recording."""
    global _running
    with _lock:
        running, _running = _running, None
        if running is None:
            return
        spans.install(None)
        measures.install(None)
        if running.is_ours:
            running.flusher.close(running.timeout_seconds)
            running.shut()
        atexit.unregister(stop)


@contextmanager
def recorded_by(settings: Settings, service: str) -> Iterator[None]:
    """Record from `start` to `stop`."""
    start(settings, service)
    try:
        yield
    finally:
        stop()


def _begin(settings: Settings, service: str) -> _Telemetry:
    try:
        from shared.telemetry import otlp

        resource = otlp.resource_of(settings, service)
        tracers = otlp.tracer_provider(settings, resource)
        meters = otlp.meter_provider(settings, resource)
    except ImportError as error:
        raise SettingsError(_remedy(settings, error)) from error
    hush()
    flusher = Flusher(tracers.force_flush, meters.force_flush)
    instruments = otlp.Instruments(meters.get_meter(otlp.SCOPE))

    def tell(measure: measures.Measure, amount: float, labels: Mapping[str, str]) -> None:
        instruments(measure, amount, labels)
        flusher.touch()

    def shut() -> None:
        tracers.shutdown()
        meters.shutdown()

    spans.install(tracers.get_tracer(otlp.SCOPE))
    measures.install(tell)
    atexit.register(stop)
    return _Telemetry(flusher, settings.telemetry_timeout_seconds, shut)


def _remedy(settings: Settings, error: ImportError) -> str:
    extra = _EXTRAS.get((error.name or "").partition(".")[0], "telemetry")
    return (
        f"{PREFIX}TELEMETRY={settings.telemetry} needs the extra `{extra}`: "
        f"pip install 'videomoments[{extra}]'. {PREFIX}TELEMETRY=off does without."
    )


def _is_disabled() -> bool:
    return os.environ.get("OTEL_SDK_DISABLED", "").strip().lower() == "true"
