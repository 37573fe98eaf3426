"""Where one topic ends and the next begins, by lexical cohesion and pauses."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from shared.domain.features import SentenceFeatures, clustering
from shared.domain.gaps import Floats, Integers

SHORTEST_REACH, LONGEST_REACH, _WORK = 120, 600, 480_000
"""A topic has at most so many sentences; in long transcripts fewer, which bounds the work."""
_PRIOR_MASS = 2.0
_PRICE, _PRICE_MASS = 0.042, 180.0
_SHORT_COST = 5.0
_PAUSE_GAIN = 0.5


@dataclass(frozen=True, slots=True)
class Topics:
    """`first[t]` is topic t's first sentence, `of[i]` sentence i's topic.

    `strength[t]`, 0..1, is how much topic t differs from the one before; 1 for the first.
    """

    first: Integers
    of: Integers
    strength: Floats


def find_topics(features: SentenceFeatures, pauses: Floats) -> Topics:
    """The most probable division into topics; `pauses[i]` is the silence after sentence i, 0..1.

    Each topic is scored by how well its own word distribution, with the transcript's as prior,
    foretells its words; each boundary has a price, and dynamic programming finds the division
    of least total cost: Utiyama and Isahara, "A Statistical Model for Domain-Independent Text
    Segmentation", ACL 2001. Ours weighs features by rarity and by how they cluster, and counts
    a repetition less than a first occurrence, as speakers who said a word once will say it again
    (docs/decisions/0040). A boundary's price grows with the content of the transcript, as topics
    of longer recordings are longer, but not without end; it is less after a pause.
    """
    number = len(features.ids)
    segments = _Segments(features)
    price = _PRICE * segments.content / (1 + segments.content / _PRICE_MASS)
    gain = price * _PAUSE_GAIN * np.append(0.0, pauses[:-1])[:number]
    best = np.concatenate(([0.0], np.full(number, np.inf)))
    back = np.zeros(number + 1, dtype=np.int64)
    for last in range(number):
        starts, costs = segments.ending_at(last)
        short = price * _SHORT_COST / (last + 1 - starts)
        totals = best[starts] + costs + price + short - gain[starts]
        choice = int(np.argmin(totals))
        best[last + 1], back[last + 1] = totals[choice], starts[choice]
    firsts: list[int] = []
    end = number
    while end > 0:
        end = int(back[end])
        firsts.append(end)
    first = np.array(firsts[::-1], dtype=np.int64)
    of = np.searchsorted(first, np.arange(number), side="right") - 1
    return Topics(first, of.astype(np.int64), _strengths(features, of))


class _Segments:
    """Costs of all segments that end at one sentence, kept up as that sentence moves on.

    Column s of `_counts` (features by starts) counts the features since sentence s, modulo the
    longest topic.
    """

    def __init__(self, features: SentenceFeatures) -> None:
        self._weights = features.weights * np.sqrt(clustering(features))
        repeated = self._weights > 0
        self._rename = np.where(repeated, np.cumsum(repeated) - 1, -1)
        self._features = features
        number = max(1, len(features.ids))
        reach = min(LONGEST_REACH, max(SHORTEST_REACH, _WORK // number))
        self._width = min(reach, number)
        self._size = max(1, int(repeated.sum()))
        self._counts = np.zeros((self._size, self._width))
        totals = self._totals()
        self.content = float(totals.sum())
        """The weight of all that is repeated in the transcript."""
        self._prior = _PRIOR_MASS * (totals / self.content)[:, None]
        self._likelihood = np.zeros(self._width)
        self._mass = np.zeros(self._width)

    def _totals(self) -> Floats:
        """Each repeated feature's weighted count in the whole transcript."""
        total = np.full(self._size, 1e-9)
        features = self._features
        for ids, counts in zip(features.ids, features.counts, strict=True):
            names = self._rename[ids]
            kept = names >= 0
            total[names[kept]] += (counts * self._weights[ids])[kept]
        return total

    def ending_at(self, last: int) -> tuple[Integers, Floats]:
        """Starts of the segments that end with sentence `last`, and the cost of each."""
        features = self._features
        column = last % self._width
        self._counts[:, column] = 0.0
        self._likelihood[column] = self._mass[column] = 0.0
        names = self._rename[features.ids[last]]
        kept = names >= 0
        names = names[kept]
        added = (features.counts[last] * self._weights[features.ids[last]])[kept]
        before, prior = self._counts[names], self._prior[names]
        after = before + added[:, None]
        self._counts[names] = after
        before, after = np.log1p(before), np.log1p(after)
        grown = after * np.log(after + prior) - before * np.log(before + prior)
        self._likelihood += grown.sum(axis=0)
        self._mass += (after - before).sum(axis=0)
        starts = np.arange(max(0, last - self._width + 1), last + 1)
        slots = starts % self._width
        mass = self._mass[slots]
        costs = mass * np.log(mass + _PRIOR_MASS) - self._likelihood[slots]
        return starts, costs


def _strengths(features: SentenceFeatures, of: Integers) -> Floats:
    """1 minus the cosine between each topic's weighted features and those of the one before."""
    number = int(of[-1]) + 1 if len(of) else 0
    strength = np.ones(number)
    previous = np.zeros(0)
    for topic in range(number):
        vector = np.zeros(len(features.weights))
        for i in np.flatnonzero(of == topic):
            vector[features.ids[i]] += features.counts[i] * features.weights[features.ids[i]]
        norm = float(np.linalg.norm(vector))
        vector = vector / norm if norm else vector
        if topic:
            strength[topic] = 1.0 - float(vector @ previous)
        previous = vector
    return strength
