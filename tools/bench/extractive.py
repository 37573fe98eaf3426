"""Choose moments in a 4-hour transcript: ours, a plain quadratic baseline, and the ratio.

The baseline compares every pair of sentences (C99's similarity matrix) and chooses spans by a
dynamic programme that visits each pair in Python.
"""

from __future__ import annotations

import time
from collections.abc import Sequence

import numpy as np

from shared.domain.transcript import Segment, TimedTranscript, Word
from shared.moments.rules.bounds import Bounds
from shared.moments.rules.extractive.features import SentenceFeatures, sentence_features
from shared.moments.rules.extractive.method import find_moments
from shared.moments.rules.sentences import Sentence, split_sentences

HOURS, WORDS = 4, 36_000
BOUNDS = Bounds(20, 90, 5, 20)


def long_transcript() -> TimedTranscript:
    """Words drawn from a topic's own vocabulary or a common one, a new topic every 40 sentences."""
    random = np.random.default_rng(4)
    ranks = 1 / np.arange(1, 4001)
    common = random.choice(4000, WORDS, p=ranks / ranks.sum())
    own = random.integers(0, 30, WORDS)
    step = HOURS * 3600 / WORDS
    words: list[Word] = []
    for i in range(WORDS):
        topical = random.random() < 0.2
        text = f"topic{i // 600}own{own[i]}" if topical else f"common{common[i]}"
        words.append(Word(text + "." * (i % 15 == 14), i * step, (i + 0.8) * step))
    return TimedTranscript("en", tuple(words), (Segment("", 0.0, HOURS * 3600.0),))


def compare_all_pairs(features: SentenceFeatures) -> float:
    """The mean cosine over all pairs of sentences, one pair at a time."""
    vectors = [
        {int(f): float(c * features.weights[f]) for f, c in zip(ids, counts, strict=True)}
        for ids, counts in zip(features.ids, features.counts, strict=True)
    ]
    norms = [sum(v * v for v in vector.values()) ** 0.5 or 1.0 for vector in vectors]
    total = 0.0
    for i, one in enumerate(vectors):
        for j in range(i):
            other = vectors[j]
            total += sum(v * other.get(f, 0.0) for f, v in one.items()) / (norms[i] * norms[j])
    return total / max(1, len(vectors) * (len(vectors) - 1) // 2)


def select_pair_by_pair(sentences: Sequence[Sentence]) -> float:
    """The best total length of at most `max_moments` spans within the bounds."""
    number = len(sentences)
    best = [0.0] * (number + 1)
    for _ in range(BOUNDS.max_moments):
        layer = best[:]
        for j in range(number):
            layer[j + 1] = max(layer[j + 1], layer[j])
            for i in range(j, -1, -1):
                length = sentences[j].end_seconds - sentences[i].start_seconds
                if length > BOUNDS.max_length_seconds:
                    break
                if length >= BOUNDS.min_length_seconds:
                    layer[j + 1] = max(layer[j + 1], best[i] + length)
        best = layer
    return best[-1]


def main() -> None:
    """Print seconds for ours and the baseline, and their ratio."""
    transcript = long_transcript()
    started = time.perf_counter()
    moments = find_moments(transcript, duration_seconds=HOURS * 3600.0, bounds=BOUNDS)
    ours = time.perf_counter() - started

    started = time.perf_counter()
    sentences = split_sentences(transcript)
    compare_all_pairs(sentence_features([s.text for s in sentences]))
    select_pair_by_pair(sentences)
    baseline = time.perf_counter() - started
    print(f"{HOURS} h, {WORDS} words, {len(sentences)} sentences, {len(moments)} moments")
    print(f"ours      {ours:8.2f} s")
    print(f"baseline  {baseline:8.2f} s  (all pairs of sentences, one by one)")
    print(f"ratio     {baseline / ours:8.1f} x")


if __name__ == "__main__":
    main()
