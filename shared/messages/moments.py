"""Messages about moments and their candidates."""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field

from shared.messages.base import PipelineMessage


class MomentFound(PipelineMessage):
    """The row of a root moment exists."""

    topic: ClassVar[str] = "moment-found"
    video: str
    moment: str

    @property
    def subject(self) -> str:
        """The moment."""
        return self.moment


class TranscriptWindowed(PipelineMessage):
    """The model should read some windows of a transcript: ranges of sentence numbers."""

    topic: ClassVar[str] = "transcript-windowed"
    video: str
    index: int = Field(ge=0)
    windows: tuple[tuple[int, int], ...] = Field(min_length=1)
    count: int = Field(ge=1)

    @property
    def subject(self) -> str:
        """The video and this batch's number."""
        return f"{self.video}/{self.index:05d}"


class CandidatesFound(PipelineMessage):
    """The model has read every window; its candidates are in `moment_candidates`."""

    topic: ClassVar[str] = "candidates-found"
    video: str

    @property
    def subject(self) -> str:
        """The video."""
        return self.video


class RefinementRequested(PipelineMessage):
    """Review the bounds of a moment."""

    topic: ClassVar[str] = "refinement-requested"
    video: str
    moment: str

    @property
    def subject(self) -> str:
        """The moment."""
        return self.moment


class ScoringRequested(PipelineMessage):
    """Score moments against one another: those of the run, or all moments of the video."""

    topic: ClassVar[str] = "scoring-requested"
    video: str

    @property
    def subject(self) -> str:
        """The video."""
        return self.video
