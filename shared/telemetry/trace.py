"""Trace context: the W3C `traceparent` that follows a run through every function.

Format: https://www.w3.org/TR/trace-context/, and Google's older X-Cloud-Trace-Context.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass

_TRACEPARENT = re.compile(r"[0-9a-f]{2}-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(?:-.*)?")
_CLOUD = re.compile(r"([0-9a-fA-F]{32})(?:/(\d{1,20}))?(?:;o=(\d))?")
_ATTRIBUTES = ("traceparent", "googclient_traceparent")


@dataclass(frozen=True, slots=True)
class Trace:
    """One span of one trace, both in lower-case hex."""

    trace_id: str
    span_id: str
    sampled: bool = True

    def __str__(self) -> str:
        return f"00-{self.trace_id}-{self.span_id}-{'01' if self.sampled else '00'}"

    def child(self) -> Trace:
        """A new span of the same trace."""
        return Trace(self.trace_id, secrets.token_hex(8), self.sampled)


_current: ContextVar[Trace | None] = ContextVar("trace", default=None)
_origin: ContextVar[str | None] = ContextVar("trace_origin", default=None)


def parse(traceparent: str | None) -> Trace | None:
    """The span a traceparent names, or None if it is missing, malformed or all zeros."""
    match = _TRACEPARENT.fullmatch((traceparent or "").strip())
    if match is None or traceparent is None or traceparent.strip().startswith("ff"):
        return None
    trace_id, span_id, flags = match.groups()
    if not int(trace_id, 16) or not int(span_id, 16):
        return None
    return Trace(trace_id, span_id, bool(int(flags, 16) & 1))


def parse_cloud(header: str | None) -> Trace | None:
    """The span named by X-Cloud-Trace-Context: `TRACE_ID/SPAN_ID;o=OPTIONS`, span in decimal."""
    match = _CLOUD.fullmatch((header or "").strip())
    if match is None or not int(match[1], 16):
        return None
    span = int(match[2] or 0)
    span_id = f"{span:016x}" if 0 < span < 1 << 64 else secrets.token_hex(8)
    return Trace(match[1].lower(), span_id, match[3] == "1")


def extract(attributes: Mapping[str, str], headers: Mapping[str, str]) -> str | None:
    """The traceparent of a delivery: its attributes first, for they crossed the broker.

    `headers` has lower-case names.
    """
    for name in _ATTRIBUTES:
        if found := parse(attributes.get(name)):
            return str(found)
    found = parse(headers.get("traceparent")) or parse_cloud(headers.get("x-cloud-trace-context"))
    return str(found) if found else None


def current() -> Trace | None:
    """The span this code runs in."""
    return _current.get()


def traceparent() -> str | None:
    """The span this code runs in, as it is written down."""
    span = _current.get()
    return str(span) if span is not None else None


def origin() -> str | None:
    """What the delivery at work came with; its own span where it came with nothing.

    For what would have to be carried on from there, should this delivery never end.
    """
    return _origin.get() or traceparent()


@contextmanager
def running(span: Trace, came_with: str | None = None) -> Iterator[Trace]:
    """Run the block in that span, which a delivery that came with `came_with` may have opened."""
    token = _current.set(span)
    origin_token = _origin.set(came_with) if came_with is not None else None
    try:
        yield span
    finally:
        if origin_token is not None:
            _origin.reset(origin_token)
        _current.reset(token)


@contextmanager
def tracing(traceparent: str | None) -> Iterator[Trace]:
    """Run the block in a new span: of the given trace, or of a new one."""
    parent = parse(traceparent)
    span = parent.child() if parent else Trace(secrets.token_hex(16), secrets.token_hex(8))
    with running(span, str(parent) if parent else None):
        yield span
