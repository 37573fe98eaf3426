"""Examples of where a snap puts the ends of a span."""

from __future__ import annotations

import pytest

from shared.domain.spans import TimeSpan
from shared.domain.transcript import TimedTranscript, Word
from shared.moments.rules.bounds import Bounds
from shared.moments.rules.sentences import split_sentences
from shared.moments.rules.snapping import snap

SAID = "Bees live in hives. The queen lays eggs all day. Workers bring nectar home."
TEXTS = SAID.split()
WORDS = tuple(Word(text, 1.0 * i, 1.0 * i + 0.8) for i, text in enumerate(TEXTS))
SENTENCES = split_sentences(TimedTranscript("en", WORDS, ()))


def _snapped(start: float, end: float, shortest: float, longest: float) -> TimeSpan | None:
    bounds = Bounds(shortest, longest, 1, 1)
    return snap(TimeSpan(start, end), WORDS, SENTENCES, bounds=bounds, duration_seconds=15.0)


@pytest.mark.parametrize(
    ("start", "end", "longest", "first", "last"),
    [(4.5, 9.4, 20, 4, 9), (3.2, 8.5, 20, 4, 9), (0.3, 13.0, 20, 0, 13), (4.0, 8.7, 5, 4, 8)],
)
def test_snap_moves_ends_to_sentences_when_bounds_allow(
    start: float, end: float, longest: float, first: int, last: int
) -> None:
    """The nearest sentence edges win; if the bounds are too short for them, a gap between words."""
    found = _snapped(start, end, 1, longest)
    assert found is not None
    inside = [i for i, w in enumerate(WORDS) if w.end_seconds > found.start_seconds]
    assert inside[0] == first
    inside = [i for i, w in enumerate(WORDS) if w.start_seconds < found.end_seconds]
    assert inside[-1] == last


def test_snap_never_divides_overlapping_words() -> None:
    """Where two voices overlap, the cut waits until both are silent."""
    words = (Word("one", 0.0, 3.0), Word("two", 2.0, 5.0), Word("three", 6.0, 7.0))
    bounds = Bounds(1, 10, 1, 1)
    found = snap(TimeSpan(0.0, 3.0), words, (), bounds=bounds, duration_seconds=8.0)
    assert found is not None
    assert 5.0 <= found.end_seconds <= 6.0


def test_snap_returns_none_when_bounds_are_impossible() -> None:
    """No span is longer than the recording or shorter than any word."""
    assert _snapped(0, 5, 16, 20) is None
    assert _snapped(0, 5, 0.1, 0.2) is None
