"""The recorded spans, their attributes and their resource."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from opentelemetry.trace import format_span_id, format_trace_id

from shared.settings.settings import Settings
from shared.telemetry import spans, trace
from shared.telemetry.otlp import resource_of
from shared.telemetry.span import places
from tests.support.telemetry.otlp import Collector, exporting

# Sampling looks at the second half of a trace's id.
UNMARKED = "00-4bf92f3577b34da6{:02x}ce929d0e0e4736-00f067aa0ba902b7-00"


def test_places_show_types_and_lines_without_messages() -> None:
    """They hold the types of an error and its cause and our lines, but no text of the errors."""
    try:
        try:
            raise OSError("CANARY")
        except OSError as error:
            raise ValueError("CANARY too") from error
    except ValueError as error:
        text = places(error)
    lines = text.splitlines()
    assert (lines[0], lines[2]) == ("ValueError", "caused by OSError")
    assert lines[1].startswith("  tests/unit/telemetry/test_span.py:")
    assert "CANARY" not in text


def test_span_attributes_are_redacted(collector: Collector) -> None:
    """Signed URLs, secrets and long texts are redacted or cut."""
    signed = "https://storage.googleapis.com/b/o?X-Goog-Signature=CANARY"
    with (
        exporting(collector.url),
        spans.delivery("one", {"where": signed, "transcript_text": "CANARY"}, None) as span,
    ):
        span.set(api_key="CANARY", none=None, long="x" * 9000, size_bytes=12)
    one = collector.one("one")
    assert one.attributes["where"] == "https://storage.googleapis.com/b/o?[redacted]"
    assert (one["size_bytes"], len(one["long"])) == (12, 500)
    assert "videomoments.none" not in one.attributes
    assert b"CANARY" not in b"".join(collector.bodies)


def test_current_trace_names_the_exported_span(collector: Collector) -> None:
    """A log entry and its span can be found from each other."""
    with exporting(collector.url):
        with spans.delivery("outer", {}, None), spans.span("inner"):
            inner = trace.current()
        assert trace.current() is None
    assert inner is not None
    (seen,) = collector.named("inner")
    assert (seen.trace, seen.id) == (
        format_trace_id(inner.trace_id),
        format_span_id(inner.span_id),
    )
    assert seen.parent == collector.one("outer").id


def test_span_is_not_recorded_without_a_delivery(collector: Collector) -> None:
    """A watcher's look into a bucket makes no trace."""
    with exporting(collector.url), spans.span("storage.download") as span:
        assert span is spans.NOTHING
    assert collector.spans == []


def test_span_in_an_abandoned_generator_leaves_the_trace_alone(collector: Collector) -> None:
    """A span opened in a generator is not current outside it, whenever the generator is closed."""

    def read() -> Iterator[int]:
        with spans.span("ffmpeg", current=False):
            yield 1
            yield 2

    with exporting(collector.url):
        with spans.delivery("stage", {}, None):
            here = trace.current()
            pieces = read()
            assert next(pieces) == 1
            assert trace.current() == here
        assert isinstance(pieces, Iterator)
        del pieces
        assert trace.current() is None
    assert not collector.one("ffmpeg").is_error


def test_sampling_is_the_same_in_every_stage_of_a_run(collector: Collector) -> None:
    """The trace's id decides where no mark exists; the mark decides at every later stage."""
    with exporting(collector.url, telemetry_sample_ratio=0.5):
        for number in range(64):
            for _ in range(2):
                with spans.delivery("entry", {}, UNMARKED.format(4 * number)):
                    sent = trace.traceparent()
                with spans.delivery("later", {}, sent):
                    pass
    entries = {span.trace for span in collector.named("entry")}
    assert len(entries) == 32
    assert len(entries) * 2 == len(collector.named("entry")) == len(collector.named("later"))
    assert {span.trace for span in collector.named("later")} == entries
    with exporting(collector.url, telemetry_sample_ratio=0):
        with spans.delivery("never", {}, None):
            assert trace.traceparent() is not None
        with spans.delivery("marked", {}, UNMARKED.format(1)[:-1] + "1"):
            pass
    assert collector.named("never") == []
    assert len(collector.named("marked")) == 1


def test_resource_names_service_and_place(monkeypatch: pytest.MonkeyPatch) -> None:
    """On Cloud Run it has service and revision, for Google the project and a location."""
    monkeypatch.setenv("K_SERVICE", "vm-cut-clip")
    monkeypatch.setenv("K_REVISION", "vm-cut-clip-00007")
    monkeypatch.setenv("OTEL_RESOURCE_ATTRIBUTES", "cloud.region=europe-west4,team=media")
    google = Settings(telemetry="google", project="my-project")
    found = resource_of(google, "cut_clip").attributes
    assert found["service.name"] == "cut_clip"
    assert found["service.version"]
    assert (found["faas.name"], found["faas.version"]) == ("vm-cut-clip", "vm-cut-clip-00007")
    assert (found["cloud.platform"], found["cloud.region"]) == ("gcp_cloud_run", "europe-west4")
    assert (found["gcp.project_id"], found["team"]) == ("my-project", "media")
    assert "location" not in found
    monkeypatch.delenv("OTEL_RESOURCE_ATTRIBUTES")
    assert resource_of(google, "cut_clip").attributes["location"] == "global"
    assert "location" not in resource_of(Settings(telemetry="otlp"), "x").attributes
    one, other = (resource_of(google, "x").attributes["service.instance.id"] for _ in range(2))
    assert one != other
