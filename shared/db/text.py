"""Text that PostgreSQL can store."""

from __future__ import annotations


def storable(text: str) -> str:
    """The text without NUL and lone surrogates."""
    return text.replace("\x00", "").encode("utf-8", "ignore").decode()
