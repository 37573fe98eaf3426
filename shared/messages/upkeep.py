"""Messages that maintain the system."""

from __future__ import annotations

from typing import ClassVar

from shared.messages.base import Message


class SweepRequested(Message):
    """Sweep, once a minute: resume work that was left unfinished."""

    topic: ClassVar[str] = "sweep-requested"

    @property
    def subject(self) -> str:
        """There is only one sweep."""
        return "sweep"
