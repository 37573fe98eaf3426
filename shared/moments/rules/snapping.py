"""Snap the ends of a span to gaps between words and, if the bounds allow, between sentences."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from shared.domain.spans import TimeSpan
from shared.domain.transcript import Word
from shared.moments.rules.bounds import Bounds
from shared.moments.rules.gaps import (
    ROUNDING_SECONDS,
    Booleans,
    Floats,
    Placement,
    WordGaps,
    place,
    word_gaps,
)
from shared.moments.rules.sentences import Sentence

_BROKEN_SENTENCE_SECONDS = 30.0
"""The cost of an end inside a sentence. It exceeds the longest sentence."""
_ELSEWHERE_SECONDS = 1000.0
"""The cost of leaving most of the span. Such a span wins only if no nearer one fits the bounds."""


def snap(
    span: TimeSpan,
    words: Sequence[Word],
    sentences: Sequence[Sentence],
    *,
    bounds: Bounds,
    duration_seconds: float,
) -> TimeSpan | None:
    """The nearest span within the bounds that cuts no word and, if possible, no sentence.

    Of all pairs of gaps between words within the length bounds and 0..`duration_seconds`, selects
    the pair that moves both ends least. An end inside a sentence costs 30 s; a span that keeps less
    than half of the original costs 1000 s. At least one word is inside. Snapping again changes
    nothing. None if no such span exists.
    """
    if duration_seconds <= 0 or bounds.max_length_seconds <= 0:
        return None
    if not words:
        return _within(span, bounds, duration_seconds)
    gaps = word_gaps(words, duration_seconds)
    breaks = _sentence_breaks(sentences, len(words))
    # Equal distances may round differently from the new place, which can lead into a cycle.
    seen: list[TimeSpan] = []
    current: TimeSpan | None = span
    while current is not None and current not in seen:
        seen.append(current)
        current = _nearest_span(current, gaps, breaks, bounds)
    return None if current is None else min(seen[seen.index(current) :])


def _nearest_span(
    span: TimeSpan, gaps: WordGaps, breaks: tuple[Floats, Floats], bounds: Bounds
) -> TimeSpan | None:
    for share in (0.5, 1.0):
        found = _nearest_pair(span, gaps, breaks, bounds, share)
        if found is not None:
            return found
    return None


def _nearest_pair(
    span: TimeSpan,
    gaps: WordGaps,
    breaks: tuple[Floats, Floats],
    bounds: Bounds,
    share: float,
) -> TimeSpan | None:
    begins_inside, ends_inside = breaks
    shortest, longest = bounds.min_length_seconds, bounds.max_length_seconds
    starts = np.flatnonzero(gaps.is_open[:-1])
    at = span.start_seconds
    nearest = np.maximum(0.0, np.maximum(gaps.left[starts] - at, at - gaps.right[starts]))
    nearest += begins_inside[starts]
    best_cost, best = np.inf, None
    for i in np.argsort(nearest, kind="stable"):
        if nearest[i] > best_cost:
            break
        first = starts[i]
        low = np.searchsorted(gaps.right, gaps.left[first] + shortest - 1e-6)
        high = np.searchsorted(gaps.left, gaps.right[first] + longest + 1e-6)
        lasts = np.arange(max(first + 1, low), high)
        if not len(lasts):
            continue
        placed = place(
            gaps, first, lasts, shortest_seconds=shortest, longest_seconds=longest, share=share
        )
        cost: Floats = np.abs(placed.start_seconds - at) + begins_inside[first]
        cost = cost + np.abs(placed.end_seconds - span.end_seconds) + ends_inside[lasts]
        cost = cost + _ELSEWHERE_SECONDS * _is_elsewhere(span, placed)
        cost = np.where(placed.fits, cost, np.inf)
        j = int(np.argmin(cost))
        if cost[j] < best_cost:
            best_cost = float(cost[j])
            best = TimeSpan(float(placed.start_seconds[j]), float(placed.end_seconds[j]))
    return best


def _is_elsewhere(span: TimeSpan, placed: Placement) -> Booleans:
    """True for each placement that shares less than half of the shorter of itself and the span."""
    shared = np.minimum(placed.end_seconds, span.end_seconds) - np.maximum(
        placed.start_seconds, span.start_seconds
    )
    shorter = np.minimum(placed.end_seconds - placed.start_seconds, span.length_seconds)
    apart: Booleans = 2 * shared < shorter
    return apart


def _sentence_breaks(sentences: Sequence[Sentence], word_count: int) -> tuple[Floats, Floats]:
    """The costs of beginning and of ending at each gap, in seconds, shape (words + 1,) each."""
    begins = np.full(word_count + 1, _BROKEN_SENTENCE_SECONDS)
    ends = begins.copy()
    for sentence in sentences:
        begins[sentence.first_word] = 0.0
        ends[sentence.last_word + 1] = 0.0
    return begins, ends


def _within(span: TimeSpan, bounds: Bounds, duration_seconds: float) -> TimeSpan | None:
    """Without words any cut is allowed: move and resize the span as little as needed."""
    if duration_seconds < bounds.min_length_seconds:
        return None
    shortest = bounds.min_length_seconds - ROUNDING_SECONDS
    longest = bounds.max_length_seconds + ROUNDING_SECONDS
    fits = shortest <= span.length_seconds <= longest
    if fits and span.end_seconds <= duration_seconds:
        return span
    length = min(
        max(span.length_seconds, bounds.min_length_seconds),
        bounds.max_length_seconds,
        duration_seconds,
    )
    start = min(span.start_seconds, duration_seconds - length)
    end = min(start + length, duration_seconds)
    if end - start > bounds.max_length_seconds:
        end = math.nextafter(end, 0.0)
    if end - start < bounds.min_length_seconds:
        start = math.nextafter(start, 0.0)
    return TimeSpan(start, end)
