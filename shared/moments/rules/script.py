"""A transcript as numbered sentences, from which models propose moments."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from dataclasses import dataclass, replace

from shared.domain.orthography import join_words
from shared.domain.spans import TimeSpan
from shared.domain.transcript import TimedTranscript, Word
from shared.moments.rules.sentences import Sentence, split_sentences, timed_words
from shared.moments.rules.windows import Window


@dataclass(frozen=True, slots=True)
class Script:
    """The words of a transcript and its numbered sentences."""

    words: tuple[Word, ...]
    sentences: tuple[Sentence, ...]
    duration_seconds: float

    @staticmethod
    def of(transcript: TimedTranscript, duration_seconds: float) -> Script:
        """Split a transcript; the same transcript always yields the same sentences."""
        return Script(timed_words(transcript), tuple(split_sentences(transcript)), duration_seconds)

    def text(self, first: int, last: int) -> str:
        """The text of sentences `first` to `last`, both included."""
        return join_words([s.text for s in self.sentences[first : last + 1]])

    def excerpt(self, window: Window) -> tuple[tuple[Word, ...], list[Sentence]]:
        """The words and sentences of a window; the sentences index these words from 0."""
        inside = self.sentences[window.first : window.last + 1]
        begin = inside[0].first_word
        shifted = [
            replace(s, first_word=s.first_word - begin, last_word=s.last_word - begin)
            for s in inside
        ]
        return self.words[begin : inside[-1].last_word + 1], shifted

    def sentences_of(self, span: TimeSpan) -> tuple[int, int]:
        """The first and last sentence that the span touches, or the nearest if it touches none."""
        first = bisect_right(self.sentences, span.start_seconds, key=lambda s: s.end_seconds)
        last = bisect_left(self.sentences, span.end_seconds, key=lambda s: s.start_seconds) - 1
        if first <= last:
            return first, last
        near = min(first, len(self.sentences) - 1)
        return near, near
