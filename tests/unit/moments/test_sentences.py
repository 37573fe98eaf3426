"""Sentences and titles in the scripts and styles that recognisers write."""

from __future__ import annotations

import pytest

from shared.domain.transcript import Segment, TimedTranscript, Word
from shared.moments.rules.extractive.titles import title_of
from shared.moments.rules.sentences import split_sentences


def _spoken_words(
    texts: list[str], pauses: dict[int, float] | None = None, language: str = "en"
) -> TimedTranscript:
    """Words of 0.3 s with a gap of 0.05 s, or `pauses[i]` after word i."""
    at, words = 0.0, []
    for i, text in enumerate(texts):
        words.append(Word(text, at, at + 0.3))
        at += 0.3 + (pauses or {}).get(i, 0.05)
    return TimedTranscript(language, tuple(words), (Segment(" ".join(texts), 0.0, at),))


@pytest.mark.parametrize(
    ("spoken", "expected"),
    [
        ("Dr. Smith paid 3.50 dollars. He left.", ["Dr. Smith paid 3.50 dollars.", "He left."]),
        (
            "We use e.g. bees and J. R. Tolkien. Why?",
            ["We use e.g. bees and J. R. Tolkien.", "Why?"],
        ),
        ("“Really?” he asked. Yes!", ["“Really?” he asked.", "Yes!"]),
        (
            "the hive is full. bees swarm. they go.",
            ["the hive is full.", "bees swarm.", "they go."],
        ),
        ("Well... maybe not. Fine.", ["Well... maybe not.", "Fine."]),
        ("¿Qué hora es? Son las dos.", ["¿Qué hora es?", "Son las dos."]),
        ("كيف حالك؟ أنا بخير.", ["كيف حالك؟", "أنا بخير."]),
        ("वह घर गया। मैं यहाँ हूँ।", ["वह घर गया।", "मैं यहाँ हूँ।"]),
    ],
)
def test_sentences_end_at_marks(spoken: str, expected: list[str]) -> None:
    """Sentence marks of each script divide sentences; abbreviations, decimals and quotes do not."""
    assert [s.text for s in split_sentences(_spoken_words(spoken.split()))] == expected


def test_sentences_join_japanese_without_spaces() -> None:
    """Words of a script without spaces make text without spaces."""
    found = split_sentences(
        _spoken_words(["今日", "は", "晴れ", "です。", "明日", "は", "雨。"], language="ja")
    )
    assert [s.text for s in found] == ["今日は晴れです。", "明日は雨。"]


def test_sentences_end_at_pauses_and_segments_when_marks_are_missing() -> None:
    """Unpunctuated words are divided at a notable pause and at a segment's end."""
    said = "bees live in a hive they make honey every year"
    words = _spoken_words(said.split(), {4: 0.6}).words
    segments = (
        Segment("bees live in a hive they make", 0.0, words[6].end_seconds),
        Segment("honey every year", words[7].start_seconds, words[-1].end_seconds),
    )
    found = split_sentences(TimedTranscript("en", words, segments))
    assert [s.text for s in found] == ["bees live in a hive", "they make", "honey every year"]


def test_sentences_of_thai_end_at_pauses() -> None:
    """Thai, which has neither marks nor spaces, is divided by pauses alone."""
    found = split_sentences(
        _spoken_words(["สวัสดี", "ครับ", "วันนี้", "ฝน", "ตก"], {1: 0.8}, language="th")
    )
    assert [s.text for s in found] == ["สวัสดีครับ", "วันนี้ฝนตก"]


def test_sentences_split_a_long_run_at_its_widest_gap() -> None:
    """A run over the limit is divided at the longest silence."""
    found = split_sentences(_spoken_words(["word"] * 50 + ["end."], {29: 0.3}), max_words=40)
    assert [s.last_word for s in found] == [29, 50]


@pytest.mark.parametrize(
    ("sentences", "weights", "title"),
    [
        (["So, um, and then the queen lays eggs,"], {"queen": 2.0}, "The queen lays eggs"),
        (
            ["okay", "um so bees dance for others"],
            {"bees": 2.0, "dance": 2.0},
            "Bees dance for others",
        ),
        (["蜂は花の蜜を集めます。"], {"花の": 1.0}, "蜂は花の蜜を集めます"),
        (["…"], {}, "…"),
        (["um"], {}, "Um"),
        (["x" * 900], {}, "X" + "x" * 79),
    ],
)
def test_title_is_a_telling_clause(
    sentences: list[str], weights: dict[str, float], title: str
) -> None:
    """A title has no fillers or trailing comma, and is never empty."""
    assert title_of([s.split() for s in sentences], weights) == title


def test_title_ends_with_a_whole_word_when_cut() -> None:
    """A title over 80 characters is cut between words, and not after a connecting word."""
    said = (
        "the queen bee lays thousands of eggs every single day of the long hot summer with the "
        "help of her many workers"
    )
    for begin in range(8):
        words = said.split()[begin:]
        title = title_of([words], dict.fromkeys(words, 1.0))
        assert len(title) <= 80
        assert title.casefold() in said
        assert title.split()[-1] not in {"of", "the", "with", "her", "many"}


def test_title_prefers_a_whole_sentence_to_a_part() -> None:
    """A title that ends with its sentence beats one with slightly more content."""
    long = "and the queen lays eggs in the hive all summer long until the cold of autumn comes down"
    title = title_of(
        [long.split(), ["The", "queen", "never", "leaves", "the", "hive."]],
        {"queen": 2.0, "hive": 2.0},
    )
    assert title == "The queen never leaves the hive"


def test_title_ends_at_a_pause_when_marks_are_missing() -> None:
    """Without marks a title ends where the speaker paused."""
    said = "and then the bees dance for others so that they can all find the flowers of the meadow"
    words = said.split()
    pauses = [0.0] * len(words)
    pauses[words.index("others")] = pauses[-1] = 0.4
    assert title_of([words], {"bees": 2.0, "dance": 2.0}, [pauses]) == "The bees dance for others"
