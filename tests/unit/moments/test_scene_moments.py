"""Moments without words: scenes, loudness, and bounds that always hold."""

from __future__ import annotations

import math
import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.domain.footage import Footage, Picture
from shared.domain.spans import TimeSpan
from shared.moments.rules.bounds import Bounds
from shared.moments.rules.scene_moments import SceneMoment, find_scene_moments
from shared.moments.rules.signals import scene_starts, signals_of

USUAL = Bounds(5, 90, 1, 10)


def pictures(changes: dict[float, float], *, length: float, every: float = 2.0) -> list[Picture]:
    """A still picture every `every` seconds, and one at each given time with its change."""
    times = {n * every: 0.001 for n in range(math.ceil(length / every))} | changes
    return [Picture(t, change) for t, change in sorted(times.items())]


def levels(loud: list[tuple[float, float]], *, length: float, quiet: float = -50.0) -> list[float]:
    """-12 dB within the given spans (seconds), quiet outside."""
    steps = (np.arange(math.ceil(length * 2)) + 0.5) / 2
    return [-12.0 if any(a <= t < b for a, b in loud) else quiet for t in steps]


def spans(moments: list[SceneMoment]) -> list[tuple[float, float]]:
    """Start and end of each moment."""
    return [(m.span.start_seconds, m.span.end_seconds) for m in moments]


FOOTAGE = st.builds(
    lambda length, cuts, noise, level: Footage(
        length,
        tuple(
            Picture(t, c)
            for t, c in sorted({round(f * length, 3): c for f, c in cuts}.items())
            if t < length
        ),
        tuple((level + noise)[: math.ceil(length * 2)]),
    ),
    st.floats(0.3, 400),
    st.lists(st.tuples(st.floats(0, 0.999), st.floats(0, 1)), max_size=60),
    st.lists(st.floats(-120, 0), max_size=200),
    st.lists(st.floats(-120, 0), max_size=200),
)
BOUNDS = st.builds(
    lambda low, more, least, extra: Bounds(low, low + more, least, least + extra),
    st.floats(0.1, 60),
    st.one_of(st.just(0.0), st.floats(0, 90), st.just(math.inf)),
    st.integers(0, 4),
    st.integers(0, 8),
)


@settings(max_examples=150, deadline=None)
@given(FOOTAGE, BOUNDS)
def test_scene_moments_keep_every_bound(footage: Footage, bounds: Bounds) -> None:
    """For any footage the moments are within bounds, ordered, disjoint and reproducible."""
    found = find_scene_moments(footage, bounds)
    assert len(found) <= bounds.max_moments
    end = 0.0
    for moment in found:
        length = moment.span.length_seconds
        assert bounds.min_length_seconds - 1e-6 <= length <= bounds.max_length_seconds + 1e-6
        assert end <= moment.span.start_seconds
        end = moment.span.end_seconds
        assert 0 <= moment.score <= 10
        assert moment.title
    assert end <= footage.duration_seconds + 1e-9
    assert find_scene_moments(footage, bounds) == found


@settings(max_examples=150, deadline=None)
@given(FOOTAGE, BOUNDS)
def test_scene_titles_describe_the_span(footage: Footage, bounds: Bounds) -> None:
    """Time, number of scene changes and the loudest half second are those of the span."""
    scenes = signals_of(footage).scenes
    for moment in find_scene_moments(footage, bounds):
        start, end = moment.span.start_seconds, moment.span.end_seconds
        said = re.fullmatch(r"(Scene|Passage) at (?:(\d+):)?(\d+):(\d\d)(: .+)?", moment.title)
        assert said is not None
        assert 60 * int(said[3]) + int(said[4]) == int(start)
        changes = re.search(r"(\d+) scene changes?", moment.title)
        assert int(changes[1] if changes else 0) == sum(start < t < end for t in scenes.tolist())
        if "the loudest part" in moment.title:
            peak = int(np.argmax(footage.loudness_db)) / 2
            assert start - 1e-6 <= peak <= end


@settings(max_examples=100, deadline=None)
@given(FOOTAGE, st.floats(0.1, 60), st.integers(1, 3))
def test_scene_moments_reach_the_least_count_when_there_is_any_signal(
    footage: Footage, shortest: float, least: int
) -> None:
    """With a signal and enough room there are never fewer moments than requested."""
    interest = signals_of(footage).interest
    if interest is None or interest.max() <= 0:
        return
    found = find_scene_moments(footage, Bounds(shortest, 2 * shortest + 5, least, 10))
    # Ends lie at most half the shortest moment, or a second, apart.
    room = int(footage.duration_seconds // (shortest + max(1.0, shortest / 2) + 1e-6))
    assert len(found) >= min(least, room)


def test_scene_moments_follow_scenes() -> None:
    """Each of four still scenes without sound is a moment, from cut to cut."""
    cut = pictures({12.0: 0.4, 20.0: 0.3, 35.0: 0.5}, length=45)
    found = find_scene_moments(Footage(45.0, tuple(cut)), USUAL)
    assert spans(found) == [(0, 12), (12, 20), (20, 35), (35, 45)]
    assert {m.title.partition(" at ")[0] for m in found} == {"Scene"}


def test_scene_moments_follow_loudness() -> None:
    """Two bursts in a quiet recording of one picture are moments; the longer scores no less."""
    heard = levels([(20, 30), (60, 67)], length=120)
    still = tuple(pictures({}, length=120))
    found = find_scene_moments(Footage(120.0, still, tuple(heard)), USUAL)
    assert len(found) == 2
    for (start, end), (first, last) in zip(spans(found), [(20, 30), (60, 67)], strict=True):
        assert first - 2.5 <= start <= first
        assert last <= end <= last + 3.5
    assert "the loudest part" in found[0].title
    assert "loudest at" in found[1].title


def test_scene_moments_combine_sound_and_picture() -> None:
    """Of three equal scenes the one with the loud sound wins when one moment is allowed."""
    cut = pictures({40.0: 0.4, 80.0: 0.4}, length=120)
    footage = Footage(120.0, tuple(cut), tuple(levels([(45, 75)], length=120)))
    (only,) = find_scene_moments(footage, Bounds(5, 60, 1, 1))
    assert only.span.overlap_seconds(TimeSpan(45, 75)) > 29


@pytest.mark.parametrize(
    "footage",
    [
        Footage(60.0),
        Footage(60.0, tuple(pictures({}, length=60))),
        Footage(60.0, (), tuple(levels([], length=60, quiet=-120))),
        Footage(60.0, tuple(pictures({}, length=60)), tuple(levels([(0, 60)], length=60))),
        Footage(60.0, tuple(pictures({}, length=60)), tuple(levels([], length=60, quiet=-58))),
    ],
    ids=["nothing", "still", "silent", "still and a steady tone", "still and a quiet room"],
)
def test_scene_moments_are_none_when_nothing_happens(footage: Footage) -> None:
    """A still picture, silence or a steady tone gives no moment, even if one is requested."""
    assert signals_of(footage).interest is None
    assert find_scene_moments(footage, USUAL) == []


def test_scene_moments_are_none_when_the_video_is_too_short() -> None:
    """Three seconds cannot hold a moment of five."""
    assert find_scene_moments(Footage(3.0, (Picture(0, 0), Picture(1, 0.5))), USUAL) == []


def test_scene_starts_tell_cuts_from_camera_movement() -> None:
    """A picture that changes like its neighbours is movement; one that changes more is a cut."""
    changes = np.array([0.0] + [0.09, 0.1, 0.11] * 10 + [0.35] + [0.1, 0.09] * 5)
    assert np.flatnonzero(scene_starts(changes)).tolist() == [31]
    assert scene_starts(np.array([0.0] + [0.3] * 20)).sum() == 20


def test_scene_moments_reach_their_count_in_twelve_hours() -> None:
    """For any bounds, twelve hours of cuts and noise give as many moments as allowed."""
    random = np.random.default_rng(7)
    times = np.arange(0, 43_200, 5.0)
    changes = random.uniform(0, 0.5, len(times))
    seen = tuple(Picture(float(t), float(c)) for t, c in zip(times, changes, strict=True))
    footage = Footage(43_200.0, seen, tuple(random.uniform(-60, -5, 86_400).tolist()))
    for bounds in (USUAL, Bounds(0.5, math.inf, 1, 10), Bounds(1, 1, 1, 10)):
        found = find_scene_moments(footage, bounds)
        assert 1 <= len(found) <= 10
