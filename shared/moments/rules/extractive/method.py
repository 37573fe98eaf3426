"""Find the moments of a transcript without a model: topics, salience, and an optimal selection."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from shared.domain.spans import TimeSpan
from shared.domain.transcript import TimedTranscript
from shared.moments.rules.bounds import Bounds, MomentDraft
from shared.moments.rules.extractive.analysis import Analysis, analyse
from shared.moments.rules.extractive.salience import ranks, topic_words
from shared.moments.rules.extractive.scored_spans import place_spans, scored_spans, units_of
from shared.moments.rules.extractive.titles import title_of
from shared.moments.rules.gaps import Floats, Integers
from shared.moments.rules.packing import pack_spans
from shared.moments.rules.selection import select_spans
from shared.moments.rules.sentences import split_run, timed_words

METHOD = "extractive-1"
_MAX_WORD_UNITS = 4000


@dataclass(frozen=True, slots=True)
class _SelectedSpan:
    """A span, its words from `first_word` up to but excluding `stop_word`, and its score (<= 1)."""

    span: TimeSpan
    first_word: int
    stop_word: int
    score: float
    coverage: float


def find_moments(
    transcript: TimedTranscript,
    *,
    duration_seconds: float,
    bounds: Bounds,
    loudness: Sequence[float] | None = None,
) -> list[MomentDraft]:
    """Disjoint moments within the bounds, in time order; [] without speech.

    Fewer than `min_moments` only if the video has no room for more within the length bounds.
    `loudness` has evenly spaced values over the video, in any unit that grows with loudness.
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
    """As `find_moments`, and the ascending seconds at which the topic changes."""
    words = timed_words(transcript)
    if not any(w.text.strip() for w in words) or duration_seconds <= 0:
        return [], []
    analysis = analyse(transcript, words, duration_seconds, loudness)
    boundaries = _topic_boundaries(analysis)
    if bounds.max_moments == 0:
        return [], boundaries
    selected = _select_spans(analysis, bounds)
    weights = topic_words(analysis.sentences, analysis.topics)
    scores = _scores(np.array([one.score for one in selected]))
    moments = [
        _moment(analysis, one, score, weights) for one, score in zip(selected, scores, strict=True)
    ]
    return moments, boundaries


def _topic_boundaries(analysis: Analysis) -> list[float]:
    """The middle of the gap before each chapter except the first."""
    gaps = [analysis.sentences[int(i)].first_word for i in analysis.chapters[1:]]
    middles: list[float] = ((analysis.gaps.left[gaps] + analysis.gaps.right[gaps]) / 2).tolist()
    return middles


def _select_spans(analysis: Analysis, bounds: Bounds) -> list[_SelectedSpan]:
    """Select spans of sentences; if they are too few, of words; at last, pack as many as fit."""
    best = _select(analysis, _sentence_cuts(analysis, bounds), bounds)
    every = np.flatnonzero(analysis.gaps.is_open)
    if len(best) < bounds.min_moments and len(every) <= _MAX_WORD_UNITS:
        finer = _select(analysis, every, bounds)
        best = finer if len(finer) > len(best) else best
    if len(best) < bounds.min_moments:
        packed = pack_spans(analysis.gaps, bounds)
        if len(packed) > len(best):
            best = [_SelectedSpan(span, first, stop, 0.0, 0.0) for span, first, stop in packed]
    return best


def _sentence_cuts(analysis: Analysis, bounds: Bounds) -> Integers:
    """The gaps between sentences, and gaps inside sentences that are too long for a moment."""
    longest, words = bounds.max_length_seconds, analysis.words
    cuts = {0, len(words)}
    for sentence in analysis.sentences:
        runs = [(sentence.first_word, sentence.last_word)]
        if sentence.end_seconds - sentence.start_seconds > longest:
            runs = split_run(words, *runs[0], longest, len(words))
        cuts.update(last + 1 for _, last in runs)
    return np.array([c for c in sorted(cuts) if analysis.gaps.is_open[c]], dtype=np.int64)


def _select(analysis: Analysis, cuts: Integers, bounds: Bounds) -> list[_SelectedSpan]:
    """The best spans that begin and end at `cuts`."""
    if len(cuts) < 2:
        return []
    units = units_of(analysis, cuts)
    found = scored_spans(units, analysis, bounds)
    chosen = select_spans(
        found.first,
        found.last,
        found.value,
        unit_count=len(cuts) - 1,
        min_count=bounds.min_moments,
        max_count=bounds.max_moments,
    )
    places = place_spans(units, analysis, bounds, found.first[chosen], found.last[chosen])
    return [
        _SelectedSpan(
            TimeSpan(float(places.start_seconds[n]), float(places.end_seconds[n])),
            int(cuts[found.first[c]]),
            int(cuts[found.last[c] + 1]),
            float(found.score[c]),
            float(found.coverage[c]),
        )
        for n, c in enumerate(chosen)
    ]


def _scores(span_scores: Floats) -> list[int]:
    """Scores of 0..10, mostly from the span's own score, so that a dull video stays low.

    The rest is the rank of the span.
    """
    order = np.lexsort((np.arange(len(span_scores)), -span_scores))
    rank = np.empty(len(span_scores))
    rank[order] = ranks(-np.arange(len(span_scores), dtype=np.float64))
    scores = 10 * (0.65 * np.clip(span_scores / 0.9, 0.0, 1.0) + 0.3 * rank)
    return [int(score) for score in np.clip(np.rint(scores), 0, 10)]


def _moment(
    analysis: Analysis, selected: _SelectedSpan, score: int, weights: Sequence[Mapping[str, float]]
) -> MomentDraft:
    first = int(analysis.sentence_of_word[selected.first_word])
    last = int(analysis.sentence_of_word[selected.stop_word - 1])
    runs = [
        range(max(s.first_word, selected.first_word), min(s.last_word + 1, selected.stop_word))
        for s in analysis.sentences[first : last + 1]
    ]
    texts = [[analysis.words[i].text for i in run] for run in runs]
    silence = analysis.gaps.right - analysis.gaps.left
    pauses = [[float(silence[i + 1]) for i in run] for run in runs]
    token_weights: dict[str, float] = {}
    for topic in range(analysis.topics.of[first], analysis.topics.of[last] + 1):
        for token, weight in weights[topic].items():
            token_weights[token] = max(token_weights.get(token, 0.0), weight)
    return MomentDraft(
        selected.span,
        title_of(texts, token_weights, pauses),
        score,
        _reason(analysis, selected, first),
        first,
        last,
    )


def _reason(analysis: Analysis, selected: _SelectedSpan, first: int) -> str:
    """Why the span was selected, in one sentence."""
    topic, gap = int(analysis.topics.of[first]), selected.first_word
    pause = float(analysis.gaps.right[gap] - analysis.gaps.left[gap])
    facts = [f"{selected.coverage:.0%} of what matters in topic {topic + 1}"]
    if int(analysis.topics.first[topic]) == first:
        facts.append("begins with the topic")
    if selected.first_word and pause >= 0.7:
        facts.append(f"after a pause of {pause:.1f} s")
    return ", ".join(facts) + f"; quality {selected.score:.2f}."
