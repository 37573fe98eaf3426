"""Labelled sets: recordings or transcripts with people's labels (docs/labelled-sets.md)."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Annotated

from pydantic import (
    AliasChoices,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    field_validator,
    model_validator,
)

from cli.evaluation.measuring.measures import Reference
from shared.domain.spans import TimeSpan
from shared.domain.transcript import Segment, TimedTranscript, Word
from shared.engines.speech.word_times import spread_words
from shared.error_codes.commands import LABELLED_SET_INVALID
from shared.errors import Reject


def _keyed(*names: str) -> BeforeValidator:
    """Read a list `[a, b, …]` as named fields."""

    def read(value: object) -> object:
        return dict(zip(names, value, strict=False)) if isinstance(value, list | tuple) else value

    return BeforeValidator(read)


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore", allow_inf_nan=False)


class Span(_Part):
    """`[start, end]` in seconds, or an object with both."""

    start: float = Field(
        ge=0, validation_alias=AliasChoices("start", "start_seconds", "start_time")
    )
    end: float = Field(validation_alias=AliasChoices("end", "end_seconds", "end_time"))

    @model_validator(mode="after")
    def _in_order(self) -> Span:
        if self.end <= self.start:
            raise ValueError(f"ends at {self.end} s, not after its start at {self.start} s")
        return self

    def span(self) -> TimeSpan:
        """The same, for the domain."""
        return TimeSpan(self.start, self.end)


class SpokenWord(_Part):
    """`[text, start, end]`, or an object with these."""

    text: str = Field(validation_alias=AliasChoices("text", "word"))
    start: float = Field(
        ge=0, validation_alias=AliasChoices("start", "start_seconds", "start_time")
    )
    end: float = Field(ge=0, validation_alias=AliasChoices("end", "end_seconds", "end_time"))


Words = list[Annotated[SpokenWord, _keyed("text", "start", "end")]]


class SpokenSegment(Span):
    """A segment of speech. Without `words`, its words are spread over it by length."""

    text: str = ""
    words: Words | None = None


class LengthBounds(_Part):
    """Bounds on moments. The config, then the settings, fill the gaps."""

    min_length_seconds: float | None = Field(default=None, ge=0)
    max_length_seconds: float | None = Field(default=None, gt=0)
    min_moments: int | None = Field(default=None, ge=0)
    max_moments: int | None = Field(default=None, ge=1)


class Item(_Part):
    """One recording with its labels."""

    name: str = Field(min_length=1)
    language: str = "und"
    duration_seconds: float | None = Field(default=None, gt=0)
    media: Path | None = None
    words: Words | None = None
    segments: list[SpokenSegment] | None = None
    moments: list[Annotated[Span, _keyed("start", "end")]] | None = None
    topic_boundaries: list[float] | None = None
    bounds: LengthBounds = LengthBounds()

    @field_validator("topic_boundaries")
    @classmethod
    def _ascending(cls, times: list[float] | None) -> list[float] | None:
        return sorted(set(times)) if times is not None else None

    @model_validator(mode="after")
    def _complete(self) -> Item:
        if self.media is None and self.words is None and self.segments is None:
            raise ValueError(f"item {self.name!r} has neither media nor words nor segments")
        if self.moments is None and self.topic_boundaries is None:
            raise ValueError(f"item {self.name!r} has neither moments nor topic_boundaries")
        return self

    @property
    def reference(self) -> Reference:
        """The labels that people marked."""
        moments = None if self.moments is None else tuple(m.span() for m in self.moments)
        times = None if self.topic_boundaries is None else tuple(self.topic_boundaries)
        return Reference(moments, times)

    def transcript(self) -> TimedTranscript | None:
        """The given words in time order; None if the media must be transcribed."""
        if self.words is None and self.segments is None:
            return None
        segments = sorted(self.segments or [], key=lambda s: s.start)
        words = _words(self.words) if self.words else [w for s in segments for w in _spread(s)]
        words.sort(key=lambda w: w.start_seconds)
        return TimedTranscript(
            self.language,
            tuple(words),
            tuple(Segment(s.text, s.start, s.end) for s in segments),
        )


class LabelledSet(_Part):
    """Items of different recordings with unique names."""

    name: str = ""
    bounds: LengthBounds = LengthBounds()
    items: list[Item] = Field(min_length=1)

    @model_validator(mode="after")
    def _named_once(self) -> LabelledSet:
        names = [item.name for item in self.items]
        doubled = sorted({name for name in names if names.count(name) > 1})
        if doubled:
            raise ValueError(f"more than one item is named {', '.join(doubled)}")
        return self

    @property
    def fingerprint(self) -> str:
        """A digest of the set's content: results of different sets must not be compared."""
        return hashlib.sha256(self.model_dump_json().encode()).hexdigest()[:12]


def _words(words: Words) -> list[Word]:
    return [Word(w.text, w.start, max(w.start, w.end)) for w in words]


def _spread(segment: SpokenSegment) -> list[Word]:
    if segment.words:
        return _words(segment.words)
    return list(spread_words(segment.text, segment.start, segment.end))


def read_set(path: Path) -> LabelledSet:
    """Read a set from a file. A bare list is its items. Media paths are relative to the file.

    Raises Reject(LABELLED_SET_INVALID) that says where and why.
    """
    try:
        text = path.read_text(encoding="utf-8")
        if text.lstrip().startswith("["):
            text = f'{{"items": {text}}}'
        return LabelledSet.model_validate_json(text)
    except (OSError, UnicodeDecodeError) as error:
        raise Reject(LABELLED_SET_INVALID, f"{path} cannot be read: {error}.") from None
    except ValidationError as error:
        problems = "; ".join(
            f"{'.'.join(str(part) for part in p['loc'])}: {p['msg']}" for p in error.errors()[:5]
        )
        raise Reject(
            LABELLED_SET_INVALID,
            f"{path} is not a labelled set (docs/labelled-sets.md): {problems}.",
        ) from None
