"""Spans: opened here, and recorded once a tracer is installed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from contextvars import ContextVar
from typing import Literal

from opentelemetry import trace as api
from opentelemetry.context import Context

from shared.telemetry import trace
from shared.telemetry.span import Span, Value, clean, code_of

Kind = Literal["internal", "client", "producer", "consumer"]
NOTHING = Span(api.INVALID_SPAN)
_UNRECORDED = nullcontext(NOTHING)
_tracer: api.Tracer | None = None
_current: ContextVar[Span] = ContextVar("span", default=NOTHING)


def install(tracer: api.Tracer | None) -> None:
    """Record every span with `tracer` from now on; None ends recording."""
    global _tracer
    _tracer = tracer


def is_recording() -> bool:
    """Whether spans are recorded at all."""
    return _tracer is not None


def current() -> Span:
    """The span of the current delivery, for further attributes."""
    return _current.get()


def span(
    name: str,
    attributes: Mapping[str, Value] | None = None,
    *,
    kind: Kind = "internal",
    current: bool = True,
) -> AbstractContextManager[Span]:
    """A part of the current work, as long as the block. Not recorded outside of a span.

    Unless it is `current`, spans opened in the block are not its children. A generator needs that:
    its caller may leave it at any time, in any other span.
    """
    here = trace.current()
    if _tracer is None or here is None:
        return _UNRECORDED
    return _open(_tracer, name, kind, attributes or {}, here, current=current)


def publication(
    name: str, attributes: Mapping[str, Value], traceparent: str | None
) -> AbstractContextManager[Span]:
    """The sending of a message, on behalf of that span."""
    if _tracer is None:
        return _UNRECORDED
    return _open(_tracer, name, "producer", attributes, trace.parse(traceparent))


@contextmanager
def delivery(name: str, attributes: Mapping[str, Value], traceparent: str | None) -> Iterator[Span]:
    """The handling of a delivery. Continues the delivery's trace, or begins one."""
    if _tracer is None:
        with trace.in_trace(traceparent):
            yield NOTHING
        return
    parent = trace.parse(traceparent)
    with _open(_tracer, name, "consumer", attributes, parent, came_with=traceparent) as made:
        token = _current.set(made)
        try:
            yield made
        finally:
            _current.reset(token)


@contextmanager
def _open(
    tracer: api.Tracer,
    name: str,
    kind: Kind,
    attributes: Mapping[str, Value],
    parent: api.SpanContext | None,
    *,
    came_with: str | None = None,
    current: bool = True,
) -> Iterator[Span]:
    """A span under `parent`, or the root of a new trace. An error in the block marks it failed."""
    above = Context()
    if parent is not None:
        above = api.set_span_in_context(api.NonRecordingSpan(parent), above)
    made = tracer.start_span(name, above, api.SpanKind[kind.upper()], clean(attributes))
    span = Span(made)
    with trace.in_span(made, came_with) if current else nullcontext():
        try:
            yield span
        except GeneratorExit:
            raise
        except BaseException as error:
            span.fail(code_of(error), error)
            raise
        finally:
            made.end()
