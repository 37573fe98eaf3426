"""Find the boundaries between topics by lexical cohesion and pauses."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from shared.moments.rules.extractive.cues import Rows, boundary_cues
from shared.moments.rules.extractive.features import SentenceFeatures, clustering
from shared.moments.rules.gaps import Floats, Integers

SHORTEST_REACH, LONGEST_REACH, _WORK = 120, 600, 480_000
"""The most sentences of a topic; fewer in long transcripts, which bounds the work."""
_PRIOR_MASS = 2.0
_PRICE, _PRICE_SECONDS, _NEAR_SECONDS = 0.081, 600.0, 120.0
_NEAR_SHARE, _LEAST_PRICE = 0.8, 1e-9
_LEAST_SECONDS, _UNLIKELIEST = 0.5, 9.0


@dataclass(frozen=True, slots=True)
class Topics:
    """`first[t]` is the first sentence of topic t, `of[i]` the topic of sentence i.

    `strength[t]`, 0..1, is the difference between topic t and the previous one; 1 for the first.
    """

    first: Integers
    of: Integers
    strength: Floats


@dataclass(frozen=True, slots=True)
class LengthPrior:
    """The expected length of topics: log-normal around `typical_seconds`, flat far away.

    `weight` is the price of a topic e times as long or as short, in prices of a boundary.
    """

    typical_seconds: float
    weight: float

    def cost(self, seconds: Floats) -> Floats:
        """The price of topics of these lengths, in prices of a boundary."""
        factor = np.log(np.maximum(seconds, _LEAST_SECONDS) / self.typical_seconds)
        cost: Floats = np.minimum(self.weight * factor**2, _UNLIKELIEST)
        return cost


def find_topics(
    features: SentenceFeatures,
    begins: Floats,
    ends: Floats,
    pauses: Floats,
    priors: Sequence[LengthPrior],
) -> list[Topics]:
    """The most probable division into topics, for each prior on their length.

    `begins`, `ends` and `pauses` give each sentence's times and the pause before it, in seconds.

    The cost of a topic is how badly its own word distribution, with the transcript's as prior,
    predicts its words. Each boundary has a price, and dynamic programming finds the division of
    least total cost: Utiyama and Isahara, "A Statistical Model for Domain-Independent Text
    Segmentation", ACL 2001. Unlike theirs, this model weighs features by rarity and by clustering,
    and counts a repetition less than a first occurrence, because speakers repeat their words
    (docs/decisions/0040). The price of a boundary is the content of some minutes, because talk full
    of repeated words can be split in many places (0041). Cues raise or lower the price.
    """
    number = len(features.ids)
    segments = _Segments(features)
    prices = boundary_prices(segments.rows, begins, ends)
    cues = boundary_cues(segments.rows, segments.size, ends - begins, pauses)
    best = np.full((len(priors), number + 1), np.inf)
    best[:, 0] = 0.0
    back = np.zeros((len(priors), number + 1), dtype=np.int64)
    for last in range(number):
        starts, costs = segments.ending_at(last)
        costs += prices[starts] * (1.0 - cues[starts])
        for k, prior in enumerate(priors):
            lengths = prior.cost(ends[last] - begins[starts])
            totals = best[k, starts] + costs + prices[starts] * lengths
            choice = int(np.argmin(totals))
            best[k, last + 1], back[k, last + 1] = totals[choice], starts[choice]
    return [_topics(features, path) for path in back]


def boundary_prices(rows: Rows, begins: Floats, ends: Floats) -> Floats:
    """The price of a boundary before each sentence: a share of the content of some minutes.

    The content is that of the whole video or, if greater, of the surroundings, so that a dense
    passage in hours of small talk is not split into fragments.
    """
    content = np.concatenate(([0.0], np.cumsum([values.sum() for _, values in rows])))
    span = max(_LEAST_SECONDS, float(ends[-1] - begins[0]))
    low = np.minimum(np.searchsorted(ends, begins - _NEAR_SECONDS), np.arange(len(rows)))
    high = np.maximum(np.searchsorted(begins, begins + _NEAR_SECONDS), np.arange(len(rows)) + 1)
    near = np.maximum(1.0, ends[high - 1] - begins[low])
    density = np.maximum(_NEAR_SHARE * (content[high] - content[low]) / near, content[-1] / span)
    price: Floats = _PRICE * density * span / (1 + span / _PRICE_SECONDS)
    return np.maximum(price, _LEAST_PRICE)


def _topics(features: SentenceFeatures, back: Integers) -> Topics:
    """Trace the best division; `back[i]` is the first sentence of the best topic that ends at i."""
    firsts: list[int] = []
    end = number = len(features.ids)
    while end > 0:
        end = int(back[end])
        firsts.append(end)
    first = np.array(firsts[::-1], dtype=np.int64)
    of = np.searchsorted(first, np.arange(number), side="right") - 1
    return Topics(first, of.astype(np.int64), _strengths(features, of))


class _Segments:
    """The costs of all segments that end at one sentence, updated as that sentence advances.

    Column s of `_counts` (features by starts) counts the features since sentence s, modulo the
    longest topic.
    """

    def __init__(self, features: SentenceFeatures) -> None:
        weights = features.weights * np.sqrt(clustering(features))
        repeated = weights > 0
        rename = np.where(repeated, np.cumsum(repeated) - 1, -1)
        self.size = max(1, int(repeated.sum()))
        self.rows: list[tuple[Integers, Floats]] = []
        """For each sentence the new numbers of its repeated features, and their weighted counts."""
        for ids, counts in zip(features.ids, features.counts, strict=True):
            kept = rename[ids] >= 0
            self.rows.append((rename[ids][kept], (counts * weights[ids])[kept]))
        number = max(1, len(self.rows))
        reach = min(LONGEST_REACH, max(SHORTEST_REACH, _WORK // number))
        self._width = min(reach, number)
        self._counts = np.zeros((self.size, self._width))
        totals = np.full(self.size, 1e-9)
        for names, values in self.rows:
            totals[names] += values
        self.content = float(totals.sum())
        """The total weight of the repeated features in the transcript."""
        self._prior = _PRIOR_MASS * (totals / self.content)[:, None]
        self._likelihood = np.zeros(self._width)
        self._mass = np.zeros(self._width)

    def ending_at(self, last: int) -> tuple[Integers, Floats]:
        """The starts of the segments that end with sentence `last`, and the cost of each."""
        column = last % self._width
        self._counts[:, column] = 0.0
        self._likelihood[column] = self._mass[column] = 0.0
        names, added = self.rows[last]
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
    """1 minus the cosine between the weighted features of each topic and of the previous one."""
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
