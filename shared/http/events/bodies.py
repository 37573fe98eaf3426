"""Parses untrusted JSON: every failure is a `MalformedMessage` that names the place."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, NoReturn

from shared.errors import MalformedMessage

JsonObject = Mapping[str, Any]


def malformed(where: str, reason: str) -> MalformedMessage:
    """An error that names the place and the fault, never the content."""
    return MalformedMessage(f"{where}: {reason}")


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


def parse(data: bytes, where: str) -> Any:
    """The JSON value of `data`. Raises `MalformedMessage`."""
    try:
        return json.loads(data.decode("utf-8-sig"), parse_constant=_refuse_constant)
    except UnicodeDecodeError as error:
        raise malformed(where, f"not UTF-8 at byte {error.start}") from None
    except json.JSONDecodeError as error:
        reason = f"not JSON: {error.msg} at line {error.lineno} column {error.colno}"
        raise malformed(where, reason) from None
    except (ValueError, RecursionError) as error:
        what = "nested too deep" if isinstance(error, RecursionError) else str(error)
        raise malformed(where, f"not JSON: {what}") from None


def as_object(value: Any, where: str) -> JsonObject:
    """The value if it is a JSON object. Raises `MalformedMessage`."""
    if not isinstance(value, dict):
        raise malformed(where, f"expected a JSON object, found {_kind(value)}")
    return value


def child(parent: JsonObject, name: str, where: str) -> JsonObject:
    """The object called `name` in `parent`. Raises `MalformedMessage`."""
    return as_object(parent.get(name), f"{where}.{name}")


def text(parent: JsonObject, name: str, where: str) -> str:
    """The non-empty string called `name` in `parent`. Raises `MalformedMessage`."""
    value = parent.get(name)
    if not isinstance(value, str) or not value:
        found = "an empty string" if value == "" else _kind(value)
        raise malformed(f"{where}.{name}", f"expected a string, found {found}")
    return value


def optional_text(parent: JsonObject, *names: str) -> str | None:
    """The first non-empty one of these fields, as text; numbers are written out."""
    for name in names:
        value = parent.get(name)
        if isinstance(value, str) and value:
            return value
        if isinstance(value, int) and not isinstance(value, bool):
            return str(value)
    return None


def optional_count(value: Any) -> int | None:
    """A counter sent as a number or as a string; None for anything else."""
    try:
        count = int(value)
    except (TypeError, ValueError, OverflowError):
        return None
    return count if count >= 0 else None


def text_map(value: Any, where: str) -> dict[str, str]:
    """Attributes: an object of strings; empty if missing. Raises `MalformedMessage`."""
    if value is None:
        return {}
    items = as_object(value, where)
    if any(not isinstance(item, str) for item in items.values()):
        raise malformed(where, "every attribute must be a string")
    return dict(items)


def _kind(value: Any) -> str:
    names = {dict: "an object", list: "an array", str: "a string", bool: "a boolean"}
    return "nothing" if value is None else names.get(type(value), "a number")
