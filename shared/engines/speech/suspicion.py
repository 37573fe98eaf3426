"""Pure rules that decide whether to trust a recogniser's text, from its own scores.

The thresholds for log probability, compression ratio and no-speech probability are those of the
Whisper paper's decoding strategy (Radford et al., 2022, section 4.5).
"""

from __future__ import annotations

import zlib
from collections.abc import Sequence

REPETITION = "repetition"
LOW_CONFIDENCE = "low_confidence"

MAX_COMPRESSION_RATIO = 2.4
MIN_AVERAGE_LOG_PROBABILITY = -1.0
MAX_NO_SPEECH_PROBABILITY = 0.6
MIN_MEAN_WORD_PROBABILITY = 0.25

_MIN_REPEATS = 4
_MIN_REPEATED_WORDS = 8
_LONGEST_PHRASE_WORDS = 8


def suspicion(
    text: str,
    words: Sequence[str],
    *,
    average_log_probability: float | None = None,
    no_speech_probability: float | None = None,
    mean_word_probability: float | None = None,
) -> str | None:
    """The reason not to trust a segment (`text` as written, `words` as spoken), or None.

    Repetition takes precedence over low confidence.
    """
    if compression_ratio(text) > MAX_COMPRESSION_RATIO or repeats(words):
        return REPETITION
    unsure = (
        average_log_probability is not None
        and average_log_probability < MIN_AVERAGE_LOG_PROBABILITY
    )
    unheard = no_speech_probability is not None and (
        no_speech_probability > MAX_NO_SPEECH_PROBABILITY
    )
    unlikely = (
        mean_word_probability is not None and mean_word_probability < MIN_MEAN_WORD_PROBABILITY
    )
    return LOW_CONFIDENCE if unsure or unheard or unlikely else None


def is_hallucination(
    suspect: str | None, *, average_log_probability: float, no_speech_probability: float
) -> bool:
    """True if the recogniser made up a flagged segment where nobody speaks.

    The no-speech probability alone is often wrong, so the text must also repeat itself or have a
    log probability below the limit.
    """
    if suspect is None or no_speech_probability <= MAX_NO_SPEECH_PROBABILITY:
        return False
    return suspect == REPETITION or average_log_probability < MIN_AVERAGE_LOG_PROBABILITY


def repeats(words: Sequence[str]) -> bool:
    """True if the words repeat one phrase over and over.

    A phrase of up to eight words counts if it comes four times in a row and makes at least eight
    words in total: "no, no, no, no" is speech; the same line ten times is a decoder in a loop.
    """
    spoken = [_letters(word) for word in words]
    spoken = [word for word in spoken if word]
    longest = min(_LONGEST_PHRASE_WORDS, len(spoken) // _MIN_REPEATS)
    return any(_loops(spoken, length) for length in range(1, longest + 1))


def compression_ratio(text: str) -> float:
    """The size of the text over its compressed size; a high ratio means repetition."""
    raw = text.encode("utf-8", "replace")
    return len(raw) / len(zlib.compress(raw)) if raw else 0.0


def repeated_lines(texts: Sequence[str], *, times: int = _MIN_REPEATS) -> list[bool]:
    """For each text, True if it belongs to a run of at least `times` equal texts."""
    spoken = [_letters(text) for text in texts]
    flags = [False] * len(spoken)
    begin = 0
    for i in range(1, len(spoken) + 1):
        if i < len(spoken) and spoken[i] == spoken[begin]:
            continue
        if i - begin >= times and spoken[begin]:
            flags[begin:i] = [True] * (i - begin)
        begin = i
    return flags


def _loops(spoken: Sequence[str], length: int) -> bool:
    """True if some phrase of `length` words comes often enough in a row."""
    needed = max(_MIN_REPEATS * length, _MIN_REPEATED_WORDS)
    run = length
    for i in range(length, len(spoken)):
        run = run + 1 if spoken[i] == spoken[i - length] else length
        if run >= needed:
            return True
    return False


def _letters(text: str) -> str:
    return "".join(c for c in text.casefold() if c.isalnum())
