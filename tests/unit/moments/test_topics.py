"""The signals that divide topics: shared words, notable pauses, expected lengths."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.moments.rules.bounds import Bounds
from shared.moments.rules.extractive.cohesion import LengthPrior, boundary_prices, find_topics
from shared.moments.rules.extractive.cues import Rows, boundary_cues, shared_words
from shared.moments.rules.extractive.features import sentence_features
from shared.moments.rules.extractive.method import find_moments
from shared.moments.rules.gaps import Floats
from tests.support.moments.corpus import FAMILIAR, spoken
from tools.labelled_sets.chatter import chatter

FEATURES = 4


def _rows(sentences: list[list[int]]) -> Rows:
    """Each sentence's counts of features 0..3, as rows."""
    rows = []
    for counts in sentences:
        names = np.flatnonzero(counts)
        rows.append((names, np.array(counts, dtype=np.float64)[names]))
    return rows


def _shared_by_summing(
    sentences: list[list[int]], seconds: list[int], window: float, i: int
) -> float:
    """The same share, summed over both sides for each boundary."""
    low = i - 1
    while low > 0 and sum(seconds[low - 1 : i]) <= window:
        low -= 1
    high = i + 1
    while high < len(seconds) and sum(seconds[i : high + 1]) <= window:
        high += 1
    left = np.array(sentences[low:i]).sum(axis=0)
    right = np.array(sentences[i:high]).sum(axis=0)
    least = min(left.sum(), right.sum())
    return float(np.minimum(left, right).sum() / least) if least else 0.0


@settings(max_examples=200, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.lists(st.integers(0, 3), min_size=FEATURES, max_size=FEATURES), st.integers(1, 9)
        ),
        min_size=2,
        max_size=12,
    ),
    st.sampled_from([0.5, 4.5, 12.5, 100.5]),
)
def test_shared_words_equal_a_sum_over_both_sides(
    said: list[tuple[list[int], int]], window: float
) -> None:
    """The sliding windows give the same values as summing each side separately."""
    sentences, seconds = [s for s, _ in said], [n for _, n in said]
    shares = shared_words(_rows(sentences), FEATURES, np.array(seconds, dtype=np.float64), window)
    expected = [0.0] + [
        _shared_by_summing(sentences, seconds, window, i) for i in range(1, len(said))
    ]
    assert shares == pytest.approx(expected, abs=1e-9)


def _cues(pauses: list[float]) -> Floats:
    rows = _rows([[1, 0, 0, 0] for _ in pauses])
    return boundary_cues(rows, FEATURES, np.full(len(pauses), 5.0), np.array(pauses))


@pytest.mark.parametrize("usual", [0.2, 0.9])
def test_pauses_favour_a_boundary_at_the_longest(usual: float) -> None:
    """Whether the speaker's pauses are brief or long, the longest counts most."""
    pauses = [usual * (1 + 0.1 * (i % 3)) for i in range(12)]
    pauses[7] = 3 * usual
    assert 1 + int(np.argmax(_cues(pauses)[1:])) == 7


def test_pauses_favour_no_boundary_when_all_are_alike() -> None:
    """Equal pauses count alike; the first sentence begins a topic anyway."""
    found = _cues([0.6] * 8)
    assert found[1:] == pytest.approx(float(found[1]))
    assert found[0] == 0


def test_length_cost_grows_with_distance_from_the_typical_up_to_a_limit() -> None:
    """It is zero at the typical length and the weight at a factor of e."""
    prior = LengthPrior(40.0, 0.5)
    costs = prior.cost(np.array([40.0, 40.0 * math.e, 40.0 / math.e, 1e9, 0.0]))
    assert costs[:3] == pytest.approx([0.0, 0.5, 0.5])
    assert costs[3] == costs[3:].max() <= 9.0


def test_topics_are_fewer_when_longer_ones_are_expected() -> None:
    """The same speech divides into passages or chapters, from the first sentence on."""
    talk = spoken(FAMILIAR, 1)
    texts = [s for paragraph in FAMILIAR for s in paragraph.split(". ")]
    begins = np.linspace(0, talk.duration_seconds, len(texts), endpoint=False)
    times = (begins, begins + talk.duration_seconds / len(texts), np.full(len(texts), 0.4))
    priors = (LengthPrior(20.0, 0.5), LengthPrior(200.0, 0.5))
    fine, coarse = find_topics(sentence_features(texts), *times, priors)
    assert fine.first[0] == coarse.first[0] == 0
    assert 1 <= len(coarse.first) < len(fine.first)


@pytest.mark.parametrize("seed", range(4))
def test_moments_pick_a_full_passage_from_small_talk(seed: int) -> None:
    """The one passage with content in twenty minutes of small talk is found."""
    random = np.random.default_rng(seed)
    talk = spoken([chatter(random, 1500), FAMILIAR[seed], chatter(random, 1500)], seed)
    [moment] = find_moments(
        talk.transcript, duration_seconds=talk.duration_seconds, bounds=Bounds(10, 90, 1, 1)
    )
    assert moment.span.overlap_seconds(talk.topics[1]) > 0.5 * moment.span.length_seconds


def _boundary_costs(contents: list[float]) -> Floats:
    """The costs of boundaries among sentences of five seconds with this much content each."""
    begins: Floats = 5.0 * np.arange(len(contents), dtype=np.float64)
    rows = [(np.array([0]), np.array([content])) for content in contents]
    return boundary_prices(rows, begins, begins + 5.0)


def test_boundary_cost_rises_with_content() -> None:
    """In an hour of small talk it is higher in and beside a full passage, equal elsewhere."""
    prices = _boundary_costs([0.1] * 350 + [5.0] * 10 + [0.1] * 360)
    assert prices[355] > 2 * prices[0]
    assert prices[100] == pytest.approx(prices[0])
    assert int(np.argmax(prices)) in range(330, 380)


def test_boundary_cost_is_even_in_even_speech() -> None:
    """It is the same everywhere, and for long recordings it nears a limit."""
    short, long = _boundary_costs([1.0] * 720), _boundary_costs([1.0] * 2880)
    assert short == pytest.approx(short[0])
    assert short[0] < long[0] < 1.2 * short[0]


def test_moments_find_most_passages_in_small_talk() -> None:
    """Of eight passages in an hour and a half of unpunctuated small talk, six or more are found."""
    random = np.random.default_rng(1)
    parts = [part for text in FAMILIAR for part in (chatter(random, 1300), text)]
    talk = spoken([*parts, chatter(random, 500)], 1, punctuated=False)
    moments = find_moments(
        talk.transcript, duration_seconds=talk.duration_seconds, bounds=Bounds(5, 90, 1, 10)
    )
    met = 0
    for topic in talk.topics[1::2]:
        shared = [m.span.overlap_seconds(topic) for m in moments]
        both = [m.span.length_seconds + topic.length_seconds for m in moments]
        met += any(3 * s >= b for s, b in zip(shared, both, strict=True))
    assert met >= 6
