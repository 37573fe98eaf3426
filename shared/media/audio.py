"""Split a video's sound into slices for the speech engine."""

from __future__ import annotations

import wave
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np
import numpy.typing as npt

from shared.domain.media_info import MediaInfo
from shared.error_codes.videos import DAMAGED_MEDIA, NO_AUDIO
from shared.errors import Reject
from shared.media.input import MediaInput
from shared.media.sandbox.arguments import SPEECH_SAMPLE_RATE_HZ, speech_arguments
from shared.media.sandbox.runner import Sandbox, stream_ffmpeg

_BYTES_PER_SAMPLE = 2
_READ_BYTES = 1024 * 1024
_FRAME_SAMPLES = SPEECH_SAMPLE_RATE_HZ // 50
_QUIET_SECONDS = 0.4
_SEARCHED_SHARE = 0.25

Samples = npt.NDArray[np.int16]


@dataclass(frozen=True, slots=True)
class AudioSlice:
    """16 kHz mono 16-bit WAV of [start, end) of the video. Slices abut exactly."""

    index: int
    path: Path
    start_seconds: float
    end_seconds: float


def split_audio(
    source: MediaInput,
    info: MediaInfo,
    *,
    target_slice_seconds: float,
    workdir: Path,
    sandbox: Sandbox,
) -> Iterator[AudioSlice]:
    """Decode the sound once, end to end, and yield slices of at most `target_slice_seconds`.

    Each cut falls on the quietest place in the last quarter of the window. Memory holds one slice;
    a caller that deletes each file before it asks for the next keeps only one on disk, too. Closing
    the generator kills ffmpeg.

    Raises Reject (`no_audio`, `damaged_media`, `media_too_costly`) and MediaError. If it raises
    after it has yielded slices, the sound is incomplete and the caller must discard them.
    """
    if info.audio is None:
        raise Reject(NO_AUDIO, "The video has no sound, so there is nothing to transcribe.")
    arguments = speech_arguments(source.location, info, sandbox.limits)
    target_samples = max(_FRAME_SAMPLES, round(target_slice_seconds * SPEECH_SAMPLE_RATE_HZ))
    start = index = 0
    with stream_ffmpeg(arguments, sandbox=sandbox) as stdout:
        for samples in split_stream(stdout, target_samples):
            path = workdir / f"slice-{index:05d}.wav"
            _write_wav(path, samples)
            end = start + len(samples)
            yield AudioSlice(index, path, _seconds(start), _seconds(end))
            start, index = end, index + 1
    if index == 0:
        raise Reject(
            DAMAGED_MEDIA, "The sound of the file cannot be decoded. Export it again and upload it."
        )


def _seconds(samples: int) -> float:
    return samples / SPEECH_SAMPLE_RATE_HZ


def split_stream(stream: BinaryIO, target_samples: int) -> Iterator[Samples]:
    """Split raw 16-bit samples at quiet places into runs of 1 to `target_samples` samples.

    A trailing half sample is dropped.
    """
    target_bytes = target_samples * _BYTES_PER_SAMPLE
    held = bytearray()
    while chunk := stream.read(min(_READ_BYTES, target_bytes)):
        held += chunk
        while len(held) > target_bytes:
            window = np.frombuffer(bytes(held[:target_bytes]), dtype="<i2")
            cut = quietest_cut(window)
            yield window[:cut]
            del held[: cut * _BYTES_PER_SAMPLE]
    whole = len(held) // _BYTES_PER_SAMPLE
    if whole:
        yield np.frombuffer(bytes(held[: whole * _BYTES_PER_SAMPLE]), dtype="<i2")


def quietest_cut(window: Samples) -> int:
    """The index of the sample to cut before, at least 1.

    It lies in the middle of the quietest 0.4 s of the window's last quarter. Of equally quiet
    places, as in digital silence, the last one wins: it makes fewer slices.
    """
    first = int(len(window) * (1 - _SEARCHED_SHARE))
    frames = (len(window) - first) // _FRAME_SAMPLES
    width = max(1, min(frames, round(_QUIET_SECONDS * SPEECH_SAMPLE_RATE_HZ / _FRAME_SAMPLES)))
    if frames < 1:
        return len(window)
    used = window[first : first + frames * _FRAME_SAMPLES].astype(np.float64)
    energy = (used.reshape(frames, _FRAME_SAMPLES) ** 2).sum(axis=1)
    # The sums are exact, so equally quiet places compare as equal.
    sums = np.concatenate([[0.0], np.cumsum(energy)])
    runs = sums[width:] - sums[:-width]
    quietest = len(runs) - 1 - int(np.argmin(runs[::-1]))
    return max(1, first + (quietest * _FRAME_SAMPLES) + width * _FRAME_SAMPLES // 2)


def _write_wav(path: Path, samples: Samples) -> None:
    with wave.open(str(path), "wb") as target:
        target.setnchannels(1)
        target.setsampwidth(_BYTES_PER_SAMPLE)
        target.setframerate(SPEECH_SAMPLE_RATE_HZ)
        target.writeframes(samples.tobytes())
