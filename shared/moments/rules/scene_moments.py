"""Find moments of a video without speech, from scene changes and loudness."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from shared.domain.footage import STEP_SECONDS, Footage
from shared.domain.spans import TimeSpan
from shared.moments.rules.bounds import Bounds
from shared.moments.rules.gaps import ROUNDING_SECONDS, Floats, Integers
from shared.moments.rules.scene_titles import scene_title
from shared.moments.rules.selection import select_spans
from shared.moments.rules.signals import Signals, signals_of

METHOD = "scenes-1"
_SCENE_BONUS = 2.0
"""The bonus for an edge at a scene change, in seconds of the greatest interest."""
_QUIET_BONUS = 0.5
_AMID_BONUS = -1.0
_LEAST_STEP_SECONDS = 1.0
_STEPS_PER_MOMENT = 60
_MOST_EDGES = 20_000


@dataclass(frozen=True, slots=True)
class SceneMoment:
    """`title` states only measurements; `score` is 0..10."""

    span: TimeSpan
    title: str
    score: int


@dataclass(frozen=True, slots=True)
class _Edges:
    """The ascending seconds at which a moment may begin or end, and the bonus of each."""

    seconds: Floats
    bonus: Floats


@dataclass(frozen=True, slots=True)
class _EdgePairs:
    """Spans from edge `first` to edge `last`, shape (pairs,) each.

    `value` is the objective of the selection, `interest` the mean interest of the span.
    """

    first: Integers
    last: Integers
    value: Floats
    interest: Floats


def find_scene_moments(footage: Footage, bounds: Bounds) -> list[SceneMoment]:
    """Disjoint moments within the bounds, in time order.

    [] if the picture does not change and no sound stands out, or if no span fits the bounds. Of
    all disjoint spans, selects those whose loudness, cuts and motion exceed the video's mean the
    most in total. The same footage always yields the same moments.
    """
    signals = signals_of(footage)
    interest = signals.interest
    if interest is None or float(interest.max()) <= 0 or footage.duration_seconds <= 0:
        return []
    edges = _edges(footage, signals, interest, bounds)
    found = _edge_pairs(edges, interest, bounds)
    chosen = select_spans(
        found.first,
        found.last - 1,
        found.value,
        unit_count=len(edges.seconds) - 1,
        min_count=bounds.min_moments,
        max_count=bounds.max_moments,
    )
    scores = _scores(found.interest[chosen])
    moments: list[SceneMoment] = []
    for choice, score in zip(chosen, scores, strict=True):
        start, end = edges.seconds[[found.first[choice], found.last[choice]]].tolist()
        span = TimeSpan(start, end)
        moments.append(SceneMoment(span, scene_title(span, footage, signals), score))
    return moments


def _edges(footage: Footage, signals: Signals, interest: Floats, bounds: Bounds) -> _Edges:
    """The ends of the video, its scene changes and quiet places, and a grid between them.

    The edges lie so close together that from each one some other is a permitted length away.
    """
    duration = footage.duration_seconds
    longest = min(bounds.max_length_seconds, duration)
    step = max(_LEAST_STEP_SECONDS, bounds.min_length_seconds / 2, longest / _STEPS_PER_MOMENT)
    if bounds.max_length_seconds - bounds.min_length_seconds < 2 * step:
        return _even_edges(duration, longest, step)
    known = {float(t): _QUIET_BONUS for t in signals.quiet if 0 < t < duration}
    known |= {float(t): _SCENE_BONUS for t in signals.scenes}
    ends = _SCENE_BONUS if len(signals.scenes) else 0.0
    known |= {0.0: ends, duration: ends}
    bonus = _thin_out(known, max(longest / _STEPS_PER_MOMENT, duration / _MOST_EDGES))
    for low, high in pairwise(sorted(bonus)):
        count = int(np.ceil((high - low) / step))
        for between in np.linspace(low, high, count + 1)[1:-1].tolist():
            index = min(len(interest) - 1, int(between / STEP_SECONDS))
            is_amid = len(signals.scenes) > 0 or interest[index] > 0
            bonus[between] = _AMID_BONUS if is_amid else 0.0
    seconds = sorted(bonus)
    return _Edges(np.array(seconds), np.array([bonus[t] for t in seconds]))


def _even_edges(duration: float, length: float, about: float) -> _Edges:
    """A grid of steps of `about` seconds that divide `length`, for bounds that fix the length."""
    step = length / max(1, round(length / about))
    seconds = np.arange(int(duration / step + 1e-9) + 1) * step
    return _Edges(np.minimum(seconds, duration), np.zeros(len(seconds)))


def _thin_out(bonus: dict[float, float], distance: float) -> dict[float, float]:
    """Of edges nearer than `distance` to one another keep the best; always keep the two ends."""
    first, *inner, last = sorted(bonus)
    kept = [first]
    for t in inner:
        if t - kept[-1] >= distance:
            kept.append(t)
        elif bonus[t] > bonus[kept[-1]] and len(kept) > 1:
            kept[-1] = t
    return {t: bonus[t] for t in [*kept, last]}


def _edge_pairs(edges: _Edges, interest: Floats, bounds: Bounds) -> _EdgePairs:
    """Every span between two edges whose length is within the bounds."""
    seconds = edges.seconds
    low = np.searchsorted(seconds, seconds + bounds.min_length_seconds - ROUNDING_SECONDS)
    high = np.searchsorted(
        seconds, seconds + bounds.max_length_seconds + ROUNDING_SECONDS, side="right"
    )
    low = np.maximum(low, np.arange(len(seconds)) + 1)
    counts = np.maximum(0, high - low)
    first = np.repeat(np.arange(len(seconds)), counts)
    last = np.concatenate(
        [np.arange(a, b) for a, b in zip(low, high, strict=True) if b > a]
        or [np.zeros(0, dtype=np.int64)]
    ).astype(np.int64)
    lengths = seconds[last] - seconds[first]
    sums = _integral(interest, seconds)
    inside = sums[last] - sums[first]
    mean = sums[-1] / seconds[-1]
    value = inside - mean * lengths + edges.bonus[first] + edges.bonus[last]
    return _EdgePairs(first, last, value, inside / np.maximum(lengths, ROUNDING_SECONDS))


def _integral(interest: Floats, seconds: Floats) -> Floats:
    """The integral of the interest from the beginning to each of `seconds`."""
    sums = np.concatenate([[0.0], np.cumsum(interest) * STEP_SECONDS])
    grid = np.arange(len(sums)) * STEP_SECONDS
    found: Floats = np.interp(seconds, grid, sums)
    return found


def _scores(interests: Floats) -> list[int]:
    """Scores of 0..10 from the mean interest of each moment (0.5 is much) and from its rank."""
    if not len(interests):
        return []
    order = np.lexsort((np.arange(len(interests)), -interests))
    rank = np.empty(len(interests))
    rank[order] = np.linspace(1.0, 0.0, len(interests)) if len(interests) > 1 else 1.0
    scores = 10 * (0.5 * np.clip(interests / 0.5, 0.0, 1.0) + 0.4 * rank)
    return [int(score) for score in np.clip(np.rint(scores), 0, 10)]
