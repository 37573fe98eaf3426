"""A transcript ready to be proposed from: its words, and its sentences by number."""

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
    """A transcript ready to be proposed from."""

    words: tuple[Word, ...]
    sentences: tuple[Sentence, ...]
    duration_seconds: float

    @staticmethod
    def of(transcript: TimedTranscript, duration_seconds: float) -> Script:
        """The transcript's words and sentences; it is always split alike."""
        return Script(timed_words(transcript), tuple(split_sentences(transcript)), duration_seconds)

    def text(self, first: int, last: int) -> str:
        """What is said from sentence `first` to `last`, both included."""
        return join_words([s.text for s in self.sentences[first : last + 1]])

    def part(self, window: Window) -> tuple[tuple[Word, ...], list[Sentence]]:
        """Some sentences and their words; the sentences number the words from 0."""
        chosen = self.sentences[window.first : window.last + 1]
        begin = chosen[0].first_word
        moved = [
            replace(s, first_word=s.first_word - begin, last_word=s.last_word - begin)
            for s in chosen
        ]
        return self.words[begin : chosen[-1].last_word + 1], moved

    def touched(self, span: TimeSpan) -> tuple[int, int]:
        """First and last sentence of which the span has a part; the nearest where it has none."""
        first = bisect_right(self.sentences, span.start_seconds, key=lambda s: s.end_seconds)
        last = bisect_left(self.sentences, span.end_seconds, key=lambda s: s.start_seconds) - 1
        if first <= last:
            return first, last
        near = min(first, len(self.sentences) - 1)
        return near, near
