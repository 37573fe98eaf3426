"""A moment, i.e. a span of a video that is worth watching, and the bounds on moments."""

from __future__ import annotations

from dataclasses import dataclass

from shared.domain.spans import TimeSpan


@dataclass(frozen=True, slots=True)
class Bounds:
    """Hard bounds on the lengths (to within a nanosecond, as floats round) and number of moments.

    Raises ValueError if a minimum exceeds its maximum.
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
    """`title` has 1..500 characters, `score` is 0..10; sentences count from 0, both included."""

    span: TimeSpan
    title: str
    score: int
    reason: str
    first_sentence: int
    last_sentence: int
