"""What the rest of the project knows of spans: opened and told of here, whoever records them.

Until a tracer is installed nothing is recorded, and nothing imported that could.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from contextvars import ContextVar
from typing import Literal, Protocol

from shared.telemetry import trace

Kind = Literal["internal", "client", "producer", "consumer"]
Value = str | bool | int | float | None


class Span(Protocol):
    """Something that takes time. What it is told is cleaned of secrets and of what people said."""

    def set(self, **attributes: Value) -> None:
        """Say more of it, under `videomoments.` and the name; None says nothing."""
        ...

    def fail(self, code: str, error: BaseException | None = None) -> None:
        """It went wrong. Of the error its types and places are kept, never what it says."""
        ...

    def link(self, traceparent: str | None) -> None:
        """It has to do with that span, which is not its parent."""
        ...


class Tracer(Protocol):
    """Records spans."""

    def span(
        self,
        name: str,
        kind: Kind,
        attributes: Mapping[str, Value],
        *,
        parent: trace.Trace | None,
        came_with: str | None = None,
        current: bool = True,
    ) -> AbstractContextManager[Span]:
        """A span under `parent`, or the root of a new trace; `current` within the block or not.

        What is raised in the block marks it as failed.
        """
        ...


class _Nothing:
    def set(self, **attributes: Value) -> None:
        """Not recorded."""

    def fail(self, code: str, error: BaseException | None = None) -> None:
        """Not recorded."""

    def link(self, traceparent: str | None) -> None:
        """Not recorded."""


NOTHING: Span = _Nothing()
_UNRECORDED = nullcontext(NOTHING)
_tracer: Tracer | None = None
_current: ContextVar[Span] = ContextVar("span", default=NOTHING)


def install(tracer: Tracer | None) -> None:
    """Have every span recorded by it from now on; None: by nothing."""
    global _tracer
    _tracer = tracer


def recorded() -> bool:
    """Whether spans are recorded at all."""
    return _tracer is not None


def current() -> Span:
    """The span of the delivery at work here, to say more of."""
    return _current.get()


def span(
    name: str,
    attributes: Mapping[str, Value] | None = None,
    *,
    kind: Kind = "internal",
    current: bool = True,
) -> AbstractContextManager[Span]:
    """A part of what is at work: the block. Where nothing is, it is not recorded.

    Not `current`: what is opened inside is not under it. So it must be in a generator, whose
    block is left who knows when.
    """
    here = trace.current()
    if _tracer is None or here is None:
        return _UNRECORDED
    return _tracer.span(name, kind, attributes or {}, parent=here, current=current)


def sending(
    name: str, attributes: Mapping[str, Value], traceparent: str | None
) -> AbstractContextManager[Span]:
    """A message being sent, on behalf of that span."""
    if _tracer is None:
        return _UNRECORDED
    return _tracer.span(name, "producer", attributes, parent=trace.parse(traceparent))


@contextmanager
def delivery(name: str, attributes: Mapping[str, Value], traceparent: str | None) -> Iterator[Span]:
    """A delivery being handled. It goes on with the trace it came with, or begins one."""
    if _tracer is None:
        with trace.tracing(traceparent):
            yield NOTHING
        return
    parent = trace.parse(traceparent)
    with _tracer.span(name, "consumer", attributes, parent=parent, came_with=traceparent) as made:
        token = _current.set(made)
        try:
            yield made
        finally:
            _current.reset(token)
