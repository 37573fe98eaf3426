"""The page of spans and metrics, generated from what is measured."""

from __future__ import annotations

from shared.settings.settings import PREFIX
from shared.telemetry.measures import MEASURES, Measure

_SPANS = (
    ("*stage*", "consumer", "a delivery: `pipeline`, `stage`, `subject`, `attempt`, `outcome`"),
    ("`send` *topic*", "producer", "a message on its way; what is handled of it is below"),
    ("`ffmpeg`, `media.`*operation*", "internal", "a media child, from its start to its end"),
    ("`storage.`*request*", "client", "a transfer, copy or deletion, with its size"),
    ("`transcribe`", "internal", "one slice being heard"),
    ("`chat` *model*", "client", "one question to a language model, with its tokens"),
)


def telemetry_page(notice: str) -> str:
    """How to turn it on, and what there is then."""
    return "\n".join(
        [
            "# Traces and metrics",
            "",
            notice,
            "",
            "OpenTelemetry, exported by OTLP over HTTP. Off by default, and then nothing of it is "
            "imported.",
            "",
            "```console",
            "$ pip install 'videomoments[telemetry]'",
            f"$ {PREFIX}TELEMETRY=otlp {PREFIX}TELEMETRY_ENDPOINT=http://localhost:4318 "
            "videomoments run talk.mp4",
            "```",
            "",
            f"A deployment by our Terraform has `{PREFIX}TELEMETRY=google`: spans are in Cloud "
            "Trace, metrics in Cloud Monitoring (as `prometheus.googleapis.com/…`). Elsewhere "
            f"`google` needs the extra `gcp`, `{PREFIX}PROJECT`, credentials, and "
            "`OTEL_RESOURCE_ATTRIBUTES=cloud.region=REGION`. A backend that takes traces alone, "
            "such as Jaeger: `OTEL_METRICS_EXPORTER=none`. Keys of hosted ones go into "
            "`OTEL_EXPORTER_OTLP_HEADERS`.",
            "",
            "A run is one trace, from what asked for it to its last thumbnail, through every "
            "topic, sweep and retry: `stage_runs.traceparent` keeps the span a stage run goes on "
            "from. Where slices or windows come together, the last of them links to the others. "
            "No span says what was said, asked or answered, nor an error's own words.",
            "",
            "## Spans",
            "",
            "| span | kind | of |",
            "| --- | --- | --- |",
            *(f"| {name} | {kind} | {meaning} |" for name, kind, meaning in _SPANS),
            "",
            "## Metrics",
            "",
            "Bytes, seconds, tokens and cost are those the ledger keeps of each stage run that "
            "ended (`stage_runs.metrics`), at the moment it does; what an attempt spent that is "
            "tried again is in neither, but in `ai_requests`.",
            "",
            "| metric | kind | unit | labels | |",
            "| --- | --- | --- | --- | --- |",
            *(_row(measure) for measure in MEASURES),
            "",
            "`code` is one of the [error codes](errors.md), or `delivery_failed`: the delivery "
            "itself went wrong, as without a database, and the ledger knows nothing of it. "
            "`status` is that of the stage run, `outcome` that of the delivery.",
            "",
        ]
    )


def _row(measure: Measure) -> str:
    labels = ", ".join(f"`{label}`" for label in measure.labels)
    cells = (f"`{measure.name}`", measure.kind, f"`{measure.unit}`", labels, measure.description)
    return f"| {' | '.join(cells)} |"
