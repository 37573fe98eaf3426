"""docs/telemetry.md: the spans, and the metrics from their table in the code."""

from __future__ import annotations

from shared.settings.settings import PREFIX
from shared.telemetry.measures import MEASURES, Measure

_SPANS = (
    ("*stage*", "consumer", "a delivery: `pipeline`, `stage`, `subject`, `attempt`, `outcome`"),
    ("`send` *topic*", "producer", "sending a message; the spans of its deliveries are children"),
    ("`ffmpeg`, `media.`*operation*", "internal", "a media subprocess, from its start to its end"),
    ("`storage.`*request*", "client", "a transfer, copy or deletion, with its size"),
    ("`transcribe`", "internal", "speech recognition of one slice"),
    ("`chat` *model*", "client", "one request to a language model, with its tokens"),
)


def telemetry_page(notice: str) -> str:
    """Return the page: how to turn telemetry on, and its spans and metrics."""
    return "\n".join(
        [
            "# Traces and metrics",
            "",
            notice,
            "",
            "Spans and metrics use OpenTelemetry and are exported by OTLP over HTTP. Telemetry is "
            "off by default; then the SDK and the exporter are not imported.",
            "",
            "```console",
            "$ pip install 'videomoments[telemetry]'",
            f"$ {PREFIX}TELEMETRY=otlp {PREFIX}TELEMETRY_ENDPOINT=http://localhost:4318 "
            "videomoments run talk.mp4",
            "```",
            "",
            f"Our Terraform sets `{PREFIX}TELEMETRY=google`: spans go to Cloud Trace, metrics to "
            "Cloud Monitoring (as `prometheus.googleapis.com/…`). Elsewhere "
            f"`google` needs the extra `gcp`, `{PREFIX}PROJECT`, credentials, and "
            "`OTEL_RESOURCE_ATTRIBUTES=cloud.region=REGION`. Set `OTEL_METRICS_EXPORTER=none` for "
            "a backend that takes only traces, such as Jaeger. Put the key of a hosted backend "
            "into `OTEL_EXPORTER_OTLP_HEADERS`.",
            "",
            "A run is one trace, from its request to its last thumbnail, through every topic, "
            "sweep and retry. `stage_runs.traceparent` keeps the span that a stage run continues. "
            "At a fan-in, the last slice or window links to the others. Spans hold no transcript, "
            "prompt, answer or error message.",
            "",
            "## Spans",
            "",
            "| span | kind | covers |",
            "| --- | --- | --- |",
            *(f"| {name} | {kind} | {meaning} |" for name, kind, meaning in _SPANS),
            "",
            "## Metrics",
            "",
            "Bytes, seconds, tokens and cost are the figures that the ledger stores when a stage "
            "run ends (`stage_runs.metrics`). They leave out attempts that were retried; "
            "`ai_requests` holds the tokens and cost of those.",
            "",
            "| metric | kind | unit | labels | |",
            "| --- | --- | --- | --- | --- |",
            *(_row(measure) for measure in MEASURES),
            "",
            "`code` is one of the [error codes](errors.md) or `delivery_failed`. The latter means "
            "that the delivery itself failed, e.g. without a database, and the ledger has no "
            "record of it. `status` is the status of the stage run, `outcome` the "
            "outcome of the delivery.",
            "",
        ]
    )


def _row(measure: Measure) -> str:
    labels = ", ".join(f"`{label}`" for label in measure.labels)
    cells = (f"`{measure.name}`", measure.kind, f"`{measure.unit}`", labels, measure.description)
    return f"| {' | '.join(cells)} |"
