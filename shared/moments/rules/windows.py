"""Split a long transcript into windows of sentences that a model can read one at a time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate

from shared.domain.tokens import estimate_tokens
from shared.moments.rules.sentences import Sentence

_LINE_TOKENS = 8
"""The tokens of a line's number and time."""


@dataclass(frozen=True, slots=True, order=True)
class Window:
    """Sentences `first`..`last`, both included. Raises ValueError if they are out of order."""

    first: int
    last: int

    def __post_init__(self) -> None:
        if not 0 <= self.first <= self.last:
            raise ValueError(f"not a window: {self.first}..{self.last}")

    def __contains__(self, number: int) -> bool:
        """True if the window holds the sentence of that number."""
        return self.first <= number <= self.last


def plan_windows(
    sentences: Sequence[Sentence],
    *,
    window_tokens: int,
    overlap_tokens: int,
    overlap_seconds: float = 0.0,
) -> list[Window]:
    """Windows in order that cover all sentences, each of at most `window_tokens`.

    Neighbours share at least `overlap_tokens` and `overlap_seconds` of speech, so that one of them
    holds a moment across the seam whole, but at most half a window. A sentence longer than a window
    gets its own window.
    """
    if not sentences:
        return []
    sums = [0, *accumulate(estimate_tokens(s.text) + _LINE_TOKENS for s in sentences)]
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
        # Each window begins later than the previous one and leaves no gap.
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
    """The latest sentence that gives both overlaps, within half the window."""
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
