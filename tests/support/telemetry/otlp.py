"""A collector that takes OTLP over HTTP, decodes it, and misbehaves on request."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import KeyValue
from opentelemetry.proto.metrics.v1.metrics_pb2 import Metric
from opentelemetry.proto.trace.v1 import trace_pb2

from shared.settings.settings import Settings
from shared.telemetry import process
from tests.support.patience import PATIENCE_SECONDS

Labels = tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Seen:
    """One span as received; ids in hex, `parent` is "" for a root."""

    name: str
    trace: str
    id: str
    parent: str
    kind: str
    attributes: Mapping[str, Any]
    links: tuple[str, ...]
    status: str
    is_error: bool
    events: tuple[tuple[str, Mapping[str, Any]], ...]

    def __getitem__(self, name: str) -> Any:
        """One of our attributes, or None."""
        return self.attributes.get(f"videomoments.{name}")


@dataclass
class Collector:
    """The data received. `status` is its answer; `hold` delays every answer until it is set."""

    url: str = ""
    status: int = 200
    hold: threading.Event = field(default_factory=threading.Event)
    spans: list[Seen] = field(default_factory=list)
    bodies: list[bytes] = field(default_factory=list)
    paths: list[str] = field(default_factory=list)
    headers: list[Mapping[str, str]] = field(default_factory=list)
    resource: dict[str, Any] = field(default_factory=dict)
    metrics: dict[str, Metric] = field(default_factory=dict)
    asked: threading.Event = field(default_factory=threading.Event)

    def take(self, path: str, body: bytes) -> None:
        """Decode the posted data."""
        self.bodies.append(body)
        if path.endswith("/v1/traces"):
            for group in ExportTraceServiceRequest.FromString(body).resource_spans:
                self.resource = _values(group.resource.attributes)
                self.spans += [_seen(span) for scope in group.scope_spans for span in scope.spans]
        elif path.endswith("/v1/metrics"):
            for found in ExportMetricsServiceRequest.FromString(body).resource_metrics:
                for scope in found.scope_metrics:
                    self.metrics |= {metric.name: metric for metric in scope.metrics}

    def named(self, name: str) -> list[Seen]:
        """The spans of that name, in the order they ended."""
        return [span for span in self.spans if span.name == name]

    def one(self, name: str) -> Seen:
        """The span of that name."""
        (found,) = self.named(name)
        return found

    def paths_from_root(self) -> Counter[str]:
        """The number of spans for each path of names from a trace's root.

        The path of a span whose parent did not arrive begins with `?`.
        """
        return Counter(" > ".join(self._path(span)) for span in self.spans)

    def _path(self, span: Seen) -> list[str]:
        if not span.parent:
            return [span.name]
        parent = next((s for s in self.spans if (s.trace, s.id) == (span.trace, span.parent)), None)
        return [*(self._path(parent) if parent else ["?"]), span.name]

    def sums(self, name: str) -> dict[Labels, float]:
        """By labels: a counter's sum, a histogram's sum, or a gauge's value."""
        if name not in self.metrics:
            return {}
        metric = self.metrics[name]
        if metric.HasField("histogram"):
            return {_labels(p.attributes): p.sum for p in metric.histogram.data_points}
        points = metric.sum.data_points if metric.HasField("sum") else metric.gauge.data_points
        return {
            _labels(p.attributes): p.as_double if p.HasField("as_double") else float(p.as_int)
            for p in points
        }

    def counts(self, name: str) -> dict[Labels, int]:
        """By labels: the number of values in a histogram."""
        points = self.metrics[name].histogram.data_points
        return {_labels(p.attributes): p.count for p in points}


def labels(**given: str) -> Labels:
    """Labels as a key of `Collector.sums`."""
    return tuple(sorted(given.items()))


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: object, client_address: object) -> None:
        """Some tests let a client stop waiting, so a broken connection is not an error."""


@contextmanager
def collecting() -> Iterator[Collector]:
    """A collector on a free port of the loopback address."""
    collector = Collector()
    collector.hold.set()

    class Door(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            collector.paths.append(self.path)
            collector.headers.append(dict(self.headers))
            collector.asked.set()
            collector.hold.wait(PATIENCE_SECONDS)
            if collector.status == 200:
                collector.take(self.path, body)
            self.send_response(collector.status)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *args: object) -> None:
            """Write nothing to the test's output."""

    server = _Server(("127.0.0.1", 0), Door)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    collector.url = f"http://127.0.0.1:{server.server_address[1]}"
    try:
        yield collector
    finally:
        collector.hold.set()
        server.shutdown()
        server.server_close()


@contextmanager
def exporting(url: str, **settings: Any) -> Iterator[None]:
    """Export this process's telemetry there, completely by the end of the block."""
    given = {"telemetry": "otlp", "telemetry_endpoint": url, "telemetry_timeout_seconds": 20}
    with process.recorded_by(Settings(**{**given, **settings}), "tests"):
        yield


def _seen(span: trace_pb2.Span) -> Seen:
    return Seen(
        name=span.name,
        trace=span.trace_id.hex(),
        id=span.span_id.hex(),
        parent=span.parent_span_id.hex(),
        kind=trace_pb2.Span.SpanKind.Name(span.kind).removeprefix("SPAN_KIND_").lower(),
        attributes=_values(span.attributes),
        links=tuple(link.span_id.hex() for link in span.links),
        status=span.status.message,
        is_error=span.status.code == trace_pb2.Status.STATUS_CODE_ERROR,
        events=tuple((event.name, _values(event.attributes)) for event in span.events),
    )


def _values(attributes: Iterable[KeyValue]) -> dict[str, Any]:
    return {
        pair.key: getattr(pair.value, str(pair.value.WhichOneof("value"))) for pair in attributes
    }


def _labels(attributes: Iterable[KeyValue]) -> Labels:
    return tuple(sorted((name, str(value)) for name, value in _values(attributes).items()))
