"""Measure how loud a video is, step by step."""

from __future__ import annotations

import time
from collections.abc import Generator, Sequence
from contextlib import closing

import numpy as np

from shared.domain.levels import level_db
from shared.domain.media_info import MediaInfo
from shared.media.input import MediaInput
from shared.media.sandbox.arguments import SPEECH_SAMPLE_RATE_HZ, speech_arguments
from shared.media.sandbox.runner import Sandbox, stream_ffmpeg

_FULL_SCALE = 32768.0
_READ_STEPS = 64


def loudness(
    source: MediaInput,
    info: MediaInfo,
    *,
    step_seconds: float,
    sandbox: Sandbox,
    work_seconds: float,
) -> list[float]:
    """The level of each step of the chosen sound, in dB relative to full scale; [] without sound.

    A level is the root mean square of 16 kHz mono; the last step may be shorter. Decoding stops
    after `work_seconds`, so the list may end before the sound does.

    Raises Reject (`damaged_media`, `media_too_costly`) and MediaError.
    """
    if info.audio is None:
        return []
    until = time.monotonic() + work_seconds
    step_bytes = 2 * round(step_seconds * SPEECH_SAMPLE_RATE_HZ)
    arguments = speech_arguments(source.location, info, sandbox.limits)
    levels: list[float] = []
    # Closing the generator kills ffmpeg; leaving the loop alone would not.
    with closing(_read_steps(arguments, step_bytes, sandbox)) as chunks:
        for chunk in chunks:
            levels += _levels(chunk, step_bytes)
            if time.monotonic() > until:
                break
    return levels


def _read_steps(arguments: Sequence[str], step_bytes: int, sandbox: Sandbox) -> Generator[bytes]:
    """Yield chunks of whole steps of sound, then the remainder."""
    held = bytearray()
    with stream_ffmpeg(arguments, sandbox=sandbox) as stdout:
        while chunk := stdout.read(_READ_STEPS * step_bytes):
            held += chunk
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
