"""Properties of every moment and every snap, for any words and any bounds."""

from __future__ import annotations

from itertools import combinations, pairwise

import numpy as np
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from shared.domain.spans import TimeSpan
from shared.domain.transcript import TimedTranscript
from shared.moments.rules.bounds import Bounds
from shared.moments.rules.extractive.method import find_moments
from shared.moments.rules.gaps import WordGaps, word_gaps
from shared.moments.rules.sentences import split_sentences
from shared.moments.rules.snapping import snap
from tests.support.moments.strategies import any_bounds, cut_words, transcripts

Recording = tuple[TimedTranscript, float]


@settings(max_examples=200, deadline=None)
@given(transcripts(), any_bounds())
def test_moments_keep_every_bound(recording: Recording, bounds: Bounds) -> None:
    """Lengths, count and order hold; no word is cut, no moments overlap, all lie inside."""
    transcript, duration = recording
    moments = find_moments(transcript, duration_seconds=duration, bounds=bounds)
    assert len(moments) <= bounds.max_moments
    for moment in moments:
        span = moment.span
        assert _within(span, bounds)
        assert span.end_seconds <= duration
        assert not cut_words(transcript.words, span.start_seconds, span.end_seconds)
        assert 1 <= len(moment.title) <= 500
        assert 0 <= moment.score <= 10
        assert 0 <= moment.first_sentence <= moment.last_sentence
    assert all(a.span.end_seconds <= b.span.start_seconds for a, b in pairwise(moments))
    assert moments == find_moments(transcript, duration_seconds=duration, bounds=bounds)


@settings(max_examples=200, deadline=None)
@given(transcripts(), any_bounds(), st.floats(0, 60), st.floats(0.1, 60))
def test_snap_cuts_no_word_and_is_idempotent(
    recording: Recording, bounds: Bounds, start: float, length: float
) -> None:
    """A snapped span keeps the bounds, cuts no word and snaps to itself."""
    transcript, duration = recording
    sentences = split_sentences(transcript)
    span = TimeSpan(start, start + length)
    found = snap(span, transcript.words, sentences, bounds=bounds, duration_seconds=duration)
    if found is None:
        return
    assert _within(found, bounds)
    assert found.end_seconds <= duration
    assert not cut_words(transcript.words, found.start_seconds, found.end_seconds)
    again = snap(found, transcript.words, sentences, bounds=bounds, duration_seconds=duration)
    assert again == found


@settings(max_examples=200, deadline=None)
@given(transcripts(), any_bounds())
def test_snap_fails_only_where_no_span_exists(recording: Recording, bounds: Bounds) -> None:
    """None means that no pair of gaps encloses a word and has an allowed length."""
    transcript, duration = recording
    assume(transcript.words and duration > 0)
    gaps = word_gaps(transcript.words, duration)
    sentences = split_sentences(transcript)
    found = snap(
        TimeSpan(0, 10), transcript.words, sentences, bounds=bounds, duration_seconds=duration
    )
    if found is None:
        assert not _some_span_fits(gaps, bounds, -1e-8)
    else:
        assert _some_span_fits(gaps, bounds, 1e-8)


def _within(span: TimeSpan, bounds: Bounds) -> bool:
    low, high = bounds.min_length_seconds, bounds.max_length_seconds
    # A difference of floats cannot meet every bound to its last bit.
    rounding = 2e-9
    return low - rounding <= span.length_seconds <= high + rounding


def _some_span_fits(gaps: WordGaps, bounds: Bounds, slack: float) -> bool:
    is_open = np.flatnonzero(gaps.is_open)
    return any(
        max(gaps.left[b] - gaps.right[a], bounds.min_length_seconds)
        <= min(gaps.right[b] - gaps.left[a], bounds.max_length_seconds) + slack
        for a, b in combinations(is_open.tolist(), 2)
    )


@settings(max_examples=200, deadline=None)
@given(transcripts())
def test_sentences_hold_every_word_once(recording: Recording) -> None:
    """Sentences are numbered in order and divide the words without loss or overlap."""
    transcript, _ = recording
    sentences = split_sentences(transcript, max_seconds=6, max_words=12)
    indices = [i for s in sentences for i in range(s.first_word, s.last_word + 1)]
    assert indices == list(range(len(transcript.words)))
    assert [s.number for s in sentences] == list(range(len(sentences)))
    for sentence in sentences:
        assert sentence.last_word - sentence.first_word < 12
        alone = sentence.first_word == sentence.last_word
        assert alone or sentence.end_seconds - sentence.start_seconds <= 6 + 1e-9
