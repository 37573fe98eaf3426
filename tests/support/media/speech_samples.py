"""Synthetic sounds, and real speech with known words where it lies beside the project."""

from __future__ import annotations

import re
import subprocess
import wave
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from shared.engines.speech.wav import SAMPLE_RATE_HZ

BESIDE_PROJECT = Path(__file__).resolve().parents[3].parent / "shared"
MEDIA = BESIDE_PROJECT / "media"
WHISPER = BESIDE_PROJECT / "models" / "fixture-whisper-ct2"

needs_media = pytest.mark.skipif(
    not MEDIA.is_dir(), reason="real speech is not beside the project (../shared/media)"
)
needs_whisper = pytest.mark.skipif(
    not (MEDIA.is_dir() and WHISPER.is_dir()),
    reason="the memorised Whisper and its clips are not beside the project (../shared)",
)

JFK = (
    "And so, my fellow Americans, ask not what your country can do for you, "
    "ask what you can do for your country."
)


def write_wav(path: Path, samples: NDArray[np.float64]) -> Path:
    """Write samples in -1..1 as 16 kHz mono PCM."""
    with wave.open(str(path), "wb") as wav:
        wav.setparams((1, 2, SAMPLE_RATE_HZ, 0, "NONE", ""))
        wav.writeframes((np.clip(samples, -1, 1) * 32767).astype("<i2").tobytes())
    return path


def read_clip(path: Path) -> NDArray[np.float64]:
    """The samples of a 16 kHz mono WAV file in -1..1."""
    with wave.open(str(path), "rb") as wav:
        return np.frombuffer(wav.readframes(wav.getnframes()), "<i2") / 32768


def to_wav(source: Path, target: Path) -> Path:
    """Convert any media file to 16 kHz mono PCM."""
    from imageio_ffmpeg import get_ffmpeg_exe

    command = [get_ffmpeg_exe(), "-v", "error", "-nostdin", "-y", "-i", str(source)]
    command += ["-vn", "-ac", "1", "-ar", str(SAMPLE_RATE_HZ), "-c:a", "pcm_s16le", str(target)]
    subprocess.run(command, check=True)
    return target


def known_texts() -> dict[Path, str]:
    """The 16 kHz clips and their texts."""
    sources = (MEDIA / "SOURCES.txt").read_text()
    harvard = dict(re.findall(r"(spk\d_snt\d) ([a-z ]+[a-z])", sources))
    clips = {MEDIA / "harvard" / f"harvard-{key}.wav": text for key, text in harvard.items()}
    for path in sorted((MEDIA / "librivox").glob("*.wav")):
        clips[path] = path.with_suffix(".txt").read_text().strip()
    return clips


def plain_words(text: str) -> list[str]:
    """The words of the text without case and punctuation."""
    return re.sub(r"[^a-z' ]", " ", text.lower()).split()


def word_errors(reference: list[str], found: list[str]) -> int:
    """The number of substitutions, insertions and deletions (Levenshtein over words)."""
    row = list(range(len(found) + 1))
    for i, wanted in enumerate(reference, 1):
        before, row[0] = row[:], i
        for j, word in enumerate(found, 1):
            row[j] = min(before[j] + 1, row[j - 1] + 1, before[j - 1] + (wanted != word))
    return row[-1]


def no_speech(kind: str, seconds: int = 12) -> NDArray[np.float64]:
    """Silence, a tone, noise, or a synthetic tune with a beat."""
    rng = np.random.default_rng(7)
    t = np.arange(seconds * SAMPLE_RATE_HZ) / SAMPLE_RATE_HZ
    if kind == "silence":
        return np.zeros_like(t)
    if kind == "tone":
        return 0.5 * np.sin(2 * np.pi * 440 * t)
    if kind == "noise":
        return 0.2 * rng.standard_normal(len(t))
    tune = np.zeros_like(t)
    for beat in range(seconds * 2):
        begin = beat * SAMPLE_RATE_HZ // 2
        tail = t[: len(t) - begin]
        pitch = float(rng.choice([220, 261.6, 329.6, 392, 440]))
        for harmonic in range(1, 6):
            tone = np.sin(2 * np.pi * pitch * harmonic * tail) * np.exp(-3 * tail) / harmonic
            tune[begin:] += tone
        tune[begin:] += 0.5 * rng.standard_normal(len(tail)) * np.exp(-50 * tail)
    return np.asarray(0.6 * tune / np.abs(tune).max())
