"""When telemetry is exported, when a failing collector is left alone, and when telemetry is off."""

from __future__ import annotations

import logging
import os
import threading

import pytest

from shared.settings.settings import Settings
from shared.telemetry import measures, otlp, process, spans, trace
from shared.telemetry.flusher import METRIC_SECONDS, Flusher
from shared.telemetry.quiet import FIRST_PAUSE_SECONDS, LINE_SECONDS, OneLine, Pause
from tests.support.patience import PATIENCE_SECONDS
from tests.support.telemetry.otlp import Collector, exporting

UNMARKED = "00-4bf92f3577b34da6a3ce929d0e0e4701-00f067aa0ba902b7-00"


class Clock:
    """A clock that stands still until a test moves it."""

    def __init__(self) -> None:
        self.seconds = 100.0

    def __call__(self) -> float:
        return self.seconds


class Exports:
    """Counts exports, and hangs on request."""

    def __init__(self) -> None:
        self.spans = self.metrics = 0
        self.free = threading.Event()
        self.free.set()

    def export_spans(self) -> None:
        self.free.wait(PATIENCE_SECONDS)
        self.spans += 1

    def export_metrics(self) -> None:
        self.metrics += 1


def test_flush_exports_metrics_once_per_interval_and_at_the_end() -> None:
    """However often spans go out, metrics go at most once per interval, if there are new ones."""
    clock, exports = Clock(), Exports()
    flusher = Flusher(exports.export_spans, exports.export_metrics, clock=clock)
    assert flusher.flush(10)
    assert (exports.spans >= 1, exports.metrics) == (True, 0)
    flusher.touch()
    assert flusher.flush(10)
    flusher.touch()
    assert flusher.flush(10)
    assert exports.metrics == 1
    clock.seconds += METRIC_SECONDS
    assert flusher.flush(10)
    assert exports.metrics == 2
    flusher.touch()
    flusher.close(10)
    assert exports.metrics == 3


def test_flush_does_not_wait_behind_a_late_export() -> None:
    """After one time-out no caller waits until the export has returned."""
    exports = Exports()
    flusher = Flusher(exports.export_spans, exports.export_metrics)
    exports.free.clear()
    assert not flusher.flush(0.05)
    # This export would never return.
    assert not flusher.flush(200)
    exports.free.set()
    flusher.close(10)
    assert exports.spans >= 1


def test_pause_doubles_with_each_failure_of_the_collector() -> None:
    """One success ends the pause."""
    clock = Clock()
    pause = Pause(clock)
    assert not pause.is_on
    for factor in (1, 2, 4):
        pause.note(success=False)
        clock.seconds += FIRST_PAUSE_SECONDS * factor - 0.001
        assert pause.is_on
        clock.seconds += 0.002
        assert not pause.is_on
    pause.note(success=True)
    pause.note(success=False)
    clock.seconds += FIRST_PAUSE_SECONDS + 0.001
    assert not pause.is_on


def test_one_line_reports_repeated_errors_once(caplog: pytest.LogCaptureFixture) -> None:
    """Ten equal errors give one line with the cause; a later line counts those left out."""
    clock = Clock()
    handler = OneLine(clock)

    def said(level: int, text: str) -> None:
        handler.handle(logging.LogRecord("opentelemetry.x", level, "f", 1, text, None, None))

    with caplog.at_level(logging.INFO):
        said(logging.WARNING, "Transient error 503")
        for _ in range(10):
            said(logging.ERROR, "Failed to export")
        clock.seconds += LINE_SECONDS
        said(logging.ERROR, "Failed again")
    first, second = [record.getMessage() for record in caplog.records]
    assert "Failed to export Transient error 503" in first
    assert "Failed again" in second
    assert "left_out=9" in second


def test_google_target_is_its_own_address_by_default() -> None:
    """The credentials are loaded only when they are needed."""
    settings = Settings(telemetry="google", project="p")
    for signal in ("traces", "metrics"):
        where = otlp.export_target(settings, signal)["endpoint"]
        assert where == f"https://telemetry.googleapis.com/v1/{signal}"
    with process.recorded_by(settings, "x"):
        assert spans.is_recording()
        assert measures.is_measuring()
    assert not spans.is_recording()
    assert not measures.is_measuring()


def test_metrics_are_not_exported_when_the_standard_variable_says_none(
    collector: Collector, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A backend that takes only traces gets only traces."""
    monkeypatch.setenv("OTEL_METRICS_EXPORTER", "none")
    with exporting(collector.url), spans.delivery("one", {}, None):
        measures.count_delivery("one", "done")
    assert set(collector.paths) == {"/v1/traces"}


@pytest.mark.parametrize("settings", [{}, {"telemetry": "off"}])
def test_telemetry_records_nothing_when_off(settings: dict[str, str]) -> None:
    """A delivery still has a trace for its log."""
    with process.recorded_by(Settings.model_validate(settings), "x"):
        assert not spans.is_recording()
        with spans.delivery("one", {}, UNMARKED) as span:
            assert span is spans.NOTHING
            assert (trace.traceparent() or "").split("-")[1].endswith("4701")
        assert process.flush()


def test_telemetry_is_off_when_the_sdk_is_disabled(monkeypatch: pytest.MonkeyPatch) -> None:
    """OTEL_SDK_DISABLED turns it off, as in other programs."""
    monkeypatch.setenv("OTEL_SDK_DISABLED", "true")
    with process.recorded_by(Settings(telemetry="otlp"), "x"):
        assert not spans.is_recording()


def test_flush_returns_at_once_in_a_forked_child(collector: Collector) -> None:
    """The child has no export thread, so it neither flushes nor waits."""
    with exporting(collector.url):
        reading, writing = os.pipe()
        child = os.fork()
        if child == 0:
            try:
                with spans.delivery("forked", {}, None):
                    pass
                os.write(writing, b"yes" if process.flush() else b"no")
            finally:
                os._exit(0)
        os.close(writing)
        assert os.read(reading, 10) == b"yes"
        os.waitpid(child, 0)
        os.close(reading)
    assert collector.named("forked") == []
