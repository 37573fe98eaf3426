"""Messages about videos and their runs."""

from __future__ import annotations

from typing import ClassVar

from pydantic import model_validator

from shared.messages.base import Message, PipelineMessage, PipelineType, indexable
from shared.messages.options import Options


class VideoUploaded(Message):
    """A source object is complete. Without `pipeline` it is a drop, which starts a pipeline."""

    topic: ClassVar[str] = "video-uploaded"
    source_url: str
    generation: str | None = None
    pipeline: str | None = None
    options: Options = Options()

    @property
    def subject(self) -> str:
        """The source."""
        return indexable(self.source_url)


class PipelineRequested(Message):
    """Run, or run again, for a known video or for the object at a URL.

    The same request twice gives one run; another `request_id` gives another run.
    """

    topic: ClassVar[str] = "pipeline-requested"
    source_url: str | None = None
    video: str | None = None
    pipeline_type: PipelineType = "full"
    options: Options = Options()
    request_id: str | None = None
    pipeline: str | None = None

    @model_validator(mode="after")
    def _names_one_source(self) -> PipelineRequested:
        if (self.source_url is None) == (self.video is None):
            raise ValueError("name either source_url or video")
        return self

    @property
    def subject(self) -> str:
        """The source or the video."""
        return indexable(self.source_url or self.video or "")


class VideoProbed(PipelineMessage):
    """The video's row holds its properties."""

    topic: ClassVar[str] = "video-probed"
    video: str
    generation: str

    @property
    def subject(self) -> str:
        """The video."""
        return self.video
