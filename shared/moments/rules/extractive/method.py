"""Moments of a transcript without a model: topics, salience, and an optimal choice of spans."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from shared.domain.spans import TimeSpan
from shared.domain.transcript import TimedTranscript
from shared.moments.rules.bounds import Bounds, MomentDraft
from shared.moments.rules.extractive.analysis import Analysis, analyse
from shared.moments.rules.extractive.candidates import candidates_of, placed, units_of
from shared.moments.rules.extractive.salience import ranks, topic_words
from shared.moments.rules.extractive.titles import title_of
from shared.moments.rules.gaps import Floats, Integers
from shared.moments.rules.packing import pack_spans
from shared.moments.rules.selection import select_spans
from shared.moments.rules.sentences import split_run, timed_words

METHOD = "extractive-1"
_MAX_WORD_UNITS = 4000


@dataclass(frozen=True, slots=True)
class _Choice:
    """A chosen span, its words from `first_word` up to but without `stop_word`, its quality."""

    span: TimeSpan
    first_word: int
    stop_word: int
    quality: float
    coverage: float


def find_moments(
    transcript: TimedTranscript,
    *,
    duration_seconds: float,
    bounds: Bounds,
    loudness: Sequence[float] | None = None,
) -> list[MomentDraft]:
    """Moments in order of time, none overlapping, all within the bounds; none without speech.

    Fewer than `min_moments` only where the recording has no room for more under the length
    bounds. `loudness` is spread evenly over the recording, in any unit that grows with it.
    """
    moments, _ = moments_and_topics(
        transcript, duration_seconds=duration_seconds, bounds=bounds, loudness=loudness
    )
    return moments


def moments_and_topics(
    transcript: TimedTranscript,
    *,
    duration_seconds: float,
    bounds: Bounds,
    loudness: Sequence[float] | None = None,
) -> tuple[list[MomentDraft], list[float]]:
    """As `find_moments`; with them where the topic changes, in seconds, ascending."""
    words = timed_words(transcript)
    if not any(w.text.strip() for w in words) or duration_seconds <= 0:
        return [], []
    analysis = analyse(transcript, words, duration_seconds, loudness)
    boundaries = _topic_boundaries(analysis)
    if bounds.max_moments == 0:
        return [], boundaries
    choices = _choose(analysis, bounds)
    weights = topic_words(analysis.sentences, analysis.topics)
    scores = _scores(np.array([c.quality for c in choices]))
    moments = [
        _moment(analysis, choice, score, weights)
        for choice, score in zip(choices, scores, strict=True)
    ]
    return moments, boundaries


def _topic_boundaries(analysis: Analysis) -> list[float]:
    """The middle of the gap before each chapter but the first."""
    gaps = [analysis.sentences[int(i)].first_word for i in analysis.chapters[1:]]
    middles: list[float] = ((analysis.gaps.left[gaps] + analysis.gaps.right[gaps]) / 2).tolist()
    return middles


def _choose(analysis: Analysis, bounds: Bounds) -> list[_Choice]:
    """By sentences; where that gives too few, by words; where even that does, as many as fit."""
    best = _select(analysis, _sentence_cuts(analysis, bounds), bounds)
    every = np.flatnonzero(analysis.gaps.is_open)
    if len(best) < bounds.min_moments and len(every) <= _MAX_WORD_UNITS:
        finer = _select(analysis, every, bounds)
        best = finer if len(finer) > len(best) else best
    if len(best) < bounds.min_moments:
        packed = pack_spans(analysis.gaps, bounds)
        if len(packed) > len(best):
            best = [_Choice(span, first, stop, 0.0, 0.0) for span, first, stop in packed]
    return best


def _sentence_cuts(analysis: Analysis, bounds: Bounds) -> Integers:
    """The gaps between sentences, and inside those that are longer than a moment may be."""
    longest, words = bounds.max_length_seconds, analysis.words
    cuts = {0, len(words)}
    for sentence in analysis.sentences:
        runs = [(sentence.first_word, sentence.last_word)]
        if sentence.end_seconds - sentence.start_seconds > longest:
            runs = split_run(words, *runs[0], longest, len(words))
        cuts.update(last + 1 for _, last in runs)
    return np.array([c for c in sorted(cuts) if analysis.gaps.is_open[c]], dtype=np.int64)


def _select(analysis: Analysis, cuts: Integers, bounds: Bounds) -> list[_Choice]:
    """The best spans that begin and end at `cuts`."""
    if len(cuts) < 2:
        return []
    units = units_of(analysis, cuts)
    found = candidates_of(units, analysis, bounds)
    chosen = select_spans(
        found.first,
        found.last,
        found.value,
        unit_count=len(cuts) - 1,
        min_count=bounds.min_moments,
        max_count=bounds.max_moments,
    )
    spots = placed(units, analysis, bounds, found.first[chosen], found.last[chosen])
    return [
        _Choice(
            TimeSpan(float(spots.start_seconds[n]), float(spots.end_seconds[n])),
            int(cuts[found.first[c]]),
            int(cuts[found.last[c] + 1]),
            float(found.quality[c]),
            float(found.coverage[c]),
        )
        for n, c in enumerate(chosen)
    ]


def _scores(qualities: Floats) -> list[int]:
    """0..10: mostly the quality itself, so a dull recording stays low, then the place among all."""
    order = np.lexsort((np.arange(len(qualities)), -qualities))
    places = np.empty(len(qualities))
    places[order] = ranks(-np.arange(len(qualities), dtype=np.float64))
    marks = 10 * (0.65 * np.clip(qualities / 0.9, 0.0, 1.0) + 0.3 * places)
    return [int(mark) for mark in np.clip(np.rint(marks), 0, 10)]


def _moment(
    analysis: Analysis, choice: _Choice, score: int, weights: Sequence[Mapping[str, float]]
) -> MomentDraft:
    first = int(analysis.sentence_of_word[choice.first_word])
    last = int(analysis.sentence_of_word[choice.stop_word - 1])
    runs = [
        range(max(s.first_word, choice.first_word), min(s.last_word + 1, choice.stop_word))
        for s in analysis.sentences[first : last + 1]
    ]
    texts = [[analysis.words[i].text for i in run] for run in runs]
    silence = analysis.gaps.right - analysis.gaps.left
    pauses = [[float(silence[i + 1]) for i in run] for run in runs]
    telling: dict[str, float] = {}
    for topic in range(analysis.topics.of[first], analysis.topics.of[last] + 1):
        for token, weight in weights[topic].items():
            telling[token] = max(telling.get(token, 0.0), weight)
    return MomentDraft(
        choice.span,
        title_of(texts, telling, pauses),
        score,
        _reason(analysis, choice, first),
        first,
        last,
    )


def _reason(analysis: Analysis, choice: _Choice, first: int) -> str:
    """Why the span was chosen, in one sentence."""
    topic = int(analysis.topics.of[first])
    pause = float(analysis.gaps.right[choice.first_word] - analysis.gaps.left[choice.first_word])
    parts = [f"{choice.coverage:.0%} of what matters in topic {topic + 1}"]
    if int(analysis.topics.first[topic]) == first:
        parts.append("begins with the topic")
    if choice.first_word and pause >= 0.7:
        parts.append(f"after a pause of {pause:.1f} s")
    return ", ".join(parts) + f"; quality {choice.quality:.2f}."
