"""Group neighbouring topics with similar words into chapters."""

from __future__ import annotations

import numpy as np

from shared.moments.rules.extractive.cohesion import Topics
from shared.moments.rules.extractive.features import SentenceFeatures
from shared.moments.rules.gaps import Floats, Integers

_LEAST_SIMILARITY = 0.12
"""Two neighbours join into one chapter from this cosine on."""
_LARGEST_SHARE = 1 / 3
"""A chapter has at most this share of the sentences, because long texts resemble one another."""


def find_chapters(features: SentenceFeatures, topics: Topics) -> Integers:
    """The first sentence of each chapter, ascending; a chapter is a run of whole topics.

    Joins the two most similar neighbours until none are similar enough: agglomerative clustering of
    adjacent passages (Yaari, "Segmentation of Expository Texts by Hierarchical Agglomerative
    Clustering", RANLP 1997). A conversation keeps its words through many turns; another talk brings
    other words.
    """
    vectors = _vectors(features, topics)
    edges = [*topics.first.tolist(), len(features.ids)]
    largest = _LARGEST_SHARE * len(features.ids)

    def similarity_at(index: int) -> float:
        """The similarity of the chapter at `index` and the next one."""
        too_large = edges[index + 2] - edges[index] > largest
        return 0.0 if too_large else _cosine(vectors[index], vectors[index + 1])

    similarities = [similarity_at(index) for index in range(len(vectors) - 1)]
    while similarities:
        join = int(np.argmax(similarities))
        if similarities[join] < _LEAST_SIMILARITY:
            break
        vectors[join] = vectors[join] + vectors.pop(join + 1)
        del edges[join + 1], similarities[join]
        for index in (join - 1, join):
            if 0 <= index < len(similarities):
                similarities[index] = similarity_at(index)
    return np.array(edges[:-1], dtype=np.int64)


def _vectors(features: SentenceFeatures, topics: Topics) -> list[Floats]:
    """The weighted features of each topic, shape (features,) each."""
    vectors = [np.zeros(len(features.weights)) for _ in topics.first]
    for ids, counts, topic in zip(features.ids, features.counts, topics.of.tolist(), strict=True):
        vectors[topic][ids] += counts * features.weights[ids]
    return vectors


def _cosine(one: Floats, other: Floats) -> float:
    norm = float(np.linalg.norm(one) * np.linalg.norm(other))
    return float(one @ other) / norm if norm else 1.0
