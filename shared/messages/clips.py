"""Messages about clips."""

from __future__ import annotations

from typing import ClassVar

from shared.messages.base import PipelineMessage


class ClipCut(PipelineMessage):
    """A clip's file and row exist. Its moment identifies it."""

    topic: ClassVar[str] = "clip-cut"
    video: str
    moment: str
    clip_url: str
    clip_generation: str

    @property
    def subject(self) -> str:
        """The moment that the clip shows."""
        return self.moment
