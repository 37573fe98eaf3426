"""Every message contract and its topic.

Messages carry ids and references, never content. Unknown fields are ignored, so that an older
consumer understands a newer producer; a breaking change is a new topic. Facts are named in the
past tense, commands are requests.
"""

from __future__ import annotations

import hashlib
from typing import ClassVar, Literal

from pydantic import Field, model_validator

from shared.options import Frozen
from shared.options import Options as Options

PipelineType = Literal["full", "moments_only", "clips_only", "scores_only"]


MAX_SUBJECT = 512


def indexable(text: str) -> str:
    """The text, or its beginning and its digest where it is too long for an index."""
    if len(text) <= MAX_SUBJECT:
        return text
    return f"{text[: MAX_SUBJECT - 17]}#{hashlib.sha256(text.encode()).hexdigest()[:16]}"


class Message(Frozen):
    """Base of all contracts. `subject` is what one stage run is about, unique in its pipeline."""

    topic: ClassVar[str]
    schema_version: int = 1

    @property
    def subject(self) -> str:
        """What the stage run is about."""
        raise TypeError(f"{type(self).__name__} has no subject")


class PipelineMessage(Message):
    """A message inside a running pipeline, named by `pipeline_history.identifier`."""

    pipeline: str


class VideoUploaded(Message):
    """A source object is complete. Without `pipeline`: a drop, which begins a pipeline."""

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
    """Run (again) for a known video or for an object by URL.

    The same request twice is one run; another `request_id` makes it another run.
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
    """The video's row holds its facts."""

    topic: ClassVar[str] = "video-probed"
    video: str
    generation: str

    @property
    def subject(self) -> str:
        """The video."""
        return self.video


class AudioSliced(PipelineMessage):
    """One slice of the audio is an object of its own; times are those of the recording."""

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
    """The transcript's row is there, or there is nothing to transcribe (`has_speech` False)."""

    topic: ClassVar[str] = "video-transcribed"
    video: str
    has_speech: bool

    @property
    def subject(self) -> str:
        """The video."""
        return self.video


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
        """The video and this part's number."""
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


class SweepRequested(Message):
    """Once a minute: look for what was forgotten."""

    topic: ClassVar[str] = "sweep-requested"

    @property
    def subject(self) -> str:
        """There is only one sweep."""
        return "sweep"


DEAD_LETTER_TOPIC = "dead-letters"
