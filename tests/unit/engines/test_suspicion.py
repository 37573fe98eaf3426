"""The check for text of a recogniser that should not be trusted."""

from __future__ import annotations

import pytest

from shared.engines.speech.suspicion import is_hallucination, repeated_lines, suspicion

SPEECH = (
    "And so, my fellow Americans, ask not what your country can do for you, "
    "ask what you can do for your country."
)


def judge(text: str, **facts: float) -> str | None:
    """The verdict on a segment of this text."""
    return suspicion(text, text.split(), **facts)


@pytest.mark.parametrize(
    "text", [SPEECH, "No, no, no, no!", "Ha ha ha ha ha ha", "Yes we can. Yes we can. Yes we can."]
)
def test_suspicion_trusts_ordinary_speech(text: str) -> None:
    """People repeat themselves a little."""
    assert judge(text, average_log_probability=-0.4, no_speech_probability=0.1) is None


@pytest.mark.parametrize(
    "text",
    ["Thank you. " * 8, "the " * 12, SPEECH + " I am going to the store and" * 5, "哈" * 60],
)
def test_suspicion_flags_loops(text: str) -> None:
    """A phrase repeated many times is flagged, also after real words and without spaces."""
    assert judge(text) == "repetition"


@pytest.mark.parametrize(
    "facts",
    [
        {"average_log_probability": -1.2},
        {"no_speech_probability": 0.8},
        {"mean_word_probability": 0.1},
    ],
)
def test_suspicion_flags_text_that_the_decoder_doubts(facts: dict[str, float]) -> None:
    """Each sign of doubt is enough by itself."""
    assert judge(SPEECH, **facts) == "low_confidence"


def test_suspicion_drops_text_only_when_doubtful_and_without_speech() -> None:
    """Flagged words stay unless the decoder also reports silence."""
    assert is_hallucination("repetition", average_log_probability=-0.2, no_speech_probability=0.9)
    assert is_hallucination(
        "low_confidence", average_log_probability=-1.5, no_speech_probability=0.9
    )
    for suspect, log_probability, no_speech in [
        ("repetition", -0.2, 0.1),
        ("low_confidence", -1.5, 0.3),
        ("low_confidence", -0.3, 0.9),
        (None, -1.5, 0.9),
    ]:
        assert not is_hallucination(
            suspect, average_log_probability=log_probability, no_speech_probability=no_speech
        )


def test_suspicion_flags_a_line_four_times_in_a_row() -> None:
    """Punctuation does not matter; three equal lines are not flagged."""
    assert repeated_lines(["a", "Bye!", "bye", "bye.", "Bye", "c", "c", "c"]) == (
        [False] + [True] * 4 + [False] * 3
    )
    assert repeated_lines([]) == []
