"""Messages about clips."""

from __future__ import annotations

from typing import ClassVar

from shared.messages.base import PipelineMessage


class ClipCut(PipelineMessage):
    """A clip's file and row are there. A clip is named by its moment."""

    topic: ClassVar[str] = "clip-cut"
    video: str
    moment: str
    clip_url: str
    clip_generation: str

    @property
    def subject(self) -> str:
        """The moment the clip shows."""
        return self.moment
