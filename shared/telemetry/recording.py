"""Spans recorded by OpenTelemetry. Its SDK is imported here and in `otlp` only."""

from __future__ import annotations

import traceback
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext
from pathlib import Path

from opentelemetry import trace as api
from opentelemetry.context import Context

from shared.errors import Reject
from shared.telemetry import trace
from shared.telemetry.redaction import redact
from shared.telemetry.spans import Kind, Span, Value
from shared.telemetry.trace import Trace

PREFIX = "videomoments."
MAX_CHARACTERS = 500
_FRAMES = 12
_CAUSES = 3
_ROOT = Path(__file__).resolve().parents[2]
_KINDS: Mapping[Kind, api.SpanKind] = {
    "internal": api.SpanKind.INTERNAL,
    "client": api.SpanKind.CLIENT,
    "producer": api.SpanKind.PRODUCER,
    "consumer": api.SpanKind.CONSUMER,
}


class RecordingTracer:
    """A `Tracer` that hands its spans to an OpenTelemetry tracer."""

    def __init__(self, tracer: api.Tracer) -> None:
        self._tracer = tracer

    @contextmanager
    def span(
        self,
        name: str,
        kind: Kind,
        attributes: Mapping[str, Value],
        *,
        parent: Trace | None,
        came_with: str | None = None,
        current: bool = True,
    ) -> Iterator[Span]:
        """See `Tracer`."""
        made = self._tracer.start_span(
            name,
            context=_context(parent, remote=kind in ("consumer", "producer")),
            kind=_KINDS[kind],
            attributes=_clean(attributes),
        )
        recorded = RecordedSpan(made)
        here = _as_trace(made.get_span_context())
        with trace.running(here, came_with) if current else nullcontext():
            try:
                yield recorded
            except GeneratorExit:
                raise
            except BaseException as error:
                recorded.fail(code_of(error), error)
                raise
            finally:
                made.end()


class RecordedSpan:
    """A `Span` of OpenTelemetry."""

    def __init__(self, span: api.Span) -> None:
        self._span = span
        self._failed = False

    def set(self, **attributes: Value) -> None:
        """See `Span`."""
        self._span.set_attributes(
            _clean({f"{PREFIX}{name}": value for name, value in attributes.items()})
        )

    def fail(self, code: str, error: BaseException | None = None) -> None:
        """See `Span`. The first failure is the one that counts."""
        if self._failed:
            return
        self._failed = True
        self._span.set_attribute("error.type", code)
        self._span.set_status(api.StatusCode.ERROR, code)
        if error is not None:
            self._span.add_event(
                "exception",
                {
                    "exception.type": type(error).__qualname__,
                    "exception.stacktrace": places(error),
                },
            )

    def link(self, traceparent: str | None) -> None:
        """See `Span`."""
        linked = trace.parse(traceparent)
        if linked is not None:
            self._span.add_link(_as_context(linked, remote=True))


def code_of(error: BaseException) -> str:
    """What a failure is counted and looked for by: a word, never a sentence."""
    return error.code if isinstance(error, Reject) else type(error).__qualname__


def places(error: BaseException) -> str:
    """The types of the error and its causes, and where each was raised: no message, no value."""
    lines: list[str] = []
    seen: BaseException | None = error
    for _ in range(_CAUSES):
        if seen is None:
            break
        lines += [f"caused by {type(seen).__qualname__}" if lines else type(seen).__qualname__]
        frames = traceback.extract_tb(seen.__traceback__)[-_FRAMES:]
        lines += [f"  {_short(frame.filename)}:{frame.lineno} {frame.name}" for frame in frames]
        seen = seen.__cause__ or seen.__context__
    return "\n".join(lines)


def _short(filename: str) -> str:
    path = Path(filename)
    return str(path.relative_to(_ROOT)) if path.is_relative_to(_ROOT) else "/".join(path.parts[-3:])


def _clean(attributes: Mapping[str, Value]) -> dict[str, str | bool | int | float]:
    clean = {name: redact(value, name) for name, value in attributes.items() if value is not None}
    return {
        name: value[:MAX_CHARACTERS] if isinstance(value, str) else value
        for name, value in clean.items()
    }


def _context(parent: Trace | None, *, remote: bool) -> Context:
    if parent is None:
        return Context()
    span = api.NonRecordingSpan(_as_context(parent, remote=remote))
    return api.set_span_in_context(span, Context())


def _as_context(span: Trace, *, remote: bool) -> api.SpanContext:
    flags = api.TraceFlags(api.TraceFlags.SAMPLED if span.sampled else api.TraceFlags.DEFAULT)
    return api.SpanContext(int(span.trace_id, 16), int(span.span_id, 16), remote, flags)


def _as_trace(context: api.SpanContext) -> Trace:
    return Trace(
        api.format_trace_id(context.trace_id),
        api.format_span_id(context.span_id),
        context.trace_flags.sampled,
    )
