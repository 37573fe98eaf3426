"""A span's contents: attributes without secrets, failures without the errors' messages."""

from __future__ import annotations

import traceback
from collections.abc import Mapping
from pathlib import Path

from opentelemetry import trace as api

from shared.errors import Reject
from shared.telemetry import trace
from shared.telemetry.redaction import redact

PREFIX = "videomoments."
MAX_CHARACTERS = 500
_FRAMES = 12
_CAUSES = 3
_ROOT = Path(__file__).resolve().parents[2]
Value = str | bool | int | float | None


class Span:
    """An OpenTelemetry span, possibly one that records nothing."""

    def __init__(self, span: api.Span) -> None:
        self._span = span
        self._failed = False

    def set(self, **attributes: Value) -> None:
        """Add attributes under `videomoments.` and their names. None is ignored."""
        if self._span.is_recording():
            self._span.set_attributes(
                clean({f"{PREFIX}{name}": value for name, value in attributes.items()})
            )

    def fail(self, code: str, error: BaseException | None = None) -> None:
        """Mark the span as failed; only the first failure counts.

        Records the error's types and places, never its message.
        """
        if self._failed or not self._span.is_recording():
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
        """Link to a related span."""
        linked = trace.parse(traceparent)
        if linked is not None:
            self._span.add_link(linked)


def clean(attributes: Mapping[str, Value]) -> dict[str, str | bool | int | float]:
    """The attributes without secrets and None; long texts are cut."""
    found = {name: redact(value, name) for name, value in attributes.items() if value is not None}
    return {
        name: value[:MAX_CHARACTERS] if isinstance(value, str) else value
        for name, value in found.items()
    }


def code_of(error: BaseException) -> str:
    """The code by which failures are counted and found: a word, never a sentence."""
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
        lines += [f"  {_shorten(frame.filename)}:{frame.lineno} {frame.name}" for frame in frames]
        seen = seen.__cause__ or seen.__context__
    return "\n".join(lines)


def _shorten(filename: str) -> str:
    path = Path(filename)
    return str(path.relative_to(_ROOT)) if path.is_relative_to(_ROOT) else "/".join(path.parts[-3:])
