"""Topics told apart by what they say: neighbours that still speak alike are one chapter."""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from shared.domain.cohesion import Topics
from shared.domain.features import SentenceFeatures
from shared.domain.gaps import Floats, Integers

_ALIKE = 0.18
"""Cosine above which two neighbours are one chapter."""


def find_chapters(features: SentenceFeatures, topics: Topics) -> Integers:
    """The first sentence of each chapter, ascending; chapters are runs of whole topics.

    The two neighbours most alike are joined, again and again, until none are alike enough:
    agglomerative clustering of adjacent passages, as Yaari, "Segmentation of Expository Texts by
    Hierarchical Agglomerative Clustering", RANLP 1997. A conversation that goes on about one
    thing keeps its words however often it turns, whereas another talk brings other words.
    """
    vectors = _vectors(features, topics)
    firsts = topics.first.tolist()
    likeness = [_cosine(a, b) for a, b in pairwise(vectors)]
    while likeness:
        join = int(np.argmax(likeness))
        if likeness[join] < _ALIKE:
            break
        vectors[join] = vectors[join] + vectors.pop(join + 1)
        del firsts[join + 1], likeness[join]
        if join > 0:
            likeness[join - 1] = _cosine(vectors[join - 1], vectors[join])
        if join < len(likeness):
            likeness[join] = _cosine(vectors[join], vectors[join + 1])
    return np.array(firsts, dtype=np.int64)


def _vectors(features: SentenceFeatures, topics: Topics) -> list[Floats]:
    """The weighted features of each topic, each of shape (features,)."""
    vectors = [np.zeros(len(features.weights)) for _ in topics.first]
    for ids, counts, topic in zip(features.ids, features.counts, topics.of.tolist(), strict=True):
        vectors[topic][ids] += counts * features.weights[ids]
    return vectors


def _cosine(one: Floats, other: Floats) -> float:
    norm = float(np.linalg.norm(one) * np.linalg.norm(other))
    return float(one @ other) / norm if norm else 1.0
