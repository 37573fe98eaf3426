"""Read from a file of `tests.support.media.factory` which part of the video it shows.

Independent of `shared.media`: it decodes with PyAV, in-process, from the first packet on.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import av
import numpy as np

from tests.support.media.factory import STRIP_BITS, TONE_BASE_HZ, TONE_RISE_HZ_PER_SECOND


def frame_numbers(path: Path) -> list[tuple[float, int]]:
    """(presentation time in seconds, frame number) of every picture of the file."""
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        return [
            (float(frame.time or 0.0), frame_number(frame)) for frame in container.decode(stream)
        ]


def frame_number(frame: av.VideoFrame) -> int:
    """The number in the strip at the bottom of an upright picture."""
    luma: Any = frame.to_ndarray(format="gray")
    row = luma[-max(2, luma.shape[0] // 10)]
    width = len(row) / STRIP_BITS
    bits = [row[int((bit + 0.5) * width)] > 127 for bit in range(STRIP_BITS)]
    return sum(1 << bit for bit, is_set in enumerate(bits) if is_set)


def sound(path: Path) -> tuple[np.ndarray[Any, Any], int, float]:
    """(mono samples, rate in Hz, presentation time of the first sample)."""
    pieces: list[Any] = []
    start: float | None = None
    rate = 0
    with av.open(str(path)) as container:
        resampler = av.AudioResampler(format="flt", layout="mono")
        for frame in container.decode(container.streams.audio[0]):
            start = float(frame.time or 0.0) if start is None else start
            rate = frame.sample_rate
            pieces += [out.to_ndarray()[0] for out in resampler.resample(frame)]
    return np.concatenate(pieces), rate, start or 0.0


def tone_time(path: Path, at_seconds: float, *, rise: float = TONE_RISE_HZ_PER_SECOND) -> float:
    """The second of the video that sounds at `at_seconds` of the file, by its pitch."""
    samples, rate, start = sound(path)
    middle = round((at_seconds - start) * rate)
    half = round(0.05 * rate)
    piece = samples[max(0, middle - half) : middle + half]
    spectrum = np.abs(np.fft.rfft(piece * np.hanning(len(piece)), n=1 << 17))
    return float((np.argmax(spectrum) * rate / (1 << 17) - TONE_BASE_HZ) / rise)


def is_silent(path: Path, begin_seconds: float, end_seconds: float) -> bool:
    """Whether the file is silent in [begin, end)."""
    samples, rate, start = sound(path)
    piece = samples[round((begin_seconds - start) * rate) : round((end_seconds - start) * rate)]
    return len(piece) > 0 and float(np.sqrt(np.mean(piece**2))) < 0.01
