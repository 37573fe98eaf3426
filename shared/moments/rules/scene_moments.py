"""Moments of a recording in which nobody speaks, from scene changes and loudness."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from shared.domain.footage import STEP_SECONDS, Footage
from shared.domain.spans import TimeSpan
from shared.moments.rules.activity import Signals, signals_of
from shared.moments.rules.bounds import Bounds
from shared.moments.rules.gaps import ROUNDING_SECONDS, Floats, Integers
from shared.moments.rules.selection import select_spans

METHOD = "scenes-1"
_SCENE_WORTH = 2.0
"""Beginning or ending with a scene is worth so many seconds of the greatest interest."""
_QUIET_WORTH = 0.5
_AMID_WORTH = -1.0
_LEAST_PIECE_SECONDS = 1.0
_PIECES_A_MOMENT = 60
_MOST_PIECES = 20_000


@dataclass(frozen=True, slots=True)
class SceneMoment:
    """`title` says what was measured and nothing else; `score` is 0..10."""

    span: TimeSpan
    title: str
    score: int


@dataclass(frozen=True, slots=True)
class _Edges:
    """Where a moment may begin or end, ascending seconds, and what each is worth."""

    seconds: Floats
    worth: Floats


@dataclass(frozen=True, slots=True)
class _Candidates:
    """Stretches from edge `first` to edge `last`, shape (candidates,) each."""

    first: Integers
    last: Integers
    value: Floats
    quality: Floats


def find_scene_moments(footage: Footage, bounds: Bounds) -> list[SceneMoment]:
    """Moments in order of time, none overlapping, all within the bounds.

    None where the picture does not change and no sound stands out, or nothing fits. The interest
    of a stretch is how far loudness, cuts and motion lie above their mean over the recording;
    chosen are the stretches of the greatest sum that do not overlap. The same footage always gives
    the same moments.
    """
    signals = signals_of(footage)
    interest = signals.interest
    if interest is None or float(interest.max()) <= 0 or footage.duration_seconds <= 0:
        return []
    edges = _edges(footage, signals, interest, bounds)
    found = _candidates(edges, interest, bounds)
    chosen = select_spans(
        found.first,
        found.last - 1,
        found.value,
        unit_count=len(edges.seconds) - 1,
        min_count=bounds.min_moments,
        max_count=bounds.max_moments,
    )
    scores = _scores(found.quality[chosen])
    moments: list[SceneMoment] = []
    for choice, score in zip(chosen, scores, strict=True):
        start, end = edges.seconds[[found.first[choice], found.last[choice]]].tolist()
        span = TimeSpan(start, end)
        moments.append(SceneMoment(span, _title(span, footage, signals), score))
    return moments


def _edges(footage: Footage, signals: Signals, interest: Floats, bounds: Bounds) -> _Edges:
    """The ends of the recording, scenes and quiet places, and places between where these are rare.

    They lie so close that from each some other is a permitted length away.
    """
    duration = footage.duration_seconds
    longest = min(bounds.max_length_seconds, duration)
    piece = max(_LEAST_PIECE_SECONDS, bounds.min_length_seconds / 2, longest / _PIECES_A_MOMENT)
    if bounds.max_length_seconds - bounds.min_length_seconds < 2 * piece:
        return _even_edges(duration, longest, piece)
    known = {float(t): _QUIET_WORTH for t in signals.quiet if 0 < t < duration}
    known |= {float(t): _SCENE_WORTH for t in signals.scenes}
    ends = _SCENE_WORTH if len(signals.scenes) else 0.0
    known |= {0.0: ends, duration: ends}
    worth = _thinned(known, max(longest / _PIECES_A_MOMENT, duration / _MOST_PIECES))
    for low, high in pairwise(sorted(worth)):
        parts = int(np.ceil((high - low) / piece))
        for between in np.linspace(low, high, parts + 1)[1:-1].tolist():
            at = min(len(interest) - 1, int(between / STEP_SECONDS))
            amid = len(signals.scenes) > 0 or interest[at] > 0
            worth[between] = _AMID_WORTH if amid else 0.0
    seconds = sorted(worth)
    return _Edges(np.array(seconds), np.array([worth[t] for t in seconds]))


def _even_edges(duration: float, length: float, piece: float) -> _Edges:
    """Bounds that allow hardly any choice of length: an even grid that has this length."""
    step = length / max(1, round(length / piece))
    seconds = np.arange(int(duration / step + 1e-9) + 1) * step
    return _Edges(np.minimum(seconds, duration), np.zeros(len(seconds)))


def _thinned(worth: dict[float, float], apart: float) -> dict[float, float]:
    """The most worthy of those nearer than `apart` to one another; the two ends always."""
    first, *inner, last = sorted(worth)
    kept = [first]
    for t in inner:
        if t - kept[-1] >= apart:
            kept.append(t)
        elif worth[t] > worth[kept[-1]] and len(kept) > 1:
            kept[-1] = t
    return {t: worth[t] for t in [*kept, last]}


def _candidates(edges: _Edges, interest: Floats, bounds: Bounds) -> _Candidates:
    """Every stretch between two edges that keeps the bounds on its length."""
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
    value = inside - mean * lengths + edges.worth[first] + edges.worth[last]
    return _Candidates(first, last, value, inside / np.maximum(lengths, ROUNDING_SECONDS))


def _integral(interest: Floats, seconds: Floats) -> Floats:
    """Interest times seconds from the beginning up to each of `seconds`."""
    sums = np.concatenate([[0.0], np.cumsum(interest) * STEP_SECONDS])
    grid = np.arange(len(sums)) * STEP_SECONDS
    found: Floats = np.interp(seconds, grid, sums)
    return found


def _scores(qualities: Floats) -> list[int]:
    """0..10: half the mean interest, of which 0.5 is much, half the place among all."""
    if not len(qualities):
        return []
    order = np.lexsort((np.arange(len(qualities)), -qualities))
    place = np.empty(len(qualities))
    place[order] = np.linspace(1.0, 0.0, len(qualities)) if len(qualities) > 1 else 1.0
    marks = 10 * (0.5 * np.clip(qualities / 0.5, 0.0, 1.0) + 0.4 * place)
    return [int(mark) for mark in np.clip(np.rint(marks), 0, 10)]


def _title(span: TimeSpan, footage: Footage, signals: Signals) -> str:
    """Where it is and what was measured there."""
    begins = bool(np.any(np.abs(signals.scenes - span.start_seconds) < 1e-6))
    what = "Scene" if footage.pictures and (begins or span.start_seconds == 0) else "Passage"
    told = [
        _told_loudness(span, footage, signals),
        _told_scenes(span, signals),
        _told_motion(span, signals),
    ]
    facts = ", ".join(fact for fact in told if fact)
    head = f"{what} at {clock(span.start_seconds)}"
    return f"{head}: {facts}" if facts else head


def _told_loudness(span: TimeSpan, footage: Footage, signals: Signals) -> str:
    if signals.loudness is None:
        return ""
    levels: Sequence[float] = footage.loudness_db
    low = int(np.ceil(span.start_seconds / STEP_SECONDS - 1e-9))
    high = int(span.end_seconds / STEP_SECONDS + 1e-9)
    inside = levels[low:high]
    if not inside or float(np.max(signals.loudness[low:high])) <= 0:
        return ""
    peak = low + int(np.argmax(inside))
    at = clock(peak * STEP_SECONDS)
    return f"the loudest part, at {at}" if peak == np.argmax(levels) else f"loudest at {at}"


def _told_scenes(span: TimeSpan, signals: Signals) -> str:
    inside = (signals.scenes > span.start_seconds) & (signals.scenes < span.end_seconds)
    count = int(inside.sum())
    return f"{count} scene change{'s' * (count != 1)}" if count else ""


def _told_motion(span: TimeSpan, signals: Signals) -> str:
    if signals.motion is None:
        return ""
    low = int(span.start_seconds / STEP_SECONDS)
    high = max(low + 1, int(span.end_seconds / STEP_SECONDS))
    moves = signals.motion[low:high].mean() > signals.motion.mean()
    return "much movement" if moves else ""


def clock(seconds: float) -> str:
    """`1:02:03`, or `2:03` within the first hour."""
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"
