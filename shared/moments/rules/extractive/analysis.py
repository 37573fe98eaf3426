"""What the choice of moments rests on: sentences, topics, salience and the gaps between words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from shared.domain.transcript import TimedTranscript, Word
from shared.moments.rules.extractive.chapters import find_chapters
from shared.moments.rules.extractive.cohesion import LengthPrior, Topics, find_topics
from shared.moments.rules.extractive.features import sentence_features
from shared.moments.rules.extractive.salience import sentence_salience
from shared.moments.rules.gaps import Floats, Integers, WordGaps, word_gaps
from shared.moments.rules.sentences import Sentence, split_sentences

_PASSAGES, _CHAPTERS = LengthPrior(32.0, 0.2), LengthPrior(60.0, 0.1)
"""Moments are passages about one thing; who marks topics marks fewer."""


@dataclass(frozen=True, slots=True)
class Analysis:
    """`pauses[i]`, 0..1, is the silence after sentence i; `sentence_of_word` is per word.

    `chapters` are the first sentences of runs of topics that differ in what they say.
    """

    words: Sequence[Word]
    gaps: WordGaps
    sentences: list[Sentence]
    sentence_of_word: Integers
    topics: Topics
    chapters: Integers
    salience: Floats
    pauses: Floats


def analyse(
    transcript: TimedTranscript,
    words: Sequence[Word],
    duration_seconds: float,
    loudness: Sequence[float] | None,
) -> Analysis:
    """All that is known of a transcript with at least one word.

    `loudness` is spread evenly over the recording, in any unit that grows with it.
    """
    sentences = split_sentences(transcript)
    gaps = word_gaps(words, duration_seconds)
    features = sentence_features([s.text for s in sentences])
    ends = np.array([s.last_word + 1 for s in sentences])
    # A pause of 2 s is as good as a longer one: it is music, applause or a change of speaker.
    pauses = np.clip(gaps.right[ends] - gaps.left[ends], 0.0, 2.0) / 2.0
    topics, coarse = find_topics(features, *_times(sentences, gaps), (_PASSAGES, _CHAPTERS))
    loud = _loudness_of(sentences, loudness, duration_seconds)
    salience = sentence_salience(sentences, features, topics, loud)
    lengths = [s.last_word - s.first_word + 1 for s in sentences]
    owner = np.repeat(np.arange(len(sentences)), lengths)
    chapters = find_chapters(features, coarse)
    return Analysis(words, gaps, sentences, owner, topics, chapters, salience, pauses)


def _times(sentences: Sequence[Sentence], gaps: WordGaps) -> tuple[Floats, Floats, Floats]:
    """Where each sentence begins and ends, and the silence before it, in seconds."""
    firsts = np.array([s.first_word for s in sentences])
    return (
        np.array([s.start_seconds for s in sentences]),
        np.array([s.end_seconds for s in sentences]),
        np.maximum(0.0, gaps.right[firsts] - gaps.left[firsts]),
    )


def _loudness_of(
    sentences: Sequence[Sentence], loudness: Sequence[float] | None, duration_seconds: float
) -> Floats | None:
    """The mean loudness of each sentence, or None where it is not known."""
    if loudness is None or not len(loudness):
        return None
    values = np.nan_to_num(np.asarray(loudness, dtype=np.float64), nan=0.0, neginf=-120.0)
    scale = len(values) / duration_seconds
    means: list[float] = []
    for sentence in sentences:
        low = min(len(values) - 1, max(0, int(sentence.start_seconds * scale)))
        high = max(low + 1, int(np.ceil(sentence.end_seconds * scale)))
        means.append(float(values[low:high].mean()))
    return np.array(means)
