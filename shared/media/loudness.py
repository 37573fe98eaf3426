"""How loud a recording is from moment to moment."""

from __future__ import annotations

import time
from collections.abc import Generator, Sequence
from contextlib import closing

import numpy as np

from shared.domain.levels import level_db
from shared.domain.media_info import MediaInfo
from shared.media.input import MediaInput
from shared.media.sandbox.arguments import SPEECH_SAMPLE_RATE_HZ, speech_arguments
from shared.media.sandbox.runner import Limits, stream_ffmpeg

_FULL_SCALE = 32768.0
_READ_STEPS = 64


def loudness(
    source: MediaInput,
    info: MediaInfo,
    *,
    step_seconds: float,
    limits: Limits,
    deadline_seconds: float,
    work_seconds: float,
) -> list[float]:
    """The level of each step of the chosen sound, in dB below full scale; [] without sound.

    Root mean square of 16 kHz mono; the last step may be shorter. Of a recording that takes longer
    than `work_seconds` to decode, as many steps as could be.

    Raises Reject (`damaged_media`, `media_too_costly`) and MediaError.
    """
    if info.audio is None:
        return []
    until = time.monotonic() + work_seconds
    step_bytes = 2 * round(step_seconds * SPEECH_SAMPLE_RATE_HZ)
    arguments = speech_arguments(source.location, info, limits)
    levels: list[float] = []
    # Leaving the loop early must kill ffmpeg: only a closed generator does.
    with closing(_pieces(arguments, step_bytes, limits, deadline_seconds)) as pieces:
        for piece in pieces:
            levels += _levels(piece, step_bytes)
            if time.monotonic() > until:
                break
    return levels


def _pieces(
    arguments: Sequence[str], step_bytes: int, limits: Limits, deadline_seconds: float
) -> Generator[bytes]:
    """Whole steps of sound, many at a time; last what is left."""
    held = bytearray()
    with stream_ffmpeg(arguments, limits=limits, deadline_seconds=deadline_seconds) as stdout:
        while piece := stdout.read(_READ_STEPS * step_bytes):
            held += piece
            whole = len(held) // step_bytes * step_bytes
            yield bytes(held[:whole])
            del held[:whole]
    yield bytes(held[: len(held) // 2 * 2])


def _levels(pcm: bytes, step_bytes: int) -> list[float]:
    if not pcm:
        return []
    samples = np.frombuffer(pcm, dtype="<i2").astype(np.float32) / _FULL_SCALE
    rows = samples.reshape(-1, min(len(samples), step_bytes // 2))
    return [round(level, 1) for level in level_db(rows).tolist()]
