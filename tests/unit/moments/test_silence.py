"""Long silences inside speech."""

from __future__ import annotations

from shared.domain.transcript import Segment, TimedTranscript, Word
from shared.moments.rules.bounds import Bounds
from shared.moments.rules.extractive.method import find_moments

SAID = "This is an example of what a person may say before nothing at all is heard."


def _words(text: str, start_seconds: float) -> tuple[Word, ...]:
    return tuple(
        Word(word, start_seconds + number * 0.5, start_seconds + number * 0.5 + 0.4)
        for number, word in enumerate(text.split())
    )


def test_moments_end_before_a_long_silence() -> None:
    """A moment ends before twenty seconds of silence, whatever word follows."""
    words = (*_words(SAID, 1.0), *_words("Banana.", 30.0))
    segments = (Segment(SAID, 1.0, 9.0), Segment("Banana.", 30.0, 30.4))
    moments = find_moments(
        TimedTranscript("en", words, segments), duration_seconds=33.0, bounds=Bounds(5, 90, 1, 10)
    )
    assert moments
    assert moments[0].span.end_seconds < 15
    assert all(moment.span.length_seconds < 15 for moment in moments)
