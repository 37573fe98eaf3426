"""How loud what is said is: measured on the slice, kept with the transcript, used as a cue."""

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
    """A 440 Hz tone of these peaks (0..1), one after the other, 16 kHz mono."""
    times = np.arange(round(seconds * 16_000)) / 16_000
    parts = [peak * np.sin(2 * np.pi * 440 * times) for peak in levels]
    with wave.open(str(path), "wb") as wav:
        wav.setnchannels(1)
        wav.setsampwidth(2)
        wav.setframerate(16_000)
        wav.writeframes((np.concatenate(parts) * 32767).astype("<i2").tobytes())
    return path


def said(*spans: tuple[float, float]) -> TimedTranscript:
    """A word and a segment for each span."""
    words = tuple(Word("word.", a, b) for a, b in spans)
    return TimedTranscript("en", words, tuple(Segment("word.", a, b) for a, b in spans))


def test_a_level_is_the_power_below_full_scale() -> None:
    """Full scale is 0, half of it 6 dB less, silence the floor."""
    rows = np.array([[1.0, -1.0], [0.5, -0.5], [0.0, 0.0]], dtype=np.float32)
    assert level_db(rows) == pytest.approx([0, -6.02, -120], abs=0.01)


def test_each_segment_is_measured_and_stays_so(tmp_path: Path) -> None:
    """Through JSON and the joining of slices; a slice that cannot be read changes nothing."""
    path = write_tone(tmp_path / "a.wav", [0.1, 0.5])
    heard = with_loudness(said((0.2, 1.8), (2.2, 3.8), (9.0, 9.5)), path)
    assert [s.loudness_db for s in heard.segments] == [-23.0, -9.0, None]
    again = from_json(to_json(heard))
    assert again == heard
    whole = join([SliceTranscript(0, 10, heard), SliceTranscript(10, 20, heard)])
    assert [s.loudness_db for s in whole.segments] == 2 * [-23.0, -9.0, None]
    (tmp_path / "b.wav").write_text("no sound")
    assert with_loudness(said((0, 1)), tmp_path / "b.wav") == said((0, 1))


def test_the_curve_is_known_where_something_is_said() -> None:
    """Half seconds of a segment have its level, the others the middle one; no level, no curve."""
    segments = (
        Segment("a", 1, 2, None, -30.0),
        Segment("b", 4, 5, None, -10.0),
        Segment("c", 6, 7, None, -20.0),
    )
    curve = loudness_of(TimedTranscript("en", (), segments), 8.0)
    assert curve is not None
    assert len(curve) == 16
    assert (curve[2:4], curve[8:10], curve[0], curve[5]) == ([-30, -30], [-10, -10], -20, -20)
    assert loudness_of(said((0, 1)), 8.0) is None
