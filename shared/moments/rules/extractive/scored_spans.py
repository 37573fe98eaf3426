"""Enumerate every span that may become a moment, and score it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from shared.moments.rules.bounds import Bounds
from shared.moments.rules.extractive.analysis import Analysis
from shared.moments.rules.gaps import Floats, Integers, Placement, place

_MAX_UNITS = 120
_SALIENCE, _COVERAGE, _EDGE, _CROSSING = 0.45, 0.35, 0.1, 0.4
_BROKEN_SENTENCE = 0.25
_IDLE, _PAUSE_SECONDS = 1.0, 2.0
_THRESHOLD = 0.43
"""A span below this score is selected only to reach the minimum number."""


@dataclass(frozen=True, slots=True)
class Units:
    """Indivisible runs of speech (sentences or less) between successive `cuts` (gap numbers).

    Each unit has the salience of its sentence, its length in seconds, its share of its topic's
    salience, its topic, and the idle seconds after it, i.e. the silence beyond a normal pause.
    `begins` and `ends` are the bonuses of a span that starts or ends with the unit.
    """

    cuts: Integers
    salience: Floats
    seconds: Floats
    share: Floats
    topic: Integers
    idle_seconds: Floats
    begins: Floats
    ends: Floats


@dataclass(frozen=True, slots=True)
class ScoredSpans:
    """Span c covers units `first[c]`..`last[c]`, both included.

    `score` is at most 1. `coverage` is the share of its topics' salience that the span covers.
    """

    first: Integers
    last: Integers
    score: Floats
    coverage: Floats

    @property
    def value(self) -> Floats:
        """The objective of the selection; a span below 0 serves only to reach the minimum."""
        return self.score - _THRESHOLD


def units_of(analysis: Analysis, cuts: Integers) -> Units:
    """The units between `cuts`, which are at least two open gaps in order."""
    sentence = analysis.sentence_of_word[cuts[:-1]]
    last = analysis.sentence_of_word[cuts[1:] - 1]
    topic = analysis.topics.of[sentence]
    seconds = np.maximum(1e-3, analysis.gaps.left[cuts[1:]] - analysis.gaps.right[cuts[:-1]])
    weight = seconds * (0.05 + analysis.salience[sentence])
    totals = np.bincount(topic, weights=weight, minlength=len(analysis.topics.first))
    opens = np.array([s.first_word for s in analysis.sentences])[sentence] == cuts[:-1]
    closes = np.array([s.last_word + 1 for s in analysis.sentences])[last] == cuts[1:]
    pauses = analysis.gaps.right[cuts[1:]] - analysis.gaps.left[cuts[1:]]
    before = np.append(1.0, analysis.pauses[:-1])[sentence]
    topic_opens = np.append(True, topic[1:] != topic[:-1])
    topic_closes = np.append(topic_opens[1:], True)
    return Units(
        cuts,
        analysis.salience[sentence],
        seconds,
        weight / totals[topic],
        topic,
        np.maximum(0.0, pauses - _PAUSE_SECONDS),
        np.where(opens, _EDGE * (0.8 * topic_opens + 0.2 * before), -_BROKEN_SENTENCE),
        np.where(
            closes,
            _EDGE * (0.8 * topic_closes + 0.2 * analysis.pauses[last]),
            -_BROKEN_SENTENCE,
        ),
    )


def place_spans(
    units: Units, analysis: Analysis, bounds: Bounds, first: Integers, last: Integers
) -> Placement:
    """The start and end of each span from unit `first` to unit `last`."""
    return place(
        analysis.gaps,
        units.cuts[first],
        units.cuts[last + 1],
        shortest_seconds=bounds.min_length_seconds,
        longest_seconds=bounds.max_length_seconds,
    )


def scored_spans(units: Units, analysis: Analysis, bounds: Bounds) -> ScoredSpans:
    """All spans within the length bounds of up to 120 units, and longer ones of whole topics."""
    pairs = np.concatenate([_short_runs(units, analysis, bounds), _topic_runs(units)])
    first, last = pairs[:, 0], pairs[:, 1]
    kept = place_spans(units, analysis, bounds, first, last).fits
    return _score(units, analysis, first[kept], last[kept])


def _short_runs(units: Units, analysis: Analysis, bounds: Bounds) -> Integers:
    """Pairs (first, last) whose words are no longer than the bounds allow, shape (pairs, 2)."""
    number = len(units.salience)
    stops = analysis.gaps.left[units.cuts[1:]]
    limits = analysis.gaps.right[units.cuts[:-1]] + bounds.max_length_seconds + 1e-6
    reach = np.searchsorted(stops, limits, side="right")
    reach = np.minimum(reach, np.arange(number) + _MAX_UNITS)
    sizes = np.maximum(0, reach - np.arange(number))
    first = np.repeat(np.arange(number), sizes)
    offset = np.arange(len(first)) - np.repeat(np.cumsum(sizes) - sizes, sizes)
    return np.stack([first, first + offset], axis=1)


def _topic_runs(units: Units) -> Integers:
    """Pairs (first, last) of more than 120 units that form whole topics, shape (pairs, 2)."""
    opens = np.flatnonzero(np.append(True, units.topic[1:] != units.topic[:-1]))
    closes = np.append(opens[1:], len(units.topic)) - 1
    first, last = (grid.ravel() for grid in np.meshgrid(opens, closes, indexing="ij"))
    long = last - first >= _MAX_UNITS
    return np.stack([first[long], last[long]], axis=1)


def _score(units: Units, analysis: Analysis, first: Integers, last: Integers) -> ScoredSpans:
    """Reward salience and coverage of topics; penalise topic boundaries inside and idle time."""
    crossed = np.cumsum(analysis.topics.strength)
    seconds = _sums(units.seconds, first, last)
    salience = _sums(units.salience * units.seconds, first, last) / seconds
    topics = units.topic[last] - units.topic[first] + 1
    coverage = _sums(units.share, first, last) / topics
    crossing = crossed[units.topic[last]] - crossed[units.topic[first]]
    score = _SALIENCE * salience + _COVERAGE * coverage - _CROSSING * crossing
    idle = _sums(units.idle_seconds, first, last) - units.idle_seconds[last]
    score -= _IDLE * idle / (idle + seconds)
    score = score + units.begins[first] + units.ends[last]
    return ScoredSpans(first, last, score, coverage)


def _sums(values: Floats, first: Integers, last: Integers) -> Floats:
    total = np.append(0.0, np.cumsum(values))
    sums: Floats = total[last + 1] - total[first]
    return sums
