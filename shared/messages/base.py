"""The base of all message contracts. Each sibling module declares those of one subject.

Messages carry ids and references, never content. A consumer ignores unknown fields, so that it
understands a newer producer; a breaking change needs a new topic. The topic of a fact is in the
past tense; the topic of a command ends in `requested`.
"""

from __future__ import annotations

import hashlib
from typing import ClassVar, Literal

from shared.messages.options import Frozen

PipelineType = Literal["full", "moments_only", "clips_only", "scores_only"]
"""The types of run. Every other list of them derives from this one."""

MAX_SUBJECT = 512


def indexable(text: str) -> str:
    """Return the text or, if it is too long for an index, its beginning and its digest."""
    if len(text) <= MAX_SUBJECT:
        return text
    return f"{text[: MAX_SUBJECT - 17]}#{hashlib.sha256(text.encode()).hexdigest()[:16]}"


class Message(Frozen):
    """Base of all contracts. `subject` identifies a stage run of one stage in its pipeline."""

    topic: ClassVar[str]
    schema_version: int = 1

    @property
    def subject(self) -> str:
        """The subject of the stage run. Raises TypeError if the message has none."""
        raise TypeError(f"{type(self).__name__} has no subject")


class PipelineMessage(Message):
    """A message inside a running pipeline, named by `pipeline_history.identifier`."""

    pipeline: str


DEAD_LETTER_TOPIC = "dead-letters"
