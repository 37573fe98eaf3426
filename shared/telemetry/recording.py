"""What a span records: attributes without secrets, failures without what errors say."""

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
    """A span of OpenTelemetry's, which may be one that records nothing."""

    def __init__(self, span: api.Span) -> None:
        self._span = span
        self._failed = False

    def set(self, **attributes: Value) -> None:
        """Say more of it, under `videomoments.` and the name; None says nothing."""
        if self._span.is_recording():
            self._span.set_attributes(
                clean({f"{PREFIX}{name}": value for name, value in attributes.items()})
            )

    def fail(self, code: str, error: BaseException | None = None) -> None:
        """It went wrong; the first failure counts.

        Of the error its types and places are kept, never what it says.
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
        """It has to do with that span, which is not its parent."""
        linked = trace.parse(traceparent)
        if linked is not None:
            self._span.add_link(linked)


def clean(attributes: Mapping[str, Value]) -> dict[str, str | bool | int | float]:
    """The attributes without secrets, None and long texts."""
    found = {name: redact(value, name) for name, value in attributes.items() if value is not None}
    return {
        name: value[:MAX_CHARACTERS] if isinstance(value, str) else value
        for name, value in found.items()
    }


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
