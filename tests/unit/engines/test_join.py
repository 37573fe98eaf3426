"""The joining of slice transcripts, and the repair of word times before it."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.domain.transcript import Segment, TimedTranscript, Word
from shared.engines.speech.join import SliceTranscript, join
from shared.engines.speech.word_times import repair_times, split_at_pauses

EMPTY = TimedTranscript("und", (), ())


def slice_transcript(*words: tuple[str, float, float], language: str = "en") -> TimedTranscript:
    """A transcript of one segment."""
    spoken = tuple(Word(text, start, end, 0.5) for text, start, end in words)
    text = " ".join(w.text for w in spoken)
    return TimedTranscript(language, spoken, (Segment(text, words[0][1], words[-1][2]),))


def assert_sound(transcript: TimedTranscript, start_seconds: float, end_seconds: float) -> None:
    """Words and segments are in order, disjoint, of positive length and inside."""
    for items in (transcript.words, transcript.segments):
        at = start_seconds
        for item in items:
            assert at <= item.start_seconds < item.end_seconds <= end_seconds
            at = item.end_seconds


def test_join_shifts_times_to_the_recording() -> None:
    """A word one second into the second slice is at the start of that slice plus one second."""
    joined = join(
        [
            SliceTranscript(0, 300, slice_transcript(("first", 1, 2))),
            SliceTranscript(300, 312.5, slice_transcript(("last", 1, 2))),
        ]
    )
    assert [(w.text, w.start_seconds, w.end_seconds) for w in joined.words] == [
        ("first", 1, 2),
        ("last", 301, 302),
    ]
    assert [s.text for s in joined.segments] == ["first", "last"]


def test_join_accepts_slices_in_any_order_and_empty_ones() -> None:
    """The order of arrival does not matter, and a silent slice adds nothing."""
    slices = [
        SliceTranscript(20, 21, slice_transcript(("c", 0.1, 0.4))),
        SliceTranscript(0, 10, slice_transcript(("a", 1, 2))),
        SliceTranscript(10, 20, EMPTY),
    ]
    assert join(slices).full_text == "a c"


def test_join_keeps_every_word_at_its_place_past_100_minutes() -> None:
    """Each word keeps its time in 41 slices over 120 minutes, the short last one included."""
    slices = [
        SliceTranscript(i * 180, i * 180 + 180, slice_transcript((f"w{i}", 90, 91)))
        for i in range(40)
    ]
    slices.append(SliceTranscript(7200, 7203.2, slice_transcript(("end.", 1, 3))))
    joined = join(slices)
    assert [w.start_seconds for w in joined.words] == [i * 180 + 90 for i in range(40)] + [7201]
    assert joined.words[-1].text == "end."


def test_join_clamps_a_word_that_runs_past_its_slice() -> None:
    """Neither a word nor its segment reaches into the next slice."""
    joined = join(
        [
            SliceTranscript(0, 10, slice_transcript(("a", 9, 10.7))),
            SliceTranscript(10, 20, slice_transcript(("b", -0.2, 0.5))),
        ]
    )
    assert_sound(joined, 0, 20)
    assert joined.words[0].end_seconds == 10 == joined.words[1].start_seconds


def test_join_merges_a_word_cut_by_the_seam() -> None:
    """The same word right before and right after a seam becomes one, in the text too."""
    joined = join(
        [
            SliceTranscript(0, 10, slice_transcript(("the", 9, 9.4), ("Moon,", 9.5, 9.95))),
            SliceTranscript(10, 20, slice_transcript(("moon", 0.1, 0.4), ("rose", 0.6, 1))),
        ]
    )
    assert [w.text for w in joined.words] == ["the", "Moon,", "rose"]
    assert joined.full_text == "the Moon, rose"
    assert (joined.words[1].start_seconds, joined.words[1].end_seconds) == (9.5, 10.4)
    assert_sound(joined, 0, 20)


def test_join_drops_a_segment_that_held_only_the_cut_word() -> None:
    """A segment that loses its only word goes too."""
    joined = join(
        [
            SliceTranscript(0, 10, slice_transcript(("moon", 9.5, 10))),
            SliceTranscript(10, 20, slice_transcript(("moon", 0, 0.4))),
        ]
    )
    assert [s.text for s in joined.segments] == ["moon"]


@pytest.mark.parametrize(("end", "start"), [(9.5, 0.1), (9.9, 0.5)])
def test_join_keeps_a_word_said_twice_with_a_pause(end: float, start: float) -> None:
    """Equal words more than 0.3 s from the seam on one side stay two words."""
    joined = join(
        [
            SliceTranscript(0, 10, slice_transcript(("very", 9, end))),
            SliceTranscript(10, 20, slice_transcript(("very", start, start + 0.3))),
        ]
    )
    assert len(joined.words) == 2


def test_join_takes_the_language_with_the_most_words() -> None:
    """Words count, not slices; a tie goes to the first; silent slices do not count."""
    en = SliceTranscript(0, 10, slice_transcript(("a", 1, 2), ("b", 2, 3), language="en"))
    fr = SliceTranscript(10, 20, slice_transcript(("c", 1, 2), language="fr"))
    de = SliceTranscript(20, 30, slice_transcript(("d", 1, 2), language="de"))
    assert join([en, fr, de]).language == "en"
    assert join([fr, de]).language == "fr"
    assert join([SliceTranscript(0, 10, EMPTY), de]).language == "de"
    assert join([]).language == "und"


def test_join_refuses_overlapping_slices() -> None:
    """Two slices over the same audio are an error of the caller."""
    with pytest.raises(ValueError, match="overlap"):
        join([SliceTranscript(0, 10, EMPTY), SliceTranscript(9, 20, EMPTY)])


wild = st.floats(min_value=-5, max_value=400, allow_nan=False)


@st.composite
def slices(draw: st.DrawFn) -> list[SliceTranscript]:
    """Abutting slices whose words have any times; no text occurs twice."""
    pieces, start = [], 0.0
    for number in range(draw(st.integers(1, 5))):
        end = start + draw(st.floats(0.5, 300))
        words = tuple(
            Word(f"w{number}x{i}", draw(wild), draw(wild)) for i in range(draw(st.integers(0, 8)))
        )
        text = " ".join(w.text for w in words)
        segments = (Segment(text, draw(wild), draw(wild)),) if words else ()
        pieces.append(SliceTranscript(start, end, TimedTranscript("en", words, segments)))
        start = end
    return pieces


@given(slices())
def test_join_neither_loses_nor_doubles_a_word_whatever_its_times(
    pieces: list[SliceTranscript],
) -> None:
    """Each word and segment appears once, in order, of positive length, in its slice."""
    joined = join(pieces)
    assert [w.text for w in joined.words] == [
        w.text for piece in pieces for w in piece.transcript.words
    ]
    assert joined.full_text == " ".join(
        s.text for piece in pieces for s in piece.transcript.segments
    )
    assert_sound(joined, 0, pieces[-1].end_seconds)
    for piece in pieces:
        mine = {w.text for w in piece.transcript.words}
        for word in joined.words:
            if word.text in mine:
                assert piece.start_seconds <= word.start_seconds
                assert word.end_seconds <= piece.end_seconds


@given(
    st.lists(st.tuples(st.floats(), st.floats()), max_size=30),
    st.floats(0, 1e4),
    st.floats(0.001, 600),
)
def test_repair_orders_any_times_within_the_span(
    times: list[tuple[float, float]], start: float, length: float
) -> None:
    """Any floats, even infinities and NaN, become ordered, disjoint times in the span."""
    repaired = repair_times(times, start, start + length)
    assert len(repaired) == len(times)
    at = start
    for begin, end in repaired:
        assert at <= begin < end <= start + length
        at = end


def test_repair_leaves_good_times_alone() -> None:
    """Correct times do not move."""
    times = [(0.0, 0.4), (0.4, 0.9), (1.25, 2.0)]
    assert repair_times(times, 0, 2) == times


@given(st.lists(st.tuples(st.floats(0, 3), st.floats(0.05, 1)), max_size=60))
def test_pauses_split_words_into_runs(gaps: list[tuple[float, float]]) -> None:
    """Runs hold each word once, have no pause inside, and are short unless a single word."""
    words: list[Word] = []
    at = 0.0
    for gap, length in gaps:
        words.append(Word(str(len(words)), at + gap, at + gap + length))
        at += gap + length
    runs = split_at_pauses(words, pause_seconds=0.6, max_seconds=15)
    assert [w for run in runs for w in run] == words
    for run in runs:
        assert len(run) == 1 or run[-1].end_seconds - run[0].start_seconds <= 15
        assert all(b.start_seconds - a.end_seconds <= 0.6 for a, b in pairwise(run))
