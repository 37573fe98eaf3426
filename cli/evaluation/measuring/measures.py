"""The measures of one item and of a whole set."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np

from cli.evaluation.measuring.matching import (
    boundary_error_seconds,
    cut_word_count,
    match_count,
    mean_overlap,
    overlaps,
)
from cli.evaluation.measuring.segmentation import pk, positions, window_diff
from shared.domain.spans import TimeSpan
from shared.domain.transcript import Word


@dataclass(frozen=True, slots=True)
class Reference:
    """People's labels: moments, topic boundaries (seconds), or both. None: not labelled."""

    moments: tuple[TimeSpan, ...] | None
    topic_boundaries: tuple[float, ...] | None

    @property
    def edges(self) -> list[float]:
        """Every marked time, in seconds."""
        moments = self.moments or ()
        edges = {e for m in moments for e in (m.start_seconds, m.end_seconds)}
        return sorted(edges | set(self.topic_boundaries or ()))


@dataclass(frozen=True, slots=True)
class Proposal:
    """A generator's findings in one item, and their cost. Times in seconds.

    `cost` None: no price is known.
    """

    moments: tuple[TimeSpan, ...]
    topic_boundaries: tuple[float, ...] | None = None
    tokens: int = 0
    cost: float | None = 0.0
    seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class Measures:
    """A measure is None if the item's labels do not allow it, or if nothing was found.

    `recall_50` and `recall_70` are at IoU 0.5 and 0.7, pairs one to one; `precision` and `f1` are
    at 0.5. For a set, counts, cost and time are sums; the rest are means over items that have it.
    """

    recall_50: float | None = None
    recall_70: float | None = None
    precision: float | None = None
    f1: float | None = None
    mean_iou: float | None = None
    boundary_error_seconds: float | None = None
    pk: float | None = None
    window_diff: float | None = None
    cut_words: float | None = 0.0
    moments: float | None = 0.0
    cost: float | None = 0.0
    tokens: float | None = 0.0
    seconds: float | None = 0.0


NAMES = tuple(field.name for field in fields(Measures))
SUMS = frozenset({"cut_words", "moments", "cost", "tokens", "seconds"})
LOWER_IS_BETTER = frozenset(
    {"boundary_error_seconds", "pk", "window_diff", "cut_words", "cost", "tokens", "seconds"}
)


def measure(reference: Reference, proposal: Proposal, words: Sequence[Word]) -> Measures:
    """All measures of one item."""
    spans: dict[str, float | None] = {}
    if reference.moments is not None:
        spans = _span_measures(reference.moments, proposal.moments)
    segmented: dict[str, float | None] = {}
    if reference.topic_boundaries is not None and proposal.topic_boundaries is not None:
        marked = positions(reference.topic_boundaries, words)
        found = positions(proposal.topic_boundaries, words)
        segmented["pk"] = pk(marked, found, len(words))
        segmented["window_diff"] = window_diff(marked, found, len(words))
    return Measures(
        **spans,
        **segmented,
        boundary_error_seconds=boundary_error_seconds(proposal.moments, reference.edges),
        cut_words=cut_word_count(words, proposal.moments),
        moments=len(proposal.moments),
        cost=proposal.cost,
        tokens=proposal.tokens,
        seconds=proposal.seconds,
    )


def _span_measures(
    references: Sequence[TimeSpan], found: Sequence[TimeSpan]
) -> dict[str, float | None]:
    if not references:
        # With nothing to find, only precision is defined, and only if something was found.
        return {"precision": 0.0 if found else None}
    table = overlaps(references, found)
    matched = match_count(table >= 0.5)
    recall = matched / len(references)
    precision = matched / len(found) if found else 0.0
    return {
        "recall_50": recall,
        "recall_70": match_count(table >= 0.7) / len(references),
        "precision": precision,
        "f1": 2 * precision * recall / (precision + recall) if matched else 0.0,
        "mean_iou": mean_overlap(table),
    }


def total(items: Sequence[Measures]) -> Measures:
    """The measures of a whole set, with equal weight for each item."""
    return Measures(**{name: _of_all(items, name) for name in NAMES})


def _of_all(items: Sequence[Measures], name: str) -> float | None:
    values = [v for v in (getattr(item, name) for item in items) if v is not None]
    if name in SUMS:
        # A sum with unknown terms is unknown.
        return float(sum(values)) if len(values) == len(items) else None
    return float(np.mean(values)) if values else None
