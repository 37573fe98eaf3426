"""The footage of a video without speech: its keyframes and its loudness."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

STEP_SECONDS = 0.5
"""The interval of the loudness values and of the interest curve."""

SILENCE_DB = -55.0
"""The noise of a quiet room; lower levels are inaudible."""


@dataclass(frozen=True, slots=True)
class Picture:
    """A keyframe. `change`, 0..1, is the mean colour difference from the previous keyframe."""

    seconds: float
    change: float


@dataclass(frozen=True, slots=True)
class Footage:
    """Pictures in time order, and the level of each half second in dB. Either may be empty."""

    duration_seconds: float
    pictures: tuple[Picture, ...] = ()
    loudness_db: tuple[float, ...] = ()

    @property
    def step_count(self) -> int:
        """The number of half seconds, including a shorter last one."""
        return max(1, int(np.ceil(self.duration_seconds / STEP_SECONDS - 1e-9)))
