"""Split a transcript into sentences by punctuation, pauses and the recogniser's segments."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from shared.domain.orthography import ends_sentence, join_words
from shared.domain.transcript import Segment, TimedTranscript, Word
from shared.moments.rules.gaps import Booleans, Floats

MAX_SENTENCE_SECONDS = 20.0
MAX_SENTENCE_WORDS = 60
LONG_PAUSE_SECONDS = 2.0
SHORT_PAUSE_SECONDS = 0.35
_UNMARKED_WORDS = 40
"""A run of this many words without a sentence mark counts as unpunctuated."""


@dataclass(frozen=True, slots=True)
class Sentence:
    """`first_word` and `last_word`, both included, index the words; numbers begin at 0."""

    number: int
    text: str
    start_seconds: float
    end_seconds: float
    first_word: int
    last_word: int


def timed_words(transcript: TimedTranscript) -> tuple[Word, ...]:
    """The transcript's words, or each segment as one word if it has no words."""
    if transcript.words:
        return transcript.words
    return tuple(Word(s.text, s.start_seconds, s.end_seconds) for s in transcript.segments)


def split_sentences(
    transcript: TimedTranscript,
    *,
    max_seconds: float = MAX_SENTENCE_SECONDS,
    max_words: int = MAX_SENTENCE_WORDS,
) -> list[Sentence]:
    """Put each word, in order, into exactly one sentence.

    Sentence marks and long pauses end a sentence. If marks are missing (some recognisers write
    none), shorter pauses and the ends of segments do. A sentence that is still longer than the
    limits is split at its widest gaps, so only a single word can exceed them.
    """
    words = timed_words(transcript)
    if not words:
        return []
    pauses = _pauses(words)
    marked = _ends_by_mark(words, pauses, transcript.language)
    unpunctuated = int(marked.sum()) * _UNMARKED_WORDS < len(words)
    ends = marked | (pauses >= LONG_PAUSE_SECONDS)
    soft = pauses >= _pause_threshold(pauses)
    if transcript.words:
        soft |= _segment_ends(words, transcript.segments)
    else:
        soft |= True
    runs: list[tuple[int, int]] = []
    for first, last in _runs(ends):
        if unpunctuated or last - first >= _UNMARKED_WORDS:
            runs += [(first + a, first + b) for a, b in _runs(soft[first : last + 1])]
        else:
            runs.append((first, last))
    limited = [short for run in runs for short in split_run(words, *run, max_seconds, max_words)]
    return [_sentence(number, words, *run) for number, run in enumerate(limited)]


def split_run(
    words: Sequence[Word], first: int, last: int, max_seconds: float, max_words: int
) -> list[tuple[int, int]]:
    """Split words `first`..`last` at wide gaps near the middle into runs within both limits."""
    done: list[tuple[int, int]] = []
    waiting = [(first, last)]
    while waiting:
        a, b = waiting.pop()
        long = max(w.end_seconds for w in words[a : b + 1]) - words[a].start_seconds > max_seconds
        if a == b or not (long or b - a >= max_words):
            done.append((a, b))
            continue
        middle, reach = (a + b - 1) / 2, (b - a) / 2
        cut = max(
            range(a, b),
            key=lambda i: (
                words[i + 1].start_seconds - words[i].end_seconds - 0.3 * abs(i - middle) / reach
            ),
        )
        waiting += [(cut + 1, b), (a, cut)]
    return done


def _sentence(number: int, words: Sequence[Word], first: int, last: int) -> Sentence:
    inside = words[first : last + 1]
    return Sentence(
        number,
        join_words([w.text for w in inside]),
        min(w.start_seconds for w in inside),
        max(w.end_seconds for w in inside),
        first,
        last,
    )


def _pauses(words: Sequence[Word]) -> Floats:
    """The seconds of silence after each word; 0 after the last."""
    starts = np.array([w.start_seconds for w in words[1:]], dtype=np.float64)
    ends = np.maximum.accumulate([w.end_seconds for w in words[:-1]] or np.zeros(0))
    return np.append(np.maximum(0.0, starts - ends), 0.0)


def _pause_threshold(pauses: Floats) -> float:
    """The length from which a pause is among this speech's longest tenth, at least 0.35 s."""
    return max(SHORT_PAUSE_SECONDS, float(np.quantile(pauses, 0.9)))


def _ends_by_mark(words: Sequence[Word], pauses: Floats, language: str) -> Booleans:
    following = [w.text for w in words[1:]] + [""]
    after_marks = [b for w, b in zip(words, following, strict=True) if w.text[-1:] in ".!?"]
    if sum(after[:1].islower() for after in after_marks) * 2 > len(after_marks):
        # This speech has marks but no capitals, so a small letter says nothing about its mark.
        following = [after.upper() for after in following]
    return np.array(
        [
            ends_sentence(w.text, after, pause_seconds=float(pause), language=language)
            for w, after, pause in zip(words, following, pauses, strict=True)
        ],
        dtype=np.bool_,
    )


def _segment_ends(words: Sequence[Word], segments: Sequence[Segment]) -> Booleans:
    """True for the last word of each segment, by the middles of the words."""
    middles = np.array([(w.start_seconds + w.end_seconds) / 2 for w in words])
    after = np.searchsorted(np.maximum.accumulate(middles), [s.end_seconds for s in segments])
    ends = np.zeros(len(words), dtype=np.bool_)
    ends[[int(i) - 1 for i in after if i > 0]] = True
    return ends


def _runs(ends: Booleans) -> list[tuple[int, int]]:
    """The first and last index of each run; a run ends at each True in `ends` and at the end."""
    stops = np.flatnonzero(ends).tolist()
    if not stops or stops[-1] != len(ends) - 1:
        stops.append(len(ends) - 1)
    return list(zip([0, *(s + 1 for s in stops[:-1])], stops, strict=True))
