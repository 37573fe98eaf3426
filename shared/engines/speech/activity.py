"""Detect the spans of a slice in which somebody speaks.

Silero's detector, which comes with faster-whisper, tells speech from tones, noise and music. If it
is not installed, pocketsphinx's detector tells sound from silence; steady tones and flat noise are
then removed, but music may pass as speech.
"""

from __future__ import annotations

import importlib.util
from typing import TYPE_CHECKING

from shared.domain.spans import TimeSpan
from shared.engines.speech.wav import SAMPLE_RATE_HZ, as_floats

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

PAUSE_SECONDS = 0.4
PADDING_SECONDS = 0.2
MIN_SPEECH_SECONDS = 0.1
MAX_SPEECH_SECONDS = 12.0

_FRAME_SAMPLES = 512
_MAX_FLATNESS = 0.3
_MIN_SPREAD = 0.3
_BAND_EDGES = (1, 4, 8, 13, 20, 30, 45, 70, 110, 170)


def speech_spans(samples: NDArray[np.int16]) -> list[TimeSpan]:
    """Spans of speech of at most `MAX_SPEECH_SECONDS`, in order, disjoint, slightly padded."""
    if len(samples) == 0:
        return []
    if importlib.util.find_spec("faster_whisper") is not None:
        return _silero_spans(samples)
    return endpointer_spans(samples)


def _silero_spans(samples: NDArray[np.int16]) -> list[TimeSpan]:
    from faster_whisper.vad import VadOptions, get_speech_timestamps

    options = VadOptions(
        min_speech_duration_ms=round(MIN_SPEECH_SECONDS * 1000),
        max_speech_duration_s=MAX_SPEECH_SECONDS,
        min_silence_duration_ms=round(PAUSE_SECONDS * 1000),
        speech_pad_ms=round(PADDING_SECONDS * 1000),
    )
    found = get_speech_timestamps(as_floats(samples), options)
    return [
        TimeSpan(span["start"] / SAMPLE_RATE_HZ, span["end"] / SAMPLE_RATE_HZ)
        for span in found
        if span["end"] > span["start"]
    ]


def endpointer_spans(samples: NDArray[np.int16]) -> list[TimeSpan]:
    """The spans that pocketsphinx's endpointer finds, without steady tones and plain noise."""
    from pocketsphinx import Endpointer

    endpointer = Endpointer(window=PAUSE_SECONDS, sample_rate=SAMPLE_RATE_HZ)
    data = samples.tobytes()
    step = endpointer.frame_bytes
    spans: list[TimeSpan] = []
    for at in range(0, len(data), step):
        last = at + step >= len(data)
        frame = data[at : at + step]
        speech = endpointer.end_stream(frame) if last else endpointer.process(frame)
        if speech is None or endpointer.in_speech:
            continue
        begin = round(endpointer.speech_start * SAMPLE_RATE_HZ)
        end = min(round(endpointer.speech_end * SAMPLE_RATE_HZ), len(samples))
        if end - begin >= MIN_SPEECH_SECONDS * SAMPLE_RATE_HZ and _is_varied(samples[begin:end]):
            spans += _cut(samples, begin, end)
    return spans


def _cut(samples: NDArray[np.int16], begin: int, end: int) -> list[TimeSpan]:
    """Spans of at most `MAX_SPEECH_SECONDS`, cut where the middle half is quietest."""
    import numpy as np

    if end - begin <= MAX_SPEECH_SECONDS * SAMPLE_RATE_HZ:
        return [TimeSpan(begin / SAMPLE_RATE_HZ, end / SAMPLE_RATE_HZ)]
    quarter = (end - begin) // 4
    frames = _frames(samples[begin + quarter : end - quarter])
    quietest = int(np.argmin((frames**2).sum(axis=1)))
    middle = begin + quarter + quietest * _FRAME_SAMPLES + _FRAME_SAMPLES // 2
    return _cut(samples, begin, middle) + _cut(samples, middle, end)


def _is_varied(samples: NDArray[np.int16]) -> bool:
    """True if the spectrum is neither flat (noise) nor constant (a tone)."""
    import numpy as np

    frames = _frames(samples)
    if len(frames) < 2:
        return False
    power = np.abs(np.fft.rfft(frames * np.hanning(_FRAME_SAMPLES), axis=1)) ** 2 + 1e-12
    loudness = power.sum(axis=1)
    loud = power[loudness >= np.median(loudness)]
    flatness = np.exp(np.log(loud).mean(axis=1)) / loud.mean(axis=1)
    # Wide bands hide the random ripple that noise has from frame to frame.
    bands = np.add.reduceat(power, _BAND_EDGES, axis=1)
    shape = np.sqrt(bands / bands.sum(axis=1, keepdims=True))
    spread = np.sqrt(((shape - shape.mean(axis=0)) ** 2).sum(axis=1)).mean()
    return bool(np.median(flatness) < _MAX_FLATNESS and spread > _MIN_SPREAD)


def _frames(samples: NDArray[np.int16]) -> NDArray[np.float32]:
    """Whole frames, shape (count, 512)."""
    count = len(samples) // _FRAME_SAMPLES
    return as_floats(samples[: count * _FRAME_SAMPLES]).reshape(count, _FRAME_SAMPLES)
