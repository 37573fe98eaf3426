"""Baselines that any generator must beat: blind cuts, and TextTiling."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise

import numpy as np

from cli.evaluation.measuring.matching import segments_between
from cli.evaluation.measuring.texttiling import text_tiling
from shared.domain.spans import TimeSpan
from shared.domain.transcript import Word
from shared.moments.rules.bounds import Bounds


def equal_boundaries(duration_seconds: float, segments: int) -> list[float]:
    """Boundaries between `segments` segments of equal length."""
    return [float(t) for t in np.linspace(0, duration_seconds, max(1, segments) + 1)[1:-1]]


def random_boundaries(duration_seconds: float, segments: int, seed: int) -> list[float]:
    """Boundaries between `segments` segments of random length, fixed by the seed."""
    random = np.random.default_rng(seed)
    return sorted(float(t) for t in random.uniform(0, duration_seconds, max(1, segments) - 1))


def tiled_boundaries(words: Sequence[Word]) -> list[float]:
    """TextTiling's topic boundaries, each in the middle of the gap between two words."""
    cuts = text_tiling([w.text for w in words])
    return [(words[c - 1].end_seconds + words[c].start_seconds) / 2 for c in cuts]


def moments_within(
    boundaries: Sequence[float], duration_seconds: float, bounds: Bounds
) -> list[TimeSpan]:
    """The segments between boundaries as moments within the bounds.

    A short segment joins the next one; a long one is cut into equal parts. Of more than
    `max_moments`, an even spread remains.
    """
    edges = [0.0]
    for segment in segments_between(boundaries, duration_seconds):
        if segment.end_seconds - edges[-1] >= bounds.min_length_seconds:
            edges += _cuts(edges[-1], segment.end_seconds, bounds)
    spans = [TimeSpan(a, b) for a, b in pairwise(edges)]
    if len(spans) <= bounds.max_moments:
        return spans
    kept = np.linspace(0, len(spans) - 1, bounds.max_moments).round().astype(int)
    return [spans[i] for i in kept]


def _cuts(start: float, end: float, bounds: Bounds) -> list[float]:
    parts = max(1, math.ceil((end - start) / bounds.max_length_seconds - 1e-9))
    return [float(t) for t in np.linspace(start, end, parts + 1)[1:]]
