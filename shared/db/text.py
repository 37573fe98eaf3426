"""Makes text storable in PostgreSQL."""

from __future__ import annotations

from typing import Any


def without_unstorable(text: str) -> str:
    """The text without NUL and lone surrogates, which PostgreSQL cannot store."""
    return text.replace("\x00", "").encode("utf-8", "ignore").decode()


def json_without_unstorable(value: Any) -> Any:
    """The same JSON with each of its texts made storable."""
    if isinstance(value, str):
        return without_unstorable(value)
    if isinstance(value, dict):
        return {
            without_unstorable(str(key)): json_without_unstorable(inner)
            for key, inner in value.items()
        }
    if isinstance(value, list | tuple):
        return [json_without_unstorable(inner) for inner in value]
    return value
