"""A long transcript in windows of sentences that a model can read one at a time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate

from shared.domain.tokens import estimated_tokens
from shared.moments.rules.sentences import Sentence

_LINE_TOKENS = 8
"""What a line's number and time cost beside its text."""


@dataclass(frozen=True, slots=True, order=True)
class Window:
    """Sentences `first`..`last`, both included. Raises ValueError where they are out of order."""

    first: int
    last: int

    def __post_init__(self) -> None:
        if not 0 <= self.first <= self.last:
            raise ValueError(f"not a window: {self.first}..{self.last}")

    def __contains__(self, number: int) -> bool:
        """Whether the sentence of that number is in it."""
        return self.first <= number <= self.last


def plan_windows(
    sentences: Sequence[Sentence],
    *,
    window_tokens: int,
    overlap_tokens: int,
    overlap_seconds: float = 0.0,
) -> list[Window]:
    """Windows in order that leave no sentence out, each of at most `window_tokens`.

    Neighbours share at least `overlap_tokens`, and more where `overlap_seconds` of speech needs
    more (so that a moment across the seam lies in one of them whole), yet never more than half a
    window. A single sentence longer than a window is a window of its own.
    """
    if not sentences:
        return []
    sums = [0, *accumulate(estimated_tokens(s.text) + _LINE_TOKENS for s in sentences)]
    windows: list[Window] = []
    first = 0
    while True:
        last = first
        while last + 1 < len(sentences) and sums[last + 2] - sums[first] <= window_tokens:
            last += 1
        windows.append(Window(first, last))
        if last == len(sentences) - 1:
            return windows
        begin = _overlap_begin(sentences, sums, windows[-1], overlap_tokens, overlap_seconds)
        # A window begins later than the one before it and leaves no gap, whatever the overlap.
        first = max(first + 1, min(begin, last + 1))
        while first < last + 1 and sums[last + 2] - sums[first] > window_tokens:
            first += 1


def _overlap_begin(
    sentences: Sequence[Sentence],
    sums: Sequence[int],
    window: Window,
    tokens: int,
    seconds: float,
) -> int:
    """The latest sentence from which on both overlaps are reached, within half the window."""
    half = (sums[window.last + 1] - sums[window.first]) / 2
    end = sentences[window.last].end_seconds
    begin = window.last + 1
    while begin > window.first:
        shared = sums[window.last + 1] - sums[begin]
        wide = begin <= window.last and end - sentences[begin].start_seconds >= seconds
        if shared >= tokens and (wide or seconds <= 0):
            return begin
        if sums[window.last + 1] - sums[begin - 1] > half:
            return begin
        begin -= 1
    return begin
