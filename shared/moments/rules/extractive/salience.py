"""Score how much each sentence matters, 0..1, by its words, its topic and its delivery."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np

from shared.moments.rules.extractive.cohesion import Topics
from shared.moments.rules.extractive.features import SentenceFeatures, tokens
from shared.moments.rules.gaps import Floats
from shared.moments.rules.sentences import Sentence

_CENTRALITY, _DENSITY, _TOPIC, _HOOK = 0.4, 0.25, 0.25, 0.1
_LOUDNESS = 0.25
_HOOKS = frozenset("?？؟!！")  # noqa: RUF001


def ranks(values: Floats) -> Floats:
    """The relative rank of each value, 0..1; equal values share a rank, a single one has 0.5."""
    if len(values) < 2:
        return np.full(len(values), 0.5)
    ordered = np.sort(values)
    low = np.searchsorted(ordered, values, side="left")
    high = np.searchsorted(ordered, values, side="right")
    place: Floats = (low + high - 1) / 2 / (len(values) - 1)
    return place


def sentence_salience(
    sentences: Sequence[Sentence],
    features: SentenceFeatures,
    topics: Topics,
    loudness: Floats | None = None,
) -> Floats:
    """The salience of each sentence, 0..1.

    It combines the similarity to the topic's centroid (Radev, Jing, Styś and Tam, "Centroid-based
    summarization of multiple documents", 2004), the content per second of the sentence and of its
    topic (small talk has little), and the delivery: `loudness` (one value per sentence, any unit)
    and questions or exclamations.
    """
    seconds = np.array([max(0.5, s.end_seconds - s.start_seconds) for s in sentences])
    density = ranks(features.mass() / np.maximum(seconds, 1.5))
    hooks = np.array([0.75 if _HOOKS & set(s.text) else 0.25 for s in sentences])
    central = ranks(_centrality(features, topics))
    topic = ranks(_topic_density(features, topics, seconds))[topics.of]
    salience: Floats = _CENTRALITY * central + _DENSITY * density + _TOPIC * topic + _HOOK * hooks
    if loudness is not None:
        salience = (1 - _LOUDNESS) * salience + _LOUDNESS * ranks(loudness)
    return salience


def _topic_density(features: SentenceFeatures, topics: Topics, seconds: Floats) -> Floats:
    """The weighted content per second of speech, shape (topics,)."""
    number = len(topics.first)
    content = np.bincount(topics.of, weights=features.mass(), minlength=number)
    return content / np.bincount(topics.of, weights=seconds, minlength=number)


def _centrality(features: SentenceFeatures, topics: Topics) -> Floats:
    """The cosine of each sentence with the sum of its topic's sentences."""
    central = np.zeros(len(features.ids))
    for members in np.split(np.arange(len(central)), topics.first[1:]):
        centroid = np.zeros(len(features.weights))
        vectors = [(i, features.counts[i] * features.weights[features.ids[i]]) for i in members]
        for i, vector in vectors:
            centroid[features.ids[i]] += vector
        length = float(np.linalg.norm(centroid))
        for i, vector in vectors:
            norm = length * float(np.linalg.norm(vector))
            central[i] = float(vector @ centroid[features.ids[i]]) / norm if norm else 0.0
    return central


def topic_words(sentences: Sequence[Sentence], topics: Topics) -> list[dict[str, float]]:
    """The weight of each topic's words: term frequency times inverse category frequency.

    TF-ICF after Reed et al., "TF-ICF: A New Term Weighting Scheme for Clustering Dynamic Data
    Streams", ICMLA 2006, times inverse sentence frequency, which also works for a single topic.
    """
    each = [tokens(s.text) for s in sentences]
    in_sentences = Counter(token for found in each for token in set(found))
    per_topic: list[Counter[str]] = [Counter() for _ in topics.first]
    for found, topic in zip(each, topics.of.tolist(), strict=True):
        per_topic[topic].update(found)
    in_topics = Counter(token for counts in per_topic for token in counts)
    return [
        {
            token: float(
                np.sqrt(times)
                * (0.1 + np.log(len(per_topic) / in_topics[token]))
                * np.log((1 + len(sentences)) / in_sentences[token])
            )
            for token, times in counts.items()
        }
        for counts in per_topic
    ]
