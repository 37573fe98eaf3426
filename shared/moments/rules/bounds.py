"""A moment: a stretch of a recording worth watching, and the bounds it must keep."""

from __future__ import annotations

from dataclasses import dataclass

from shared.domain.spans import TimeSpan


@dataclass(frozen=True, slots=True)
class Bounds:
    """Hard bounds on moments, lengths to within a nanosecond (floats round).

    Raises ValueError where a minimum is above its maximum.
    """

    min_length_seconds: float
    max_length_seconds: float
    min_moments: int
    max_moments: int

    def __post_init__(self) -> None:
        if not 0 <= self.min_length_seconds <= self.max_length_seconds:
            raise ValueError(
                f"not a range of lengths: {self.min_length_seconds}..{self.max_length_seconds} s"
            )
        if not 0 <= self.min_moments <= self.max_moments:
            raise ValueError(f"not a range of counts: {self.min_moments}..{self.max_moments}")


@dataclass(frozen=True, slots=True)
class MomentDraft:
    """`title` is 1..500 characters, `score` 0..10, sentences are numbered from 0, both included."""

    span: TimeSpan
    title: str
    score: int
    reason: str
    first_sentence: int
    last_sentence: int
