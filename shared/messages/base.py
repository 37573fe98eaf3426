"""The base of all message contracts. Each module beside this one declares those of one subject.

Messages carry ids and references, never content. Unknown fields are ignored, so that an older
consumer understands a newer producer; a breaking change is a new topic. Facts are named in the
past tense, commands are requests.
"""

from __future__ import annotations

import hashlib
from typing import ClassVar, Literal

from shared.messages.options import Frozen

PipelineType = Literal["full", "moments_only", "clips_only", "scores_only"]
"""The types of run; every other list of them is derived from this one."""

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


DEAD_LETTER_TOPIC = "dead-letters"
