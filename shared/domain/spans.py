"""A time span of a video, in seconds from its start."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, order=True)
class TimeSpan:
    """`start_seconds` < `end_seconds`, both >= 0. Raises ValueError otherwise."""

    start_seconds: float
    end_seconds: float

    def __post_init__(self) -> None:
        if not 0 <= self.start_seconds < self.end_seconds:
            raise ValueError(f"not a time span: {self.start_seconds}..{self.end_seconds} s")

    @property
    def length_seconds(self) -> float:
        """Length in seconds, > 0."""
        return self.end_seconds - self.start_seconds

    def overlap_seconds(self, other: TimeSpan) -> float:
        """The seconds that both spans share; 0 if they only touch."""
        return max(
            0.0,
            min(self.end_seconds, other.end_seconds) - max(self.start_seconds, other.start_seconds),
        )
