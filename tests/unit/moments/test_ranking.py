"""Deduplication, scores and selection among candidates."""

from __future__ import annotations

import random
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from shared.domain.spans import TimeSpan
from shared.moments.rules.bounds import Bounds, MomentDraft
from shared.moments.rules.deduplication import Candidate, deduplicate
from shared.moments.rules.ranking import (
    CRITERIA,
    combined_scores,
    complete_order,
    fill_up,
    rounded_score,
    select_candidates,
    weighted_score,
)
from shared.moments.rules.script import Script
from tests.support.llm.runs import talk

SCRIPT = Script.of(talk(80, seed=6), 500.0)


def candidate(key: int, first: int, last: int, score: float = 5.0, text: str = "") -> Candidate:
    """A candidate of whole sentences."""
    span = TimeSpan(
        SCRIPT.sentences[first].start_seconds - 0.1, SCRIPT.sentences[last].end_seconds + 0.1
    )
    return Candidate(key, span, first, last, text or SCRIPT.text(first, last), score)


def test_merge_joins_candidates_that_overlap_in_time() -> None:
    """Of two that overlap by half of the shorter, the better one stays."""
    kept, merged = deduplicate(
        [candidate(1, 0, 5, 4.0), candidate(2, 3, 6, 6.0), candidate(3, 20, 25)]
    )
    assert [c.key for c in kept] == [2, 3]
    assert [(m.key, m.into, m.test) for m in merged] == [(1, 2, "time")]


def test_merge_joins_candidates_that_share_sentences() -> None:
    """Sentence numbers decide where recognised times are off."""
    apart = Candidate(2, TimeSpan(300.0, 310.0), 0, 3, "other words altogether here", 3.0)
    kept, merged = deduplicate([candidate(1, 0, 3), apart])
    assert [c.key for c in kept] == [1]
    assert [m.test for m in merged] == ["sentences"]


def test_merge_joins_candidates_with_the_same_words_elsewhere() -> None:
    """A podcast's teaser is the same as the moment it quotes."""
    said = SCRIPT.text(40, 44)
    kept, merged = deduplicate([candidate(1, 40, 44), candidate(2, 0, 4, 3.0, said + " And more.")])
    assert [c.key for c in kept] == [1]
    assert [m.test for m in merged] == ["text"]


CANDIDATES = st.lists(
    st.tuples(st.integers(0, 70), st.integers(0, 8), st.floats(0, 10)), min_size=1, max_size=25
).map(lambda found: [candidate(i, a, a + n, q) for i, (a, n, q) in enumerate(found)])


@given(CANDIDATES, st.randoms())
def test_merge_does_not_depend_on_the_order(found: list[Candidate], rng: random.Random) -> None:
    """Each candidate is kept or merged into one that is no worse; merging again changes nothing."""
    kept, merged = deduplicate(found)
    shuffled = list(found)
    rng.shuffle(shuffled)
    assert deduplicate(shuffled) == (kept, merged)
    assert deduplicate(kept)[0] == kept
    assert {c.key for c in kept} | {m.key for m in merged} == {c.key for c in found}
    scores = {c.key: c.score for c in found}
    for one in merged:
        assert one.into in {c.key for c in kept}
        assert scores[one.into] >= scores[one.key]


@given(CANDIDATES, st.integers(0, 4), st.integers(0, 6))
def test_choose_keeps_the_bounds(found: list[Candidate], least: int, more: int) -> None:
    """The moments are in order of time, disjoint, never too many, and enough where so many fit."""
    bounds = Bounds(1.0, 400.0, least, least + more)
    scores = {c.key: c.score for c in found}
    chosen = select_candidates(found, scores, SCRIPT.words, bounds)
    spans = [next(c.span for c in found if c.key == key) for key in chosen]
    assert len(chosen) <= bounds.max_moments
    for before, after in pairwise(spans):
        assert before.end_seconds <= after.start_seconds
    assert len(chosen) >= min(least, _most_apart([c.span for c in found]))


def _most_apart(spans: list[TimeSpan]) -> int:
    count, end = 0, -1.0
    for span in sorted(spans, key=lambda s: s.end_seconds):
        if span.start_seconds >= end:
            count, end = count + 1, span.end_seconds
    return count


def test_choose_prefers_one_excellent_moment_to_two_dull_ones() -> None:
    """The excellent moment overlaps both and wins."""
    found = [candidate(1, 0, 9), candidate(2, 0, 4), candidate(3, 5, 9), candidate(4, 30, 33)]
    chosen = select_candidates(
        found, {1: 9.0, 2: 3.0, 3: 3.0, 4: 7.0}, SCRIPT.words, Bounds(1, 400, 0, 2)
    )
    assert chosen == [1, 4]


def test_choose_takes_low_scores_only_to_reach_the_minimum() -> None:
    """A moment below 2 is left out unless the minimum needs it."""
    found = [candidate(1, 0, 4), candidate(2, 20, 24)]
    scores = {1: 8.0, 2: 0.5}
    assert select_candidates(found, scores, SCRIPT.words, Bounds(1, 400, 0, 5)) == [1]
    assert select_candidates(found, scores, SCRIPT.words, Bounds(1, 400, 2, 5)) == [1, 2]


def test_weighted_is_the_mean_of_the_sub_scores() -> None:
    """Weights need not sum to one; a score out of range counts as the nearest end."""
    weights = dict.fromkeys(CRITERIA, 2.0)
    assert weighted_score(dict.fromkeys(CRITERIA, 7), weights) == 7.0
    assert weighted_score({"hook": 10}, {"hook": 1.0, "substance": 3.0}) == 2.5
    assert weighted_score({"hook": 99, "substance": -5}, {"hook": 1.0, "substance": 1.0}) == 5.0
    assert weighted_score({"hook": 9}, {}) == 0.0


@given(
    st.lists(st.integers(0, 30), max_size=40),
    st.lists(st.integers(0, 30), min_size=1, max_size=20, unique=True),
)
def test_complete_order_adds_missing_keys_or_rejects(
    given_order: list[int], keys: list[int]
) -> None:
    """Every key comes exactly once, named ones first; None if less than half are named."""
    order = complete_order(given_order, keys)
    named = [key for key in dict.fromkeys(given_order) if key in keys]
    if 2 * len(named) < len(keys):
        assert order is None
    else:
        assert order is not None
        assert sorted(order) == sorted(keys)
        assert order[: len(named)] == named


def test_combined_scores_differ_when_the_scores_are_equal() -> None:
    """A model that gives everything a seven still makes a list of different scores."""
    keys = list(range(10))
    found = combined_scores(dict.fromkeys(keys, 7.0), keys)
    assert list(found.values()) == sorted(found.values(), reverse=True)
    assert len({rounded_score(score) for score in found.values()}) >= 4
    assert all(0 <= score <= 10 for score in found.values())
    assert combined_scores({5: 3.0}, [5]) == {5: 3.0}


def test_fill_up_adds_the_best_others_without_overlap() -> None:
    """It adds the best of the remaining candidates that fit, and no more than are missing."""
    others = [
        MomentDraft(TimeSpan(start, start + 10), "t", score, "r", 0, 0)
        for start, score in ((0, 9), (15, 5), (30, 8), (50, 1))
    ]
    added = fill_up([TimeSpan(5, 20)], others, 1)
    assert [m.span.start_seconds for m in added] == [30]
    assert len(fill_up([TimeSpan(5, 20)], others, 9)) == 2
