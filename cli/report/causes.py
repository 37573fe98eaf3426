"""Recorded error messages without the names of exception classes."""

from __future__ import annotations

import re

_TYPE = re.compile(r"\b[A-Z]\w*(?:Error|Unavailable|Missing|Exception|Failed): (?:\[Errno \d+\] )?")


def without_types(message: str) -> str:
    """The message without the names of exception classes."""
    return _TYPE.sub("", message)
