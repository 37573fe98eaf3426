"""Compare found spans with reference spans."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np

from shared.domain.spans import TimeSpan
from shared.domain.transcript import Word
from shared.moments.rules.gaps import Booleans, Floats

_TOUCHING_SECONDS = 1e-6


def overlaps(references: Sequence[TimeSpan], found: Sequence[TimeSpan]) -> Floats:
    """Intersection over union of each pair, 0..1, shape (references, found)."""
    table = np.zeros((len(references), len(found)))
    for i, one in enumerate(references):
        for j, other in enumerate(found):
            shared = one.overlap_seconds(other)
            table[i, j] = shared / (one.length_seconds + other.length_seconds - shared)
    return table


def match_count(allowed: Booleans) -> int:
    """The largest matching: the most pairs with each row and column in at most one.

    `allowed[i, j]` says that row i and column j may pair. Augmenting paths: Kuhn, "The Hungarian
    method for the assignment problem", 1955, without weights.
    """
    partner = np.full(allowed.shape[1], -1)
    return sum(_augmented(allowed, partner, row) for row in range(len(allowed)))


def _augmented(allowed: Booleans, partner: np.ndarray, row: int) -> bool:
    """Whether `row` found a partner. Follows an alternating path without recursion."""
    came_from: dict[int, int] = {}
    waiting = [row]
    seen: set[int] = set()
    while waiting:
        current = waiting.pop()
        for column in np.flatnonzero(allowed[current]).tolist():
            if column in seen:
                continue
            seen.add(column)
            came_from[column] = current
            if partner[column] < 0:
                _flip(partner, came_from, column, row)
                return True
            waiting.append(int(partner[column]))
    return False


def _flip(partner: np.ndarray, came_from: dict[int, int], column: int, row: int) -> None:
    while True:
        owner = came_from[column]
        previous = np.flatnonzero(partner == owner).tolist()
        partner[column] = owner
        if owner == row:
            return
        column = next(c for c in previous if c != column)


def mean_overlap(table: Floats) -> float:
    """The mean over references of the best overlap with any found span; 0 where none is found."""
    if not table.size:
        return 0.0
    return float(table.max(axis=1).mean())


def boundary_error_seconds(
    found: Sequence[TimeSpan], reference_edges: Sequence[float]
) -> float | None:
    """Mean seconds from each end of a found span to the nearest reference edge.

    None if nothing is found or there is no edge.
    """
    if not found or not len(reference_edges):
        return None
    ends = np.array([e for f in found for e in (f.start_seconds, f.end_seconds)])
    edges = np.asarray(reference_edges, dtype=np.float64)
    return float(np.abs(ends[:, None] - edges).min(axis=1).mean())


def cut_word_count(words: Sequence[Word], found: Sequence[TimeSpan]) -> int:
    """How many ends of found spans lie inside a word."""
    starts = np.array([w.start_seconds for w in words])
    ends = np.array([w.end_seconds for w in words])
    edges = [e for f in found for e in (f.start_seconds, f.end_seconds)]
    return sum(
        bool(np.any((starts + _TOUCHING_SECONDS < edge) & (edge < ends - _TOUCHING_SECONDS)))
        for edge in edges
    )


def segments_between(boundaries: Sequence[float], duration_seconds: float) -> list[TimeSpan]:
    """The nonempty segments into which boundaries cut 0..`duration_seconds`."""
    inner = sorted(b for b in boundaries if 0 < b < duration_seconds)
    edges = [0.0, *inner, duration_seconds]
    return [TimeSpan(a, b) for a, b in pairwise(edges) if b > a]
