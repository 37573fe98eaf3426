"""Topics told apart by what they say: neighbours that still speak alike are one chapter."""

from __future__ import annotations

import numpy as np

from shared.moments.rules.extractive.cohesion import Topics
from shared.moments.rules.extractive.features import SentenceFeatures
from shared.moments.rules.gaps import Floats, Integers

_ALIKE = 0.12
"""Cosine above which two neighbours are one chapter."""
_LARGEST_SHARE = 1 / 3
"""No chapter grows past this share of the sentences: the longer two texts, the more alike."""


def find_chapters(features: SentenceFeatures, topics: Topics) -> Integers:
    """The first sentence of each chapter, ascending; chapters are runs of whole topics.

    The two neighbours most alike are joined, again and again, until none are alike enough:
    agglomerative clustering of adjacent passages, as Yaari, "Segmentation of Expository Texts by
    Hierarchical Agglomerative Clustering", RANLP 1997. A conversation that goes on about one
    thing keeps its words however often it turns, whereas another talk brings other words.
    """
    vectors = _vectors(features, topics)
    edges = [*topics.first.tolist(), len(features.ids)]
    largest = _LARGEST_SHARE * len(features.ids)

    def likeness_at(place: int) -> float:
        """Of the chapter at `place` and the next."""
        too_large = edges[place + 2] - edges[place] > largest
        return 0.0 if too_large else _cosine(vectors[place], vectors[place + 1])

    likeness = [likeness_at(place) for place in range(len(vectors) - 1)]
    while likeness:
        join = int(np.argmax(likeness))
        if likeness[join] < _ALIKE:
            break
        vectors[join] = vectors[join] + vectors.pop(join + 1)
        del edges[join + 1], likeness[join]
        for place in (join - 1, join):
            if 0 <= place < len(likeness):
                likeness[place] = likeness_at(place)
    return np.array(edges[:-1], dtype=np.int64)


def _vectors(features: SentenceFeatures, topics: Topics) -> list[Floats]:
    """The weighted features of each topic, each of shape (features,)."""
    vectors = [np.zeros(len(features.weights)) for _ in topics.first]
    for ids, counts, topic in zip(features.ids, features.counts, topics.of.tolist(), strict=True):
        vectors[topic][ids] += counts * features.weights[ids]
    return vectors


def _cosine(one: Floats, other: Floats) -> float:
    norm = float(np.linalg.norm(one) * np.linalg.norm(other))
    return float(one @ other) / norm if norm else 1.0
