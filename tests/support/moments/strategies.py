"""Any words that a recogniser could write, and any bounds, for property tests."""

from __future__ import annotations

from hypothesis import strategies as st

from shared.domain.transcript import Segment, TimedTranscript, Word
from shared.moments.rules.bounds import Bounds

_TEXTS = st.one_of(
    st.sampled_from(
        [
            "so",
            "the",
            "Bee",
            "hive.",
            "why?",
            "なぜ。",
            "蜜",
            "蜂。",
            "नहीं।",
            "كيف؟",
            "…",
            "3.",
            "Dr.",
        ]
    ),
    st.text(min_size=1, max_size=8),
)


@st.composite
def transcripts(draw: st.DrawFn) -> tuple[TimedTranscript, float]:
    """A transcript in order of start, and a duration that holds all of it."""
    parts = draw(
        st.lists(
            st.tuples(
                _TEXTS,
                st.sampled_from([0.0, 0.0, 0.05, 0.3, 0.7, 2.5, 20.0, -0.2]),
                st.sampled_from([0.0, 0.1, 0.35, 1.0, 4.0]),
            ),
            max_size=40,
        )
    )
    at = draw(st.floats(0, 5))
    words: list[Word] = []
    for text, gap, length in parts:
        start = max(words[-1].start_seconds if words else 0.0, at + gap)
        words.append(Word(text, start, start + length))
        at = start + length
    latest = max((w.end_seconds for w in words), default=0.0)
    segments: tuple[Segment, ...] = ()
    if words:
        text = " ".join(w.text for w in words)
        segments = (Segment(text, words[0].start_seconds, latest),)
    duration = latest + draw(st.sampled_from([0.0, 0.4, 30.0]))
    return TimedTranscript("en", tuple(words), segments), duration


@st.composite
def any_bounds(draw: st.DrawFn) -> Bounds:
    """Wide, narrow and exact ranges of lengths and counts."""
    shortest = draw(st.sampled_from([0.5, 1.0, 3.0, 5.0, 20.0]))
    spread = draw(st.sampled_from([0.0, 0.3, 5.0, 100.0]))
    least = draw(st.integers(0, 6))
    return Bounds(shortest, shortest + spread, least, least + draw(st.integers(0, 6)))


def cut_words(words: tuple[Word, ...], *times: float) -> list[Word]:
    """The words that contain one of the times."""
    return [w for w in words if any(w.start_seconds < t < w.end_seconds for t in times)]
