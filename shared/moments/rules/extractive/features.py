"""Weighted features of sentences that need no word list of any language."""

from __future__ import annotations

import math
import unicodedata
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby

import numpy as np

from shared.domain.orthography import is_unspaced, is_word_character
from shared.moments.rules.gaps import Floats, Integers

_GRAM = 4


@dataclass(frozen=True, slots=True)
class SentenceFeatures:
    """Sentence i has features `ids[i]`, each once, with `counts[i]`.

    `weights[id]` is 0 (stop words) to 1, `frequency[id]` the number of sentences with the feature.
    """

    ids: tuple[Integers, ...]
    counts: tuple[Floats, ...]
    weights: Floats
    frequency: Integers

    def mass(self) -> Floats:
        """The total weight of each sentence's features, shape (sentences,)."""
        pairs = zip(self.ids, self.counts, strict=True)
        return np.array([float(self.weights[i] @ c) for i, c in pairs], dtype=np.float64)


def tokens(text: str) -> list[str]:
    """Casefolded words; scripts without spaces yield overlapping pairs of characters instead."""
    folded = unicodedata.normalize("NFKC", text).casefold()
    found: list[str] = []
    for run in "".join(c if is_word_character(c) else " " for c in folded).split():
        for unspaced, characters in groupby(run, is_unspaced):
            word = "".join(characters)
            if unspaced and len(word) > 2:
                found += [word[i : i + 2] for i in range(len(word) - 1)]
            else:
                found.append(word)
    return found


def token_features(token: str) -> dict[str, float]:
    """Split a token's weight of 1 between itself and its character 4-grams.

    Inflections share 4-grams, so these replace a stemmer: McNamee and Mayfield, "Character N-Gram
    Tokenization for European Language Text Retrieval", Information Retrieval 7, 2004.
    """
    if len(token) <= _GRAM:
        return {token: 1.0}
    padded = f"_{token}"
    grams = [padded[i : i + _GRAM] for i in range(len(padded) - _GRAM + 1)]
    features: dict[str, float] = {token: 0.5}
    for gram in grams:
        features[f"~{gram}"] = features.get(f"~{gram}", 0.0) + 0.5 / len(grams)
    return features


def sentence_features(texts: Sequence[str]) -> SentenceFeatures:
    """The features of all sentences, weighted by inverse document frequency over the sentences.

    The weight is (log(n / df) / log(n))², so features that most sentences share weigh nearly
    nothing. This finds stop words in any language.
    """
    vocabulary: dict[str, int] = {}
    rows: list[dict[int, float]] = []
    for text in texts:
        row: dict[int, float] = {}
        for token, times in Counter(tokens(text)).items():
            for feature, share in token_features(token).items():
                number = vocabulary.setdefault(feature, len(vocabulary))
                row[number] = row.get(number, 0.0) + share * times
        rows.append(row)
    frequency = np.zeros(len(vocabulary), dtype=np.int64)
    for row in rows:
        frequency[list(row)] += 1
    ids = tuple(np.array(list(row), dtype=np.int64) for row in rows)
    counts = tuple(np.array(list(row.values()), dtype=np.float64) for row in rows)
    return SentenceFeatures(ids, counts, _weights(frequency, len(texts)), frequency)


def clustering(features: SentenceFeatures) -> Floats:
    """How much each feature clusters, from 0 (as by chance, or only once) to 1, shape (features,).

    Words that matter to a topic stand in clusters, others are spread as if by chance: Ortuño et
    al., "Keyword detection in natural texts and DNA", Europhysics Letters 57, 2002. The measure is
    the geometric mean of the distances between sentences with the feature, relative to the mean
    that chance (exponential distances) gives.
    """
    number = len(features.ids)
    last = np.full(len(features.weights), -1)
    logs = np.zeros(len(features.weights))
    for i, ids in enumerate(features.ids):
        again = ids[last[ids] >= 0]
        logs[again] += np.log(i - last[again])
        last[ids] = i
    distances = np.maximum(1, features.frequency - 1)
    by_chance = number / np.maximum(1, features.frequency) * math.exp(-0.5772)
    near = 1.0 - np.exp(logs / distances) / by_chance
    kept: Floats = np.where(features.frequency >= 2, np.clip(near, 0.0, 1.0), 0.0)
    return kept


def _weights(frequency: Integers, number: int) -> Floats:
    total = math.log(number + 1)
    rarity = np.log((number + 1) / np.maximum(frequency, 1)) / total if number else frequency * 0.0
    weights: Floats = np.clip(rarity, 0.0, 1.0) ** 2
    return weights
