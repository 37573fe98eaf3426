"""Cutting a stream of samples at quiet places, without ffmpeg."""

from __future__ import annotations

import io

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.media.audio import quietest_cut, split_stream

RATE = 16_000


def noise(seconds: float, seed: int = 1) -> np.ndarray[tuple[int], np.dtype[np.int16]]:
    """Loud samples."""
    drawn = np.random.default_rng(seed).integers(-8000, 8000, round(seconds * RATE))
    return drawn.astype(np.int16)


def test_quietest_cut_lies_in_a_pause_of_the_last_quarter() -> None:
    """A pause of half a second in the last quarter is the place of the cut."""
    window = noise(20.0)
    window[17 * RATE : 17 * RATE + RATE // 2] = 0
    assert 17.0 <= quietest_cut(window) / RATE <= 17.5


def test_quietest_cut_ignores_a_pause_before_the_last_quarter() -> None:
    """Slices stay near their target length."""
    window = noise(20.0)
    window[5 * RATE : 7 * RATE] = 0
    assert quietest_cut(window) >= 15 * RATE


def test_quietest_cut_is_late_in_digital_silence() -> None:
    """All places are equal, so the slice is almost the whole window."""
    assert quietest_cut(np.zeros(20 * RATE, dtype=np.int16)) > 19.7 * RATE


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 200_000), st.integers(1, 40_000), st.integers(0, 2**16))
def test_slices_join_to_the_whole_stream(length: int, target: int, seed: int) -> None:
    """Each sample appears once; no slice is empty or longer than the target."""
    samples = noise(length / RATE, seed)
    slices = list(split_stream(io.BytesIO(samples.tobytes()), target))
    assert b"".join(part.tobytes() for part in slices) == samples.tobytes()
    assert all(0 < len(part) <= target for part in slices)


def test_slices_drop_an_odd_last_byte() -> None:
    """A stream cut inside a sample loses only that half sample."""
    slices = list(split_stream(io.BytesIO(b"\1\0\2\0\3"), 100))
    assert [list(part) for part in slices] == [[1, 2]]
