"""Messages that keep the system tidy."""

from __future__ import annotations

from typing import ClassVar

from shared.messages.base import Message


class SweepRequested(Message):
    """Once a minute: look for what was forgotten."""

    topic: ClassVar[str] = "sweep-requested"

    @property
    def subject(self) -> str:
        """There is only one sweep."""
        return "sweep"
