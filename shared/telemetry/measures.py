"""The metrics, in UCUM units: the ledger's figures, and events of stage runs.

Without a sink, nothing is measured, and no metrics library is imported.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal

_SECONDS = (0.01, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0, 600.0)
_WAITS = (*_SECONDS, 1800.0, 3600.0, 14_400.0)


@dataclass(frozen=True, slots=True)
class Measure:
    """A growing sum, a distribution, or a last value; `labels` are its attributes."""

    name: str
    kind: Literal["counter", "histogram", "gauge"]
    unit: str
    labels: tuple[str, ...]
    description: str
    bounds: tuple[float, ...] = ()


_RUN = ("stage", "status")
STAGE_DURATION = Measure(
    "videomoments.stage.duration", "histogram", "s", _RUN, "Duration of a stage run", _SECONDS
)
QUEUE_AGE = Measure(
    "videomoments.queue.age",
    "histogram",
    "s",
    ("stage",),
    "Time from when a stage run was due to its start",
    _WAITS,
)
BYTES_READ = Measure(
    "videomoments.bytes.read", "counter", "By", _RUN, "Bytes read from the object store"
)
BYTES_WRITTEN = Measure(
    "videomoments.bytes.written", "counter", "By", _RUN, "Bytes written to the object store"
)
MEDIA = Measure(
    "videomoments.media.duration", "counter", "s", _RUN, "Length of the processed media"
)
TOKENS = Measure(
    "videomoments.tokens",
    "counter",
    "{token}",
    (*_RUN, "kind"),
    "Tokens of language models, `input` or `output`",
)
COST = Measure(
    "videomoments.cost",
    "counter",
    "{cost}",
    _RUN,
    "Cost of language models, in the currency of their prices",
)
FAILURES = Measure(
    "videomoments.failures",
    "counter",
    "{failure}",
    ("stage", "code", "final"),
    "Failures by code; a retry follows each that is not `final`",
)
DELIVERIES = Measure(
    "videomoments.deliveries",
    "counter",
    "{delivery}",
    ("stage", "outcome"),
    "Deliveries of messages, by outcome",
)
PIPELINES = Measure(
    "videomoments.pipelines.running", "gauge", "{pipeline}", (), "Runs that have not ended"
)
OLDEST = Measure(
    "videomoments.queue.oldest", "gauge", "s", (), "Longest time that a stage run has been due"
)
MEASURES = (
    STAGE_DURATION,
    QUEUE_AGE,
    BYTES_READ,
    BYTES_WRITTEN,
    MEDIA,
    TOKENS,
    COST,
    FAILURES,
    DELIVERIES,
    PIPELINES,
    OLDEST,
)

# The keys are the ledger's names (`stage_runs.metrics`).
_OF_FIGURES: Mapping[str, tuple[Measure, Mapping[str, str]]] = {
    "seconds": (STAGE_DURATION, {}),
    "bytes_read": (BYTES_READ, {}),
    "bytes_written": (BYTES_WRITTEN, {}),
    "media_seconds": (MEDIA, {}),
    "input_tokens": (TOKENS, {"kind": "input"}),
    "output_tokens": (TOKENS, {"kind": "output"}),
    "cost": (COST, {}),
}

Sink = Callable[[Measure, float, Mapping[str, str]], None]
_sink: Sink | None = None


def install(sink: Sink | None) -> None:
    """Send every measurement to `sink` from now on; None ends measuring."""
    global _sink
    _sink = sink


def is_measuring() -> bool:
    """Whether a sink is installed; without one, skip figures that are costly to obtain."""
    return _sink is not None


def run_ended(stage: str, status: str, figures: Mapping[str, float]) -> None:
    """Measure the end of a stage run; `figures` are the metrics of its row in the ledger."""
    for name, amount in figures.items():
        if name in _OF_FIGURES:
            measure, labels = _OF_FIGURES[name]
            _record(measure, amount, {"stage": stage, "status": status, **labels})


def run_claimed(stage: str, queued_seconds: float) -> None:
    """Measure the claim of a stage run that was due for so many seconds."""
    _record(QUEUE_AGE, queued_seconds, {"stage": stage})


def count_failure(stage: str, code: str, *, final: bool) -> None:
    """Count a failure, permanent or to be retried."""
    _record(FAILURES, 1, {"stage": stage, "code": code, "final": "true" if final else "false"})


def count_delivery(stage: str, outcome: str) -> None:
    """Count a handled delivery."""
    _record(DELIVERIES, 1, {"stage": stage, "outcome": outcome})


def backlog(running_pipelines: int, oldest_seconds: float) -> None:
    """Measure the unfinished work that a sweep found; 0 seconds when nothing waits."""
    _record(PIPELINES, running_pipelines, {})
    _record(OLDEST, oldest_seconds, {})


def _record(measure: Measure, amount: float, labels: Mapping[str, str]) -> None:
    if _sink is not None:
        _sink(measure, amount, labels)
