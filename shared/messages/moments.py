"""Messages about moments and the candidates for them."""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field

from shared.messages.base import PipelineMessage


class MomentFound(PipelineMessage):
    """A root moment's row is there."""

    topic: ClassVar[str] = "moment-found"
    video: str
    moment: str

    @property
    def subject(self) -> str:
        """The moment."""
        return self.moment


class TranscriptWindowed(PipelineMessage):
    """Some windows of a transcript are to be read by the model: ranges of sentence numbers."""

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
    """Every window was read; what the model proposed lies in `moment_candidates`."""

    topic: ClassVar[str] = "candidates-found"
    video: str

    @property
    def subject(self) -> str:
        """The video."""
        return self.video


class RefinementRequested(PipelineMessage):
    """Look again at where a moment begins and ends."""

    topic: ClassVar[str] = "refinement-requested"
    video: str
    moment: str

    @property
    def subject(self) -> str:
        """The moment."""
        return self.moment


class ScoringRequested(PipelineMessage):
    """Score moments against one another: those of the run, or all of the video's."""

    topic: ClassVar[str] = "scoring-requested"
    video: str

    @property
    def subject(self) -> str:
        """The video."""
        return self.video
