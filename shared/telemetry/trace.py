"""Trace context: the W3C `traceparent` that follows a run through every function.

Format: https://www.w3.org/TR/trace-context/, and Google's older X-Cloud-Trace-Context. Traces
continue even if nothing records them.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar

from opentelemetry.context import Context
from opentelemetry.trace import (
    NonRecordingSpan,
    Span,
    SpanContext,
    TraceFlags,
    format_span_id,
    format_trace_id,
    get_current_span,
    use_span,
)
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

_CLOUD = re.compile(r"([0-9a-fA-F]{32})(?:/(\d{1,20}))?(?:;o=(\d))?")
_ATTRIBUTES = ("traceparent", "googclient_traceparent")
_SAMPLED = TraceFlags(TraceFlags.SAMPLED)
_UNSAMPLED = TraceFlags(TraceFlags.DEFAULT)
_w3c = TraceContextTextMapPropagator()
_origin: ContextVar[str | None] = ContextVar("trace_origin", default=None)


def parse(traceparent: str | None) -> SpanContext | None:
    """The span a traceparent names, or None if it is missing, malformed or all zeros."""
    if traceparent is None:
        return None
    context = _w3c.extract({"traceparent": traceparent.strip()}, Context())
    return _valid(get_current_span(context))


def parse_cloud(header: str | None) -> SpanContext | None:
    """The span in X-Cloud-Trace-Context: `TRACE_ID/SPAN_ID;o=OPTIONS`, span in decimal."""
    match = _CLOUD.fullmatch((header or "").strip())
    if match is None or not int(match[1], 16):
        return None
    span = int(match[2] or 0)
    span_id = span if 0 < span < 1 << 64 else _new_id(64)
    return SpanContext(
        int(match[1], 16), span_id, True, _SAMPLED if match[3] == "1" else _UNSAMPLED
    )


def write(span: SpanContext) -> str:
    """The traceparent that names the span."""
    trace_id, span_id = format_trace_id(span.trace_id), format_span_id(span.span_id)
    return f"00-{trace_id}-{span_id}-{'01' if span.trace_flags.sampled else '00'}"


def extract(attributes: Mapping[str, str], headers: Mapping[str, str]) -> str | None:
    """The traceparent of a delivery. Its attributes come first, because they crossed the broker.

    `headers` has lower-case names.
    """
    for name in _ATTRIBUTES:
        if found := parse(attributes.get(name)):
            return write(found)
    found = parse(headers.get("traceparent")) or parse_cloud(headers.get("x-cloud-trace-context"))
    return write(found) if found else None


def current() -> SpanContext | None:
    """The current span."""
    return _valid(get_current_span())


def traceparent() -> str | None:
    """The current span as a traceparent."""
    span = current()
    return write(span) if span is not None else None


def origin() -> str | None:
    """The traceparent that the current delivery brought, or its own span if it brought none.

    If this delivery never ends, its successor continues from there.
    """
    return _origin.get() or traceparent()


@contextmanager
def in_span(span: Span, came_with: str | None = None) -> Iterator[None]:
    """Run the block in that span. `came_with`: the traceparent of the delivery that opened it."""
    token = _origin.set(came_with) if came_with is not None else None
    try:
        with use_span(span, record_exception=False, set_status_on_exception=False):
            yield
    finally:
        if token is not None:
            _origin.reset(token)


@contextmanager
def in_trace(traceparent: str | None) -> Iterator[None]:
    """Run the block in a new unrecorded span: of the given trace, or of a new one."""
    parent = parse(traceparent)
    trace_id, flags = (parent.trace_id, parent.trace_flags) if parent else (_new_id(128), _SAMPLED)
    made = NonRecordingSpan(SpanContext(trace_id, _new_id(64), False, flags))
    with in_span(made, write(parent) if parent else None):
        yield


def _valid(span: Span) -> SpanContext | None:
    context = span.get_span_context()
    return context if context.is_valid else None


def _new_id(bits: int) -> int:
    return secrets.randbits(bits) or 1
