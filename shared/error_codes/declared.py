"""What is declared of an error code."""

from __future__ import annotations

from typing import NamedTuple


class ErrorCode(NamedTuple):
    """Both are whole sentences. In commands, `VIDEO` stands for the video's identifier."""

    meaning: str
    remedy: str
