"""The baselines cut as they should, and the generator beats them."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cli.evaluation.configs import METHODS, parse_config
from cli.evaluation.labelled_set import LengthBounds, read_set
from cli.evaluation.measuring.baselines import equal_boundaries, moments_within, random_boundaries
from cli.evaluation.measuring.measures import Measures, measure, total
from cli.evaluation.measuring.texttiling import text_tiling
from cli.evaluation.proposals import Recording
from shared.moments.rules.bounds import Bounds
from shared.settings.settings import load_settings

SETS = Path(__file__).parents[3] / "cli" / "evaluation" / "sets"


def test_baselines_cut_into_equal_and_random_parts() -> None:
    """Both make as many parts as requested; a seed fixes the random ones."""
    assert equal_boundaries(100, 4) == pytest.approx([25, 50, 75])
    assert equal_boundaries(100, 1) == []
    assert random_boundaries(100, 5, 7) == random_boundaries(100, 5, 7)
    assert random_boundaries(100, 5, 7) != random_boundaries(100, 5, 8)
    assert len(random_boundaries(100, 5, 7)) == 4


@given(st.lists(st.floats(1, 499), max_size=12), st.integers(1, 8))
def test_baselines_keep_the_bounds(boundaries: list[float], most: int) -> None:
    """Lengths and number stay within any bounds that equal parts can meet."""
    found = moments_within(boundaries, 500, Bounds(5, 60, 0, most))
    assert len(found) <= most
    assert all(5 - 1e-9 <= m.length_seconds <= 60 + 1e-9 for m in found)
    assert all(a.end_seconds <= b.start_seconds for a, b in pairwise(found))


def test_text_tiling_cuts_between_two_vocabularies_at_a_sentence() -> None:
    """Two topics of 400 words without a common content word are divided where the second begins."""
    words = _talk("abcdefghij", 28) + _talk("klmnopqrst", 28)
    found = text_tiling(words)
    assert any(abs(cut - len(words) // 2) <= 20 for cut in found)
    assert all(words[cut - 1].endswith(".") for cut in found)
    assert text_tiling(["word"] * 60) == []


def _talk(vocabulary: str, sentences: int) -> list[str]:
    """Sentences of 14 words: function words with three words of each topic in turn."""
    words: list[str] = []
    for i in range(sentences):
        telling = [f"{vocabulary[(i + j) % len(vocabulary)] * 5}" for j in range(3)]
        for word in telling:
            words += ["of", "the", "and", word]
        words += ["it", "is."]
    return words


def _totals(part: str, *methods: str) -> dict[str, Measures]:
    labelled, settings = read_set(SETS / f"{part}.json"), load_settings()
    found: dict[str, list[Measures]] = {method: [] for method in methods}
    for item in labelled.items:
        transcript, reference = item.transcript(), item.reference
        assert transcript is not None
        assert item.duration_seconds is not None
        recording = Recording(item.name, transcript, item.duration_seconds, reference)
        for method in methods:
            config = parse_config(method)
            bounds = config.bounds_for(LengthBounds(), settings=settings)
            proposal = METHODS[config.method](recording, bounds)
            found[method].append(measure(reference, proposal, transcript.words))
    return {method: total(measures) for method, measures in found.items()}


def _value(measures: Measures, name: str) -> float:
    value = getattr(measures, name)
    assert isinstance(value, float)
    return value


@pytest.mark.parametrize("part", ["tuned", "held_out"])
def test_generator_beats_every_baseline(part: str) -> None:
    """It finds more moments with fewer false ones and cuts no word, on both parts of the set."""
    found = _totals(part, "extractive", "equal-cuts", "random", "texttiling")
    ours = found.pop("extractive")
    assert ours.cut_words == 0
    for name, theirs in found.items():
        print(name, ours, theirs, sep="\n")
        assert _value(ours, "recall_50") >= _value(theirs, "recall_50") + 0.08
        assert _value(ours, "recall_70") >= _value(theirs, "recall_70") + 0.12
        assert _value(ours, "f1") >= _value(theirs, "f1") + 0.12
        assert _value(ours, "mean_iou") >= _value(theirs, "mean_iou") + 0.05
    for name, margin in (("equal-cuts", 0.12), ("random", 0.12), ("texttiling", 0.02)):
        assert _value(ours, "pk") <= _value(found[name], "pk") - margin
