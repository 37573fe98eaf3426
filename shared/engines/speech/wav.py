"""Read a slice of audio: 16 kHz mono 16-bit PCM in a WAV file, as `split_audio` writes it."""

from __future__ import annotations

import wave
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from shared.domain.transcript import Segment, TimedTranscript
from shared.error_codes.videos import SLICE_UNREADABLE
from shared.errors import Reject

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

SAMPLE_RATE_HZ = 16_000


def read_samples(path: Path) -> NDArray[np.int16]:
    """The samples, shape (count,). Raises Reject(SLICE_UNREADABLE) for any other kind of file."""
    import numpy as np

    try:
        with wave.open(str(path), "rb") as wav:
            form = (wav.getframerate(), wav.getnchannels(), wav.getsampwidth())
            data = wav.readframes(wav.getnframes())
    except (wave.Error, EOFError) as error:
        raise Reject(SLICE_UNREADABLE, _message(path, str(error))) from error
    if form != (SAMPLE_RATE_HZ, 1, 2):
        found = f"it has {form[0]} Hz, {form[1]} channels, {8 * form[2]} bits"
        raise Reject(SLICE_UNREADABLE, _message(path, found))
    return np.frombuffer(data[: len(data) // 2 * 2], dtype="<i2").astype(np.int16, copy=False)


def as_floats(samples: NDArray[np.int16]) -> NDArray[np.float32]:
    """The same samples in -1..1."""
    import numpy as np

    return samples.astype(np.float32) / np.float32(32768)


def with_loudness(transcript: TimedTranscript, path: Path) -> TimedTranscript:
    """The transcript of the slice at `path`, with the level of each segment in dB.

    The level is only a hint for selecting moments, so an unreadable slice leaves the transcript
    unchanged.
    """
    from shared.domain.levels import level_db

    try:
        samples = as_floats(read_samples(path))
    except Reject:
        return transcript

    def measure(segment: Segment) -> Segment:
        low = max(0, round(segment.start_seconds * SAMPLE_RATE_HZ))
        sound = samples[low : max(low, round(segment.end_seconds * SAMPLE_RATE_HZ))]
        if not len(sound):
            return segment
        return replace(segment, loudness_db=round(float(level_db(sound)), 1))

    return replace(transcript, segments=tuple(map(measure, transcript.segments)))


def _message(path: Path, found: str) -> str:
    return f"{path.name} is not a 16 kHz mono 16-bit WAV file: {found}. Slice the audio again."
