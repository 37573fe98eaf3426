"""OpenTelemetry's SDK, configured to export by OTLP over HTTP: to a collector or Google Cloud.

Google Cloud accepts OTLP itself; only the endpoint and the credentials differ.
"""

from __future__ import annotations

import math
import os
import uuid
from collections.abc import Mapping, Sequence
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.metrics import Meter, NoOpMeterProvider
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import (
    MetricExportResult,
    MetricsData,
    PeriodicExportingMetricReader,
)
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExportResult
from opentelemetry.sdk.trace.sampling import ParentBased, TraceIdRatioBased

from shared.settings.settings import Settings
from shared.telemetry.measures import MEASURES, Measure
from shared.telemetry.quiet import Pause

GOOGLE_ENDPOINT = "https://telemetry.googleapis.com"
SCOPE = "videomoments"
# Google Cloud's limit for one request.
_MAX_POINTS = 200
_NEVER_BY_ITSELF_MILLIS = 24 * 3600 * 1000.0


class _Spans(OTLPSpanExporter):
    """Pauses after failures of the collector; drops the spans that end meanwhile."""

    pause: Pause

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        if self.pause.is_on:
            return SpanExportResult.FAILURE
        result = super().export(spans)
        self.pause.note(success=result is SpanExportResult.SUCCESS)
        return result


class _Metrics(OTLPMetricExporter):
    """Pauses like `_Spans`. Metrics are sums, so a pause only delays them."""

    pause: Pause

    def export(
        self, metrics_data: MetricsData, timeout_millis: float | None = 10_000, **kwargs: Any
    ) -> MetricExportResult:
        if self.pause.is_on:
            return MetricExportResult.FAILURE
        result = super().export(metrics_data, timeout_millis, **kwargs)
        self.pause.note(success=result is MetricExportResult.SUCCESS)
        return result


def tracer_provider(settings: Settings, resource: Resource) -> TracerProvider:
    """Collects spans until a flush, or until it has many."""
    ratio = TraceIdRatioBased(settings.telemetry_sample_ratio)
    provider = TracerProvider(
        # A trace without our mark comes from a caller or from the load balancer. Its id decides
        # whether it is sampled, so all stages of a run decide alike.
        sampler=ParentBased(ratio, remote_parent_not_sampled=ratio),
        resource=resource,
        shutdown_on_exit=False,
        meter_provider=NoOpMeterProvider(),
    )
    if _is_enabled("TRACES"):
        exporter = _Spans(
            **export_target(settings, "traces"),
            timeout=settings.telemetry_timeout_seconds,
            meter_provider=NoOpMeterProvider(),
        )
        exporter.pause = Pause()
        provider.add_span_processor(
            BatchSpanProcessor(
                exporter,
                schedule_delay_millis=_NEVER_BY_ITSELF_MILLIS,
                meter_provider=NoOpMeterProvider(),
            )
        )
    return provider


def meter_provider(settings: Settings, resource: Resource) -> MeterProvider:
    """Adds measurements up until a flush."""
    if not _is_enabled("METRICS"):
        return MeterProvider(resource=resource, shutdown_on_exit=False)
    exporter = _Metrics(
        **export_target(settings, "metrics"),
        timeout=settings.telemetry_timeout_seconds,
        max_export_batch_size=_MAX_POINTS,
        meter_provider=NoOpMeterProvider(),
    )
    exporter.pause = Pause()
    reader = PeriodicExportingMetricReader(exporter, export_interval_millis=math.inf)
    return MeterProvider([reader], resource=resource, shutdown_on_exit=False)


class Instruments:
    """A `Sink` of measurements, with an instrument for each measure."""

    def __init__(self, meter: Meter) -> None:
        self._tell = {measure.name: _instrument(meter, measure) for measure in MEASURES}

    def __call__(self, measure: Measure, amount: float, labels: Mapping[str, str]) -> None:
        """Add the value or set it."""
        self._tell[measure.name](amount, dict(labels))


def _instrument(meter: Meter, measure: Measure) -> Any:
    name, unit, description = measure.name, measure.unit, measure.description
    if measure.kind == "counter":
        return meter.create_counter(name, unit, description).add
    if measure.kind == "gauge":
        return meter.create_gauge(name, unit, description).set
    bounds = list(measure.bounds)
    return meter.create_histogram(
        name, unit, description, explicit_bucket_boundaries_advisory=bounds
    ).record


def resource_of(settings: Settings, service: str) -> Resource:
    """The attributes of this process; OTEL_RESOURCE_ATTRIBUTES adds more."""
    known: dict[str, str | None] = {
        "service.name": os.environ.get("OTEL_SERVICE_NAME") or service,
        "service.version": _version(),
        "service.instance.id": uuid.uuid4().hex,
        "faas.name": os.environ.get("K_SERVICE"),
        "faas.version": os.environ.get("K_REVISION"),
    }
    if "K_SERVICE" in os.environ:
        known |= {"cloud.provider": "gcp", "cloud.platform": "gcp_cloud_run"}
    if settings.telemetry == "google":
        known["gcp.project_id"] = settings.project
    resource = Resource.create({name: value for name, value in known.items() if value})
    if settings.telemetry == "google" and not resource.attributes.keys() & _PLACES:
        # Google Cloud rejects metrics without a location.
        resource = resource.merge(Resource({"location": "global"}))
    return resource


_PLACES = {"location", "cloud.availability_zone", "cloud.region"}


def export_target(settings: Settings, signal: str) -> dict[str, Any]:
    """The exporter's endpoint and session.

    Without an endpoint the SDK uses OTEL_EXPORTER_OTLP_ENDPOINT or this machine's collector.
    """
    google = settings.telemetry == "google"
    base = settings.telemetry_endpoint or (GOOGLE_ENDPOINT if google else None)
    endpoint = f"{base.rstrip('/')}/v1/{signal}" if base else None
    if not google:
        return {"endpoint": endpoint}
    from shared.telemetry.google_session import GoogleSession

    return {"endpoint": endpoint, "session": GoogleSession()}


def _is_enabled(signal: str) -> bool:
    """False if OTEL's own variable turns the signal off, for a backend that lacks it."""
    return os.environ.get(f"OTEL_{signal}_EXPORTER", "").strip().lower() != "none"


def _version() -> str | None:
    try:
        return version("videomoments")
    except PackageNotFoundError:
        return None
