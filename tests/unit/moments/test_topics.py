"""What parts topics: shared words, pauses that stand out, expected lengths."""

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


def _plainly(sentences: list[list[int]], seconds: list[int], window: float, i: int) -> float:
    """The same share, by adding up both sides anew."""
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
def test_shared_words_are_those_of_both_sides(
    said: list[tuple[list[int], int]], window: float
) -> None:
    """Sliding windows give what adding up each side anew gives."""
    sentences, seconds = [s for s, _ in said], [n for _, n in said]
    shares = shared_words(_rows(sentences), FEATURES, np.array(seconds, dtype=np.float64), window)
    expected = [0.0] + [_plainly(sentences, seconds, window, i) for i in range(1, len(said))]
    assert shares == pytest.approx(expected, abs=1e-9)


def _cues(pauses: list[float]) -> Floats:
    rows = _rows([[1, 0, 0, 0] for _ in pauses])
    return boundary_cues(rows, FEATURES, np.full(len(pauses), 5.0), np.array(pauses))


@pytest.mark.parametrize("usual", [0.2, 0.9])
def test_a_pause_that_stands_out_speaks_for_a_boundary(usual: float) -> None:
    """Whether the speaker pauses briefly or long, the longest pause counts most."""
    pauses = [usual * (1 + 0.1 * (i % 3)) for i in range(12)]
    pauses[7] = 3 * usual
    assert 1 + int(np.argmax(_cues(pauses)[1:])) == 7


def test_like_pauses_leave_no_mark() -> None:
    """Where all pauses are alike, none is better; the first sentence begins a topic anyway."""
    found = _cues([0.6] * 8)
    assert found[1:] == pytest.approx(float(found[1]))
    assert found[0] == 0


def test_lengths_far_from_the_typical_are_dear_but_not_forbidden() -> None:
    """Nothing at the typical length, the weight a factor of e away, never more than a limit."""
    prior = LengthPrior(40.0, 0.5)
    costs = prior.cost(np.array([40.0, 40.0 * math.e, 40.0 / math.e, 1e9, 0.0]))
    assert costs[:3] == pytest.approx([0.0, 0.5, 0.5])
    assert costs[3] == costs[3:].max() <= 9.0


def test_a_prior_on_longer_topics_finds_fewer() -> None:
    """The same speech in passages and in chapters; both begin with the first sentence."""
    talk = spoken(FAMILIAR, 1)
    texts = [s for paragraph in FAMILIAR for s in paragraph.split(". ")]
    begins = np.linspace(0, talk.duration_seconds, len(texts), endpoint=False)
    times = (begins, begins + talk.duration_seconds / len(texts), np.full(len(texts), 0.4))
    priors = (LengthPrior(20.0, 0.5), LengthPrior(200.0, 0.5))
    fine, coarse = find_topics(sentence_features(texts), *times, priors)
    assert fine.first[0] == coarse.first[0] == 0
    assert 1 <= len(coarse.first) < len(fine.first)


@pytest.mark.parametrize("seed", range(4))
def test_what_tells_is_chosen_from_small_talk(seed: int) -> None:
    """Of twenty minutes of small talk with one passage about something, that passage is found."""
    random = np.random.default_rng(seed)
    talk = spoken([chatter(random, 1500), FAMILIAR[seed], chatter(random, 1500)], seed)
    [moment] = find_moments(
        talk.transcript, duration_seconds=talk.duration_seconds, bounds=Bounds(10, 90, 1, 1)
    )
    assert moment.span.overlap_seconds(talk.topics[1]) > 0.5 * moment.span.length_seconds


def _said(contents: list[float]) -> Floats:
    """The prices of boundaries among sentences of five seconds with so much content each."""
    begins: Floats = 5.0 * np.arange(len(contents), dtype=np.float64)
    rows = [(np.array([0]), np.array([content])) for content in contents]
    return boundary_prices(rows, begins, begins + 5.0)


def test_boundaries_cost_more_where_more_is_said() -> None:
    """In an hour of small talk, inside and beside a full passage; elsewhere all cost the same."""
    prices = _said([0.1] * 350 + [5.0] * 10 + [0.1] * 360)
    assert prices[355] > 2 * prices[0]
    assert prices[100] == pytest.approx(prices[0])
    assert int(np.argmax(prices)) in range(330, 380)


def test_even_speech_has_one_price_however_long() -> None:
    """Everywhere the same; the price of hours nears a limit, it does not grow with them."""
    short, long = _said([1.0] * 720), _said([1.0] * 2880)
    assert short == pytest.approx(short[0])
    assert short[0] < long[0] < 1.2 * short[0]


def test_passages_in_small_talk_are_found() -> None:
    """Of eight passages in an hour and a half of small talk without marks, six or more."""
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
