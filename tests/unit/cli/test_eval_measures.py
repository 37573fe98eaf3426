"""Each measure, compared with values worked out by hand or by brute force."""

from __future__ import annotations

from itertools import permutations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cli.evaluation.measuring.matching import (
    boundary_error_seconds,
    cut_word_count,
    match_count,
    mean_overlap,
    overlaps,
)
from cli.evaluation.measuring.measures import Measures, Proposal, Reference, measure, total
from cli.evaluation.measuring.segmentation import pk, positions, window_diff
from shared.domain.spans import TimeSpan
from shared.domain.transcript import Word

WORDS = tuple(Word(f"w{i}", float(i), i + 0.8) for i in range(12))


def _spans(*pairs: tuple[float, float]) -> tuple[TimeSpan, ...]:
    return tuple(TimeSpan(a, b) for a, b in pairs)


def test_overlap_is_intersection_over_union() -> None:
    """Two spans of 10 s that share 5 s overlap by a third; disjoint spans do not overlap."""
    table = overlaps(_spans((0, 10)), _spans((5, 15), (10, 20), (0, 10)))
    assert table[0].tolist() == pytest.approx([1 / 3, 0, 1])
    assert mean_overlap(overlaps(_spans((0, 10), (50, 60)), _spans((5, 15)))) == pytest.approx(
        1 / 6
    )
    assert mean_overlap(overlaps(_spans((0, 10)), ())) == 0


@settings(max_examples=200, deadline=None)
@given(st.lists(st.lists(st.booleans(), min_size=4, max_size=4), min_size=1, max_size=5))
def test_matching_makes_the_most_pairs(rows: list[list[bool]]) -> None:
    """It finds as many pairs as trying every order of the columns."""
    allowed = np.array(rows, dtype=np.bool_)
    columns = [*range(4), *([None] * len(rows))]
    best = max(
        sum(c is not None and bool(allowed[r, c]) for r, c in enumerate(order))
        for order in permutations(columns, len(rows))
    )
    assert match_count(allowed) == best


def test_matching_counts_one_found_moment_for_one_reference_only() -> None:
    """One span over two references is one match; a second span adds no match."""
    reference = Reference(_spans((0, 10), (20, 30), (40, 50)), None)
    found = Proposal(_spans((0, 10), (0.5, 10), (21, 30)))
    measures = measure(reference, found, WORDS)
    assert measures.recall_50 == pytest.approx(2 / 3)
    assert measures.precision == pytest.approx(2 / 3)
    assert measures.f1 == pytest.approx(2 / 3)
    assert measures.mean_iou == pytest.approx((1 + 0.9 + 0) / 3)


def test_recall_is_stricter_at_a_higher_threshold() -> None:
    """A span that overlaps by 0.6 counts at 0.5 and not at 0.7."""
    reference = Reference(_spans((0, 10)), None)
    measures = measure(reference, Proposal(_spans((0, 6))), WORDS)
    assert (measures.recall_50, measures.recall_70) == (1, 0)


def test_recall_is_missing_when_there_is_nothing_to_find() -> None:
    """An item marked as empty has only a precision, and only if something was found."""
    nothing = Reference((), None)
    assert measure(nothing, Proposal(()), WORDS).precision is None
    wrong = measure(nothing, Proposal(_spans((0, 5))), WORDS)
    assert (wrong.precision, wrong.recall_50) == (0, None)


def test_boundary_error_is_measured_to_the_nearest_mark() -> None:
    """Ends at 1 and 9 with marks at 0 and 10 are one second off on average."""
    assert boundary_error_seconds(_spans((1, 9)), [0, 10]) == pytest.approx(1)
    assert boundary_error_seconds((), [0, 10]) is None


def test_cut_words_counts_ends_inside_words() -> None:
    """An end in a gap or on a word's edge cuts nothing; an end inside a word does."""
    assert cut_word_count(WORDS, _spans((0.9, 3.0), (3.8, 5.0))) == 0
    assert cut_word_count(WORDS, _spans((0.4, 3.9), (5.0, 6.1))) == 2


def test_boundary_has_one_place_in_a_silence() -> None:
    """Times within one gap, and within the half word beside it, are the same boundary."""
    assert positions([2.85, 2.95, 3.1], WORDS).tolist() == [3]
    assert positions([0.0, 0.1, 99.0], WORDS).tolist() == []


def test_pk_and_window_diff_equal_values_worked_out_by_hand() -> None:
    """Twelve words in two halves with windows of 3: each error affects the nearest windows."""
    marked = positions([5.9], WORDS)
    assert pk(marked, marked, 12) == 0
    assert window_diff(marked, marked, 12) == 0
    # One word late: of 9 windows (0,3)..(8,11) two are wrong.
    late = positions([6.9], WORDS)
    assert pk(marked, late, 12) == pytest.approx(2 / 9)
    # A near miss in addition to a hit: Pk forgives an error in a window with the hit.
    double = positions([5.9, 6.9], WORDS)
    assert pk(marked, double, 12) == pytest.approx(1 / 9)
    assert window_diff(marked, double, 12) == pytest.approx(3 / 9)
    nothing = positions([], WORDS)
    assert pk(marked, nothing, 12) == pytest.approx(3 / 9)


@given(st.sets(st.integers(1, 39)), st.sets(st.integers(1, 39)))
def test_pk_and_window_diff_stay_within_0_and_1(one: set[int], other: set[int]) -> None:
    """Both are 0 for equal cuts, and WindowDiff is never below Pk."""
    a, b = np.array(sorted(one), dtype=np.int64), np.array(sorted(other), dtype=np.int64)
    first, second = pk(a, b, 40), window_diff(a, b, 40)
    assert first is not None
    assert second is not None
    assert 0 <= first <= second <= 1
    assert pk(a, a, 40) == window_diff(a, a, 40) == 0


def test_total_is_the_mean_of_the_items_with_a_value() -> None:
    """Items without a value do not lower the mean; counts and cost are summed."""
    whole = total(
        [
            Measures(recall_50=1.0, cut_words=2, cost=0.5),
            Measures(recall_50=0.5, pk=0.2, cut_words=1),
            Measures(pk=0.4),
        ]
    )
    assert whole.recall_50 == pytest.approx(0.75)
    assert whole.pk == pytest.approx(0.3)
    assert (whole.cut_words, whole.cost, whole.mean_iou) == (3, 0.5, None)
