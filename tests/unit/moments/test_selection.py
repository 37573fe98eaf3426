"""The selection of spans is the best possible, and as large as the room allows."""

from __future__ import annotations

from itertools import combinations, pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.domain.transcript import Segment, TimedTranscript, Word
from shared.moments.rules.bounds import Bounds
from shared.moments.rules.extractive.method import find_moments
from shared.moments.rules.selection import select_spans

Candidate = tuple[int, int, int]


@st.composite
def _candidates(draw: st.DrawFn) -> list[Candidate]:
    ends = st.tuples(st.integers(0, 7), st.integers(0, 7), st.integers(-5, 9))
    return [(min(a, b), max(a, b), v) for a, b, v in draw(st.lists(ends, max_size=9))]


def _brute_force(candidates: list[Candidate], least: int, most: int) -> tuple[int, int]:
    """Count and total value of the best selection, by trying every one."""
    totals: dict[int, int] = {}
    for size in range(most + 1):
        for chosen in combinations(sorted(candidates), size):
            if all(a[1] < b[0] for a, b in pairwise(chosen)):
                total = sum(c[2] for c in chosen)
                totals[size] = max(total, totals.get(size, total))
    allowed = {k: v for k, v in totals.items() if k >= min(least, max(totals))}
    best = max(allowed, key=lambda k: (allowed[k], -k))
    return best, allowed[best]


@settings(max_examples=400, deadline=None)
@given(_candidates(), st.integers(0, 4), st.integers(0, 4))
def test_selection_equals_brute_force(candidates: list[Candidate], least: int, more: int) -> None:
    """The dynamic programme finds the same count and total as trying every selection."""
    first, last, value = (np.array([c[i] for c in candidates], dtype=np.int64) for i in range(3))
    chosen = select_spans(
        first, last, value.astype(float), unit_count=8, min_count=least, max_count=least + more
    )
    spans = [candidates[c] for c in chosen]
    assert all(a[1] < b[0] for a, b in pairwise(spans))
    assert (len(spans), sum(s[2] for s in spans)) == _brute_force(candidates, least, least + more)


def _steady(count: int) -> TimedTranscript:
    """Words of one second without a pause or a punctuation mark."""
    words = tuple(Word(f"word{i % 7}", float(i), float(i + 1)) for i in range(count))
    return TimedTranscript("en", words, (Segment("x", 0.0, float(count)),))


@pytest.mark.parametrize(("shortest", "longest", "expected"), [(7, 8, 8), (20, 20, 3), (61, 90, 0)])
def test_moments_reach_the_least_count_when_words_allow_it(
    shortest: int, longest: int, expected: int
) -> None:
    """The count is reached even if no sentence boundaries allow it."""
    bounds = Bounds(shortest, longest, 50, 50)
    found = find_moments(_steady(60), duration_seconds=60, bounds=bounds)
    assert len(found) == expected


def test_moments_of_a_short_clip_of_one_sentence_are_one() -> None:
    """All of an 11 s clip's speech is one moment."""
    said = "And so my fellow citizens ask not what this town can do for you"
    texts = said.split()
    words = tuple(Word(t, 0.3 + 0.7 * i, 0.8 + 0.7 * i) for i, t in enumerate(texts))
    transcript = TimedTranscript(
        "en", words, (Segment(" ".join(texts), 0.3, words[-1].end_seconds),)
    )
    [moment] = find_moments(transcript, duration_seconds=11, bounds=Bounds(5, 60, 1, 10))
    assert moment.span.start_seconds <= words[0].start_seconds
    assert moment.span.end_seconds >= words[-1].end_seconds


@pytest.mark.parametrize("words", [(), (Word(" ", 0.0, 1.0),)])
def test_moments_are_none_without_speech(words: tuple[Word, ...]) -> None:
    """Silence gives no moment."""
    transcript = TimedTranscript("en", words, ())
    assert find_moments(transcript, duration_seconds=60, bounds=Bounds(5, 60, 1, 10)) == []


@settings(max_examples=200, deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 3), st.integers(1, 5)), min_size=1, max_size=12),
    st.integers(1, 8),
    st.integers(0, 6),
)
def test_moments_are_fewer_than_requested_only_when_no_more_fit(
    parts: list[tuple[int, int]], shortest: int, spread: int
) -> None:
    """On whole seconds, brute force confirms the greatest possible count."""
    at, words = 0, []
    for gap, length in parts:
        words.append(Word("bee", float(at + gap), float(at + gap + length)))
        at += gap + length
    duration = at + 2
    transcript = TimedTranscript("en", tuple(words), ())
    found = find_moments(
        transcript,
        duration_seconds=duration,
        bounds=Bounds(shortest, shortest + spread, 99, 99),
    )
    assert len(found) == _room(words, duration, shortest, shortest + spread)


def _room(words: list[Word], duration: int, shortest: int, longest: int) -> int:
    """The greatest number of allowed spans with a word in each, by trying all whole seconds."""
    free = [
        not any(w.start_seconds < t < w.end_seconds for w in words) for t in range(duration + 1)
    ]
    most = [0] * (duration + 1)
    for end in range(1, duration + 1):
        most[end] = most[end - 1]
        for start in range(max(0, end - longest), end - shortest + 1):
            inside = any(start <= w.start_seconds and w.end_seconds <= end for w in words)
            if free[start] and free[end] and inside:
                most[end] = max(most[end], most[start] + 1)
    return most[duration]
