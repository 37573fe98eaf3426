"""Compute scores of 0..10 from sub-scores and rank, and select moments by them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from shared.domain.spans import TimeSpan
from shared.domain.transcript import Word
from shared.moments.rules.bounds import Bounds, MomentDraft
from shared.moments.rules.deduplication import Candidate
from shared.moments.rules.selection import select_spans

CRITERIA = ("hook", "substance", "clarity", "emotion", "completeness")
_RANK_SHARE = 0.4
_LEAST_SCORE = 2.0
"""A moment below this score is selected only to reach the minimum number."""


def weighted_score(sub_scores: Mapping[str, int], weights: Mapping[str, float]) -> float:
    """The weighted mean of the sub-scores, 0..10; a missing one counts as 0."""
    total = sum(weights.get(name, 0.0) for name in CRITERIA)
    if total <= 0:
        return 0.0
    return (
        sum(min(10, max(0, sub_scores.get(name, 0))) * weights.get(name, 0.0) for name in CRITERIA)
        / total
    )


def complete_order(given: Sequence[int], keys: Sequence[int]) -> list[int] | None:
    """All of `keys` in the order that a model gave; missing ones come last, in their own order.

    Unknown and repeated keys are dropped. None if the model named less than half of the keys.
    """
    known = set(keys)
    order = list(dict.fromkeys(key for key in given if key in known))
    if 2 * len(order) < len(keys):
        return None
    return order + [key for key in keys if key not in set(order)]


def combined_scores(scores: Mapping[int, float], order: Sequence[int]) -> dict[int, float]:
    """Combine each key's score with its rank into one score of 0..10.

    Small models give nearly everything the same sub-scores. They compare better than they score,
    so the rank keeps the scores apart.
    """
    last = max(1, len(order) - 1)
    return {
        key: scores[key]
        if len(order) == 1
        else (1 - _RANK_SHARE) * scores[key] + _RANK_SHARE * 10 * (1 - rank / last)
        for rank, key in enumerate(order)
    }


def rounded_score(score: float) -> int:
    """The score as a whole number of 0..10."""
    return int(min(10, max(0, round(score))))


def select_candidates(
    candidates: Sequence[Candidate],
    scores: Mapping[int, float],
    words: Sequence[Word],
    bounds: Bounds,
) -> list[int]:
    """The keys of the best candidates that share no word, in time order.

    At most `max_moments`, and at least `min_moments` if that many fit together.
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
        np.array([scores[c.key] - _LEAST_SCORE for c in candidates]),
        unit_count=len(words),
        min_count=bounds.min_moments,
        max_count=bounds.max_moments,
    )
    return [candidates[c].key for c in _disjoint([candidates[c].span for c in chosen], chosen)]


def _disjoint(spans: Sequence[TimeSpan], keys: Sequence[int]) -> list[int]:
    """Drop spans that overlap the previous one, although they share no middle of a word."""
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
    """The best of `others`, at most `count`, that overlap neither `chosen` nor one another."""
    taken = list(chosen)
    added: list[MomentDraft] = []
    for moment in sorted(others, key=lambda m: (-m.score, m.span)):
        if len(added) == count:
            break
        if all(moment.span.overlap_seconds(span) <= 0 for span in taken):
            taken.append(moment.span)
            added.append(moment)
    return sorted(added, key=lambda m: m.span)
