"""Messages about audio slices and transcripts."""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field

from shared.messages.base import PipelineMessage


class AudioSliced(PipelineMessage):
    """One audio slice is stored as an object; times are those of the recording."""

    topic: ClassVar[str] = "audio-sliced"
    video: str
    slice_url: str
    slice_generation: str
    index: int = Field(ge=0)
    count: int = Field(ge=1)
    start_seconds: float = Field(ge=0)
    end_seconds: float = Field(gt=0)

    @property
    def subject(self) -> str:
        """The video and the slice's number."""
        return f"{self.video}/{self.index:05d}"


class VideoTranscribed(PipelineMessage):
    """The transcript's row exists, or the recording has no speech (`has_speech` False)."""

    topic: ClassVar[str] = "video-transcribed"
    video: str
    has_speech: bool

    @property
    def subject(self) -> str:
        """The video."""
        return self.video
