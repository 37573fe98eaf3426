"""Make text without_unstorable in PostgreSQL."""

from __future__ import annotations


def without_unstorable(text: str) -> str:
    """The text without NUL and lone surrogates, which PostgreSQL cannot store."""
    return text.replace("\x00", "").encode("utf-8", "ignore").decode()
