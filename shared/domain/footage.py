"""What a survey of a video without speech brings back: its pictures and its loudness."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

STEP_SECONDS = 0.5
"""One value of loudness, and one place on the time line of interest."""


SILENCE_DB = -55.0
"""Below this nothing is heard: the noise of a quiet room."""


@dataclass(frozen=True, slots=True)
class Picture:
    """A keyframe. `change`, 0..1, is the mean difference of its colours from the one before."""

    seconds: float
    change: float


@dataclass(frozen=True, slots=True)
class Footage:
    """Pictures in order of time, the level of each half second in dB; either may be empty."""

    duration_seconds: float
    pictures: tuple[Picture, ...] = ()
    loudness_db: tuple[float, ...] = ()

    @property
    def step_count(self) -> int:
        """Half seconds, the last perhaps shorter."""
        return max(1, int(np.ceil(self.duration_seconds / STEP_SECONDS - 1e-9)))
