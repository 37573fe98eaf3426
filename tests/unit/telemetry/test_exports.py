"""When telemetry is exported, when a collector is left alone, and when there is none at all."""

from __future__ import annotations

import logging
import os
import threading

import pytest

from shared.settings.settings import Settings
from shared.telemetry import measures, otlp, process, spans, trace
from shared.telemetry.flushing import METRIC_SECONDS, Flusher
from shared.telemetry.quiet import FIRST_PAUSE_SECONDS, LINE_SECONDS, OneLine, Pause
from tests.support.patience import PATIENCE_SECONDS
from tests.support.telemetry.otlp import Collector, exporting

UNMARKED = "00-4bf92f3577b34da6a3ce929d0e0e4701-00f067aa0ba902b7-00"


class Clock:
    """Time that passes when it is told to."""

    def __init__(self) -> None:
        self.seconds = 100.0

    def __call__(self) -> float:
        return self.seconds


class Exports:
    """Counts exports, and can be made to hang."""

    def __init__(self) -> None:
        self.spans = self.metrics = 0
        self.free = threading.Event()
        self.free.set()

    def export_spans(self) -> None:
        self.free.wait(PATIENCE_SECONDS)
        self.spans += 1

    def export_metrics(self) -> None:
        self.metrics += 1


def test_metrics_are_exported_seldom_and_at_the_end() -> None:
    """At most once in an interval however often spans are, and only when there are new figures."""
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


def test_nobody_waits_behind_what_is_late() -> None:
    """Who waited in vain is the last one to wait, until the export has come back."""
    exports = Exports()
    flusher = Flusher(exports.export_spans, exports.export_metrics)
    exports.free.clear()
    assert not flusher.flush(0.05)
    # Would wait for good.
    assert not flusher.flush(200)
    exports.free.set()
    flusher.close(10)
    assert exports.spans >= 1


def test_a_failing_collector_is_left_alone_longer_each_time() -> None:
    """The pause doubles with each failure, and one success ends it."""
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


def test_one_line_now_and_then(caplog: pytest.LogCaptureFixture) -> None:
    """What the library says ten times is said once, with why, and later how often it was not."""
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


def test_google_is_reached_where_it_is() -> None:
    """By default at its own address, for which the account is asked only when it is needed."""
    settings = Settings(telemetry="google", project="p")
    for signal in ("traces", "metrics"):
        where = otlp._target(settings, signal)["endpoint"]
        assert where == f"https://telemetry.googleapis.com/v1/{signal}"
    with process.recorded_by(settings, "x"):
        assert spans.recorded()
        assert measures.measured()
    assert not spans.recorded()
    assert not measures.measured()


def test_a_signal_left_out(collector: Collector, monkeypatch: pytest.MonkeyPatch) -> None:
    """For a backend that takes only traces, the usual variable leaves the metrics out."""
    monkeypatch.setenv("OTEL_METRICS_EXPORTER", "none")
    with exporting(collector.url), spans.delivery("one", {}, None):
        measures.delivered("one", "done")
    assert set(collector.paths) == {"/v1/traces"}


@pytest.mark.parametrize("settings", [{}, {"telemetry": "off"}])
def test_off(settings: dict[str, str]) -> None:
    """Nothing is recorded, and a delivery still has a trace for its log."""
    with process.recorded_by(Settings.model_validate(settings), "x"):
        assert not spans.recorded()
        with spans.delivery("one", {}, UNMARKED) as span:
            assert span is spans.NOTHING
            assert (trace.traceparent() or "").split("-")[1].endswith("4701")
        assert process.flush()


def test_the_usual_switch(monkeypatch: pytest.MonkeyPatch) -> None:
    """OTEL_SDK_DISABLED does what it does everywhere."""
    monkeypatch.setenv("OTEL_SDK_DISABLED", "true")
    with process.recorded_by(Settings(telemetry="otlp"), "x"):
        assert not spans.recorded()


def test_a_fork_waits_for_nothing(collector: Collector) -> None:
    """Its parent's thread is not there: nothing is flushed, and nobody waits for it."""
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
