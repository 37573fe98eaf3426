"""Loudness: measured per slice, stored with the transcript, used as a signal."""

from __future__ import annotations

import wave
from pathlib import Path

import numpy as np
import pytest

from shared.domain.levels import level_db, loudness_of
from shared.domain.transcript import Segment, TimedTranscript, Word
from shared.engines.speech.join import SliceTranscript, join
from shared.engines.speech.wav import with_loudness
from shared.transcripts.rows import from_json, to_json


def write_tone(path: Path, levels: list[float], *, seconds: float = 2.0) -> Path:
    """Write 16 kHz mono: one 440 Hz tone after the other with these peaks (0..1)."""
    times = np.arange(round(seconds * 16_000)) / 16_000
    parts = [peak * np.sin(2 * np.pi * 440 * times) for peak in levels]
    with wave.open(str(path), "wb") as wav:
        wav.setnchannels(1)
        wav.setsampwidth(2)
        wav.setframerate(16_000)
        wav.writeframes((np.concatenate(parts) * 32767).astype("<i2").tobytes())
    return path


def transcript_of(*spans: tuple[float, float]) -> TimedTranscript:
    """A transcript with a word and a segment for each span."""
    words = tuple(Word("word.", a, b) for a, b in spans)
    return TimedTranscript("en", words, tuple(Segment("word.", a, b) for a, b in spans))


def test_level_is_the_power_below_full_scale() -> None:
    """Full scale is 0 dB, half of it 6 dB less, and silence is the floor."""
    rows = np.array([[1.0, -1.0], [0.5, -0.5], [0.0, 0.0]], dtype=np.float32)
    assert level_db(rows) == pytest.approx([0, -6.02, -120], abs=0.01)


def test_segments_keep_their_level_through_json_and_joining(tmp_path: Path) -> None:
    """A slice that cannot be read changes nothing."""
    path = write_tone(tmp_path / "a.wav", [0.1, 0.5])
    heard = with_loudness(transcript_of((0.2, 1.8), (2.2, 3.8), (9.0, 9.5)), path)
    assert [s.loudness_db for s in heard.segments] == [-23.0, -9.0, None]
    again = from_json(to_json(heard))
    assert again == heard
    whole = join([SliceTranscript(0, 10, heard), SliceTranscript(10, 20, heard)])
    assert [s.loudness_db for s in whole.segments] == 2 * [-23.0, -9.0, None]
    (tmp_path / "b.wav").write_text("no sound")
    assert with_loudness(transcript_of((0, 1)), tmp_path / "b.wav") == transcript_of((0, 1))


def test_loudness_has_a_value_for_every_half_second() -> None:
    """Segments give it their level, the rest the median; without levels there is no curve."""
    segments = (
        Segment("a", 1, 2, None, -30.0),
        Segment("b", 4, 5, None, -10.0),
        Segment("c", 6, 7, None, -20.0),
    )
    curve = loudness_of(TimedTranscript("en", (), segments), 8.0)
    assert curve is not None
    assert len(curve) == 16
    assert (curve[2:4], curve[8:10], curve[0], curve[5]) == ([-30, -30], [-10, -10], -20, -20)
    assert loudness_of(transcript_of((0, 1)), 8.0) is None
