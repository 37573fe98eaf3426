"""Compute the features that selection uses: sentences, topics, salience and gaps between words."""

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
"""Moments are short passages on one subject; the topics that people mark are longer."""


@dataclass(frozen=True, slots=True)
class Analysis:
    """The features of a transcript.

    `pauses[i]`, 0..1, is the silence after sentence i. `sentence_of_word` holds the sentence of
    each word, `chapters` the first sentence of each chapter (a run of similar topics).
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
    """Analyse a transcript with at least one word.

    `loudness` has evenly spaced values over the video, in any unit that grows with loudness.
    """
    sentences = split_sentences(transcript)
    gaps = word_gaps(words, duration_seconds)
    features = sentence_features([s.text for s in sentences])
    ends = np.array([s.last_word + 1 for s in sentences])
    # Longer pauses count as 2 s, because they are music, applause or a change of speaker.
    pauses = np.clip(gaps.right[ends] - gaps.left[ends], 0.0, 2.0) / 2.0
    topics, coarse = find_topics(features, *_times(sentences, gaps), (_PASSAGES, _CHAPTERS))
    loud = _loudness_of(sentences, loudness, duration_seconds)
    salience = sentence_salience(sentences, features, topics, loud)
    lengths = [s.last_word - s.first_word + 1 for s in sentences]
    owner = np.repeat(np.arange(len(sentences)), lengths)
    chapters = find_chapters(features, coarse)
    return Analysis(words, gaps, sentences, owner, topics, chapters, salience, pauses)


def _times(sentences: Sequence[Sentence], gaps: WordGaps) -> tuple[Floats, Floats, Floats]:
    """The start and end of each sentence and the silence before it, in seconds."""
    firsts = np.array([s.first_word for s in sentences])
    return (
        np.array([s.start_seconds for s in sentences]),
        np.array([s.end_seconds for s in sentences]),
        np.maximum(0.0, gaps.right[firsts] - gaps.left[firsts]),
    )


def _loudness_of(
    sentences: Sequence[Sentence], loudness: Sequence[float] | None, duration_seconds: float
) -> Floats | None:
    """The mean loudness of each sentence, or None if the loudness is unknown."""
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
