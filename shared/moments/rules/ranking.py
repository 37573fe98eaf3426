"""Scores of 0 to 10 from sub-scores and a place in the list, and the choice of moments by them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from shared.domain.spans import TimeSpan
from shared.domain.transcript import Word
from shared.moments.rules.bounds import Bounds, MomentDraft
from shared.moments.rules.deduplication import Candidate
from shared.moments.rules.selection import select_spans

CRITERIA = ("hook", "substance", "clarity", "emotion", "completeness")
_PLACE_SHARE = 0.4
_LEAST_WORTH = 2.0
"""Below this mark a moment is chosen only to reach the number asked for."""


def weighted(sub_scores: Mapping[str, int], weights: Mapping[str, float]) -> float:
    """The weighted mean of the sub-scores, 0..10; a missing one counts as 0."""
    total = sum(weights.get(name, 0.0) for name in CRITERIA)
    if total <= 0:
        return 0.0
    return (
        sum(min(10, max(0, sub_scores.get(name, 0))) * weights.get(name, 0.0) for name in CRITERIA)
        / total
    )


def mended_order(given: Sequence[int], keys: Sequence[int]) -> list[int] | None:
    """All of `keys` in the order a model gave; those it forgot come last, in their own order.

    Unknown and repeated ones are dropped. None where it named less than half: that is no order.
    """
    known = set(keys)
    order = list(dict.fromkeys(key for key in given if key in known))
    if 2 * len(order) < len(keys):
        return None
    return order + [key for key in keys if key not in set(order)]


def marks(qualities: Mapping[int, float], order: Sequence[int]) -> dict[int, float]:
    """A mark of 0..10 for each key: mostly its quality, partly its place among all.

    Small models give nearly everything the same sub-scores; they are better at comparing, and the
    place keeps the marks apart.
    """
    last = max(1, len(order) - 1)
    return {
        key: qualities[key]
        if len(order) == 1
        else (1 - _PLACE_SHARE) * qualities[key] + _PLACE_SHARE * 10 * (1 - place / last)
        for place, key in enumerate(order)
    }


def score_of(mark: float) -> int:
    """The mark as a whole number of 0..10."""
    return int(min(10, max(0, round(mark))))


def choose(
    candidates: Sequence[Candidate],
    values: Mapping[int, float],
    words: Sequence[Word],
    bounds: Bounds,
) -> list[int]:
    """Keys of the best candidates of which no two share a word, in order of time.

    At most `max_moments`; at least `min_moments` where there are so many that fit together.
    """
    if not candidates or not words or bounds.max_moments == 0:
        return []
    middles = np.maximum.accumulate([(w.start_seconds + w.end_seconds) / 2 for w in words])
    first = np.searchsorted(middles, [c.span.start_seconds for c in candidates], side="left")
    last = np.searchsorted(middles, [c.span.end_seconds for c in candidates], side="right") - 1
    last = np.maximum(last, np.minimum(first, len(words) - 1))
    first = np.minimum(first, last)
    chosen = select_spans(
        first.astype(np.int64),
        last.astype(np.int64),
        np.array([values[c.key] - _LEAST_WORTH for c in candidates]),
        unit_count=len(words),
        min_count=bounds.min_moments,
        max_count=bounds.max_moments,
    )
    return [candidates[c].key for c in _apart([candidates[c].span for c in chosen], chosen)]


def _apart(spans: Sequence[TimeSpan], keys: Sequence[int]) -> list[int]:
    """In order of time, without those that still overlap the one before: words have no width."""
    kept: list[int] = []
    end = 0.0
    for span, key in zip(spans, keys, strict=True):
        if span.start_seconds >= end:
            kept.append(key)
            end = span.end_seconds
    return kept


def fill_up(
    chosen: Sequence[TimeSpan], others: Sequence[MomentDraft], count: int
) -> list[MomentDraft]:
    """Up to `count` of `others`, the best first, that overlap neither `chosen` nor one another."""
    taken = list(chosen)
    added: list[MomentDraft] = []
    for moment in sorted(others, key=lambda m: (-m.score, m.span)):
        if len(added) == count:
            break
        if all(moment.span.overlap_seconds(span) <= 0 for span in taken):
            taken.append(moment.span)
            added.append(moment)
    return sorted(added, key=lambda m: m.span)
