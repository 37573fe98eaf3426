"""A proposal becomes a span or a fault, for any words and any proposal."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.domain.spans import TimeSpan
from shared.moments.rules.bounds import Bounds
from shared.moments.rules.proposals import (
    Accepted,
    Proposal,
    Rejected,
    check_proposal,
    clean_title,
    occurs,
)
from shared.moments.rules.script import Script
from shared.moments.rules.snapping import snap
from shared.moments.rules.windows import Window
from tests.support.llm.runs import talk
from tests.support.moments.strategies import transcripts

BOUNDS = Bounds(3.0, 40.0, 0, 5)
SCRIPT = Script.of(talk(60, seed=4), 400.0)
WHOLE = Window(0, len(SCRIPT.sentences) - 1)


def proposal(first: int, last: int, **changes: str) -> Proposal:
    """A sound proposal with these changes."""
    said = SCRIPT.sentences[min(max(first, 0), WHOLE.last)].text
    values = {"quote": said, "title": "A title", "reason": "r", **changes}
    return Proposal(first, last, sub_scores={}, **values)


@settings(max_examples=150, deadline=None)
@given(transcripts(), st.data())
def test_place_keeps_every_bound_for_any_proposal(
    found: tuple[object, float], data: st.DataObject
) -> None:
    """No word is cut, bounds and order hold, and placing the same ids again gives the same span."""
    transcript, duration = found
    script = Script.of(transcript, duration)  # type: ignore[arg-type]
    if not script.sentences:
        return
    number = st.integers(-2, len(script.sentences) + 2)
    first, last = data.draw(number), data.draw(number)
    low = data.draw(st.floats(0.1, 20))
    bounds = Bounds(low, low + data.draw(st.floats(0, 60)), 0, 5)
    quote = script.text(max(first, 0), max(last, 0)) or "x"
    window = Window(0, len(script.sentences) - 1)
    result = check_proposal(Proposal(first, last, quote, "t", "r"), script, window, bounds)
    if isinstance(result, Rejected):
        assert result.code
        assert result.reason.endswith(".")
        return
    assert 0 <= first <= last < len(script.sentences)
    span = result.span
    assert (
        bounds.min_length_seconds - 1e-6 <= span.length_seconds <= bounds.max_length_seconds + 1e-6
    )
    assert 0 <= span.start_seconds < span.end_seconds <= duration + 1e-9
    for word in script.words:
        begin, end = max(0.0, word.start_seconds), min(duration, word.end_seconds)
        for cut in (span.start_seconds, span.end_seconds):
            assert not begin + 1e-9 < cut < end - 1e-9
    assert check_proposal(result.proposal, script, window, bounds) == result
    again = snap(span, script.words, script.sentences, bounds=bounds, duration_seconds=duration)
    assert again is not None
    assert abs(again.start_seconds - span.start_seconds) < 1e-6
    assert abs(again.end_seconds - span.end_seconds) < 1e-6


@pytest.mark.parametrize("first", range(0, 50, 3))
def test_snap_among_nearby_sentences_equals_snap_among_all(first: int) -> None:
    """The search of nearby sentences finds the same span as the search of all."""
    result = check_proposal(proposal(first, first + 3), SCRIPT, WHOLE, BOUNDS)
    assert isinstance(result, Accepted)
    begin, end = SCRIPT.sentences[first], SCRIPT.sentences[first + 3]
    everywhere = snap(
        TimeSpan(begin.start_seconds, end.end_seconds),
        SCRIPT.words,
        SCRIPT.sentences,
        bounds=BOUNDS,
        duration_seconds=SCRIPT.duration_seconds,
    )
    assert result.span == everywhere
    assert (result.first_sentence, result.last_sentence) == (first, first + 3)


@pytest.mark.parametrize(
    ("wrong", "code"),
    [
        (proposal(3, 60), "unknown_id"),
        (proposal(-1, 3), "unknown_id"),
        (proposal(5, 3), "ids_reversed"),
        (proposal(3, 5, quote="no such words"), "quote_not_found"),
        (proposal(3, 5, quote=SCRIPT.sentences[9].text), "quote_not_found"),
        (proposal(3, 5, quote=" …! "), "quote_not_found"),
        (proposal(3, 5, title="\u200b \n"), "no_title"),
        (proposal(0, 59), "bad_length"),
    ],
)
def test_place_names_each_fault_by_its_code(wrong: Proposal, code: str) -> None:
    """Each fault has its code."""
    result = check_proposal(wrong, SCRIPT, WHOLE, BOUNDS)
    assert isinstance(result, Rejected)
    assert result.code == code


def test_place_refuses_a_sentence_of_another_window() -> None:
    """A sentence outside the window is as unknown as one that does not exist."""
    result = check_proposal(proposal(3, 5), SCRIPT, Window(4, 20), BOUNDS)
    assert isinstance(result, Rejected)
    assert result.code == "unknown_id"


def test_place_lengthens_a_short_moment_by_silence_only() -> None:
    """The silence around a slightly short moment extends it; other words never do."""
    sentence = SCRIPT.sentences[7]
    length = sentence.end_seconds - sentence.start_seconds
    longer = check_proposal(proposal(7, 7), SCRIPT, WHOLE, Bounds(length + 0.3, 40, 0, 5))
    assert isinstance(longer, Accepted)
    assert longer.span.length_seconds >= length + 0.3 - 1e-6
    assert (longer.first_sentence, longer.last_sentence) == (7, 7)
    too_short = check_proposal(proposal(7, 7), SCRIPT, WHOLE, Bounds(length + 3.0, 40, 0, 5))
    assert isinstance(too_short, Rejected)
    assert too_short.code == "bad_length"


@pytest.mark.parametrize(
    ("quote", "text", "is_there"),
    [
        ("the tide, turns", "Today the TIDE turns.", True),
        ("tide turn", "the tide turns", False),
        ("don’t go", "We don't go there", True),
        ("3.14 is", "pi = 3 .14 is it", True),
        ("naïve", "a nai\u0308ve view", True),
        ("天气很好", "今天 天气 很好。", True),
        ("", "anything", False),
        ("...", "anything", False),
        ("a b", "a c b", False),
    ],
)
def test_quote_matches_consecutive_words(quote: str, text: str, is_there: bool) -> None:
    """Case, punctuation, spacing and encoding do not matter; words do."""
    assert occurs(quote, text) is is_there


@given(st.text(max_size=400))
def test_clean_title_is_one_printable_line(text: str) -> None:
    """Any title becomes at most 120 characters without control characters or line breaks."""
    title = clean_title(text)
    assert len(title) <= 120
    assert title.isprintable() or not title
    assert title == clean_title(title)
