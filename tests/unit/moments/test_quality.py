"""The generator finds the topics of talks, clearly better than blind cuts do."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise

import numpy as np
import pytest

from shared.domain.spans import TimeSpan
from shared.moments.rules.bounds import Bounds
from shared.moments.rules.extractive.method import find_moments
from tests.support.moments.corpus import FAMILIAR, UNSEEN, LabelledTalk, spoken, talks

BOUNDS = Bounds(8, 60, 1, 10)
Method = Callable[[LabelledTalk], list[TimeSpan]]


def _iou(one: TimeSpan, other: TimeSpan) -> float:
    shared = one.overlap_seconds(other)
    return shared / (one.length_seconds + other.length_seconds - shared)


def _mean_iou(found: Sequence[TimeSpan], topics: Sequence[TimeSpan]) -> float:
    """The mean overlap of each topic with its best span."""
    return float(np.mean([max((_iou(f, t) for f in found), default=0.0) for t in topics]))


def _boundary_error(found: Sequence[TimeSpan], topics: Sequence[TimeSpan]) -> float:
    """The mean distance in seconds from a span's end to the nearest end of a topic."""
    edges = np.array([e for t in topics for e in (t.start_seconds, t.end_seconds)])
    ends = np.array([e for f in found for e in (f.start_seconds, f.end_seconds)])
    return float(np.abs(ends[:, None] - edges).min(axis=1).mean())


def _ours(talk: LabelledTalk) -> list[TimeSpan]:
    found = find_moments(talk.transcript, duration_seconds=talk.duration_seconds, bounds=BOUNDS)
    return [m.span for m in found]


def _cut_at(edges: Sequence[float]) -> list[TimeSpan]:
    return [TimeSpan(a, b) for a, b in pairwise(edges)]


def _equal_cuts(talk: LabelledTalk) -> list[TimeSpan]:
    """Equal parts; the number of topics is given, which the generator does not know."""
    return _cut_at(np.linspace(0, talk.duration_seconds, len(talk.topics) + 1).tolist())


def _random_cuts(talk: LabelledTalk) -> list[TimeSpan]:
    random = np.random.default_rng(len(talk.transcript.words))
    inner = np.sort(random.uniform(0.1, talk.duration_seconds - 0.1, len(talk.topics) - 1))
    return _cut_at([0.0, *inner.tolist(), talk.duration_seconds])


def _measure(method: Method, made: Sequence[LabelledTalk]) -> tuple[float, float]:
    """Mean IoU and mean boundary error over the talks."""
    found = [(method(talk), talk.topics) for talk in made]
    return (
        float(np.mean([_mean_iou(f, t) for f, t in found])),
        float(np.mean([_boundary_error(f, t) for f, t in found])),
    )


@pytest.mark.parametrize("punctuated", [True, False])
@pytest.mark.parametrize("corpus", [FAMILIAR, UNSEEN], ids=["familiar", "unseen"])
def test_generator_finds_topics_better_than_blind_cuts(
    corpus: tuple[str, ...], punctuated: bool
) -> None:
    """It beats cuts that know the number of topics, in IoU and in boundary error."""
    made = talks(corpus, 30, punctuated=punctuated)
    iou, error = _measure(_ours, made)
    print(f"extractive: IoU {iou:.3f}, boundary error {error:.2f} s")
    for blind, margin in ((_equal_cuts, 0.06), (_random_cuts, 0.27)):
        blind_iou, blind_error = _measure(blind, made)
        print(f"{blind.__name__}: IoU {blind_iou:.3f}, boundary error {blind_error:.2f} s")
        assert iou >= blind_iou + margin
        assert error <= 0.6 * blind_error


def test_generator_gives_distinct_scores_and_titles() -> None:
    """Scores are not all equal; each title consists of the moment's own words."""
    talk = talks(FAMILIAR, 6)[-1]
    moments = find_moments(
        talk.transcript, duration_seconds=talk.duration_seconds, bounds=Bounds(8, 30, 4, 10)
    )
    assert len({m.score for m in moments}) > 1
    assert len({m.title for m in moments}) == len(moments)
    for moment in moments:
        inside = " ".join(
            w.text
            for w in talk.transcript.words
            if moment.span.start_seconds <= w.start_seconds < moment.span.end_seconds
        )
        assert moment.title.casefold() in inside.casefold()
        assert len(moment.title) <= 80


@pytest.mark.parametrize("loud_half", [0, 1])
def test_generator_chooses_the_loud_passage_among_equal_ones(loud_half: int) -> None:
    """If the same words occur twice and one moment is wanted, the louder passage wins."""
    talk = spoken([FAMILIAR[0], FAMILIAR[0]], 1)
    loudness = [-30.0] * 100
    loudness[50 * loud_half : 50 * loud_half + 50] = [-8.0] * 50
    [moment] = find_moments(
        talk.transcript,
        duration_seconds=talk.duration_seconds,
        bounds=Bounds(30, 45, 1, 1),
        loudness=loudness,
    )
    middle = (moment.span.start_seconds + moment.span.end_seconds) / 2
    assert int(middle > talk.duration_seconds / 2) == loud_half
