"""Levels of sound in dB, and the loudness curve of a transcript."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from shared.domain.transcript import TimedTranscript

FLOOR_DB = -120.0
CURVE_STEP_SECONDS = 0.5


def level_db(samples: npt.NDArray[np.float32]) -> npt.NDArray[np.float64]:
    """The level of each row of samples in -1..1, in dB relative to full scale, at least -120."""
    power = np.mean(np.square(samples, dtype=np.float64), axis=-1)
    floor = 10 ** (FLOOR_DB / 10)
    levels: npt.NDArray[np.float64] = np.asarray(10 * np.log10(np.maximum(power, floor)))
    return levels


def loudness_of(transcript: TimedTranscript, duration_seconds: float) -> list[float] | None:
    """The level of the speech in dB, one value for each half second of the video.

    Between segments the value is the median of all segments, which is neutral. None if no level is
    known, as for subtitles.
    """
    known = [s for s in transcript.segments if s.loudness_db is not None]
    if not known or duration_seconds <= 0:
        return None
    count = max(1, int(np.ceil(duration_seconds / CURVE_STEP_SECONDS)))
    curve = np.full(count, float(np.median([s.loudness_db for s in known])))
    for segment in known:
        low = int(segment.start_seconds / CURVE_STEP_SECONDS)
        high = max(low + 1, int(np.ceil(segment.end_seconds / CURVE_STEP_SECONDS)))
        curve[low:high] = segment.loudness_db
    levels: list[float] = curve.tolist()
    return levels
