"""Fallback: fit as many spans as possible if the best selection has too few."""

from __future__ import annotations

import numpy as np

from shared.domain.spans import TimeSpan
from shared.moments.rules.bounds import Bounds
from shared.moments.rules.gaps import ROUNDING_SECONDS, WordGaps


def pack_spans(gaps: WordGaps, bounds: Bounds) -> list[tuple[TimeSpan, int, int]]:
    """Up to `min_moments` spans, each with the gaps it begins and ends in and a word inside.

    Taking the span that ends earliest leaves the most room for the rest, so no other choice holds
    more spans within the length bounds.
    """
    found: list[tuple[TimeSpan, int, int]] = []
    after, gap = 0.0, 0
    while len(found) < bounds.min_moments:
        earliest = _earliest_span(gaps, bounds, after, gap)
        if earliest is None:
            break
        found.append(earliest)
        after, gap = earliest[0].end_seconds, earliest[2]
    return found


def _earliest_span(
    gaps: WordGaps, bounds: Bounds, after_seconds: float, from_gap: int
) -> tuple[TimeSpan, int, int] | None:
    """Of the spans that begin at `after_seconds` or later, the one that ends earliest."""
    usable = np.flatnonzero(gaps.is_open)
    usable = usable[usable >= from_gap]
    left = np.maximum(gaps.left[usable], after_seconds)
    right = gaps.right[usable]
    shortest, longest = bounds.min_length_seconds, bounds.max_length_seconds
    for j in range(1, len(usable)):
        low = int(np.searchsorted(right[:j], left[j] - longest - ROUNDING_SECONDS))
        # An earlier start allows an earlier end, so the first gap that fits is the best.
        for i in range(low, j):
            span = _fit(left[i], right[i], left[j], right[j], shortest, longest)
            if span is not None:
                return span, int(usable[i]), int(usable[j])
            if left[i] + shortest > right[j] + ROUNDING_SECONDS:
                break
    return None


def _fit(
    start_low: float,
    start_high: float,
    end_low: float,
    end_high: float,
    shortest: float,
    longest: float,
) -> TimeSpan | None:
    """The span with the earliest end, then the latest start, within both ranges; else None."""
    if start_low > start_high or start_low + shortest > end_high + ROUNDING_SECONDS:
        return None
    end = max(end_low, start_low + shortest)
    if end - start_low < shortest:
        end = float(np.nextafter(end, np.inf))
    end = min(end, end_high)
    start = max(start_low, min(start_high, end - shortest))
    if not 0 < end - start <= longest + ROUNDING_SECONDS:
        return None
    return TimeSpan(float(start), float(end))
