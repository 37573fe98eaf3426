"""The offline engine, on the real pocketsphinx."""

from __future__ import annotations

import json
from pathlib import Path
from threading import Thread

import numpy as np
import pytest

from shared.domain.transcript import TimedTranscript
from shared.engines.speech import offline
from shared.engines.speech.activity import endpointer_spans
from shared.engines.speech.offline import OfflineEngine
from shared.errors import Reject
from tests.support.media.speech_samples import (
    JFK,
    MEDIA,
    known_texts,
    needs_media,
    no_speech,
    plain_words,
    read_clip,
    to_wav,
    word_errors,
    write_wav,
)
from tests.support.patience import PATIENCE_SECONDS

pytest.importorskip("pocketsphinx", reason="the offline extra is not installed")


def transcribe(path: Path, language: str | None = None) -> TimedTranscript:
    """The engine's transcript of the file."""
    return OfflineEngine().transcribe(path, language=language, deadline_seconds=PATIENCE_SECONDS)


@pytest.mark.parametrize("kind", ["silence", "tone", "noise", "music"])
def test_offline_engine_hears_no_words_in_sound_without_speech(kind: str, tmp_path: Path) -> None:
    """With the voice detector, sound without speech gives no word and no segment."""
    pytest.importorskip("faster_whisper", reason="its voice detector is not installed")
    transcript = transcribe(write_wav(tmp_path / "a.wav", no_speech(kind)))
    assert (transcript.words, transcript.segments) == ((), ())


@pytest.mark.parametrize("kind", ["silence", "tone", "noise"])
def test_offline_engine_hears_no_words_without_the_voice_detector(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Pocketsphinx alone rejects silence, tones and noise."""
    monkeypatch.setattr(offline, "speech_spans", endpointer_spans)
    assert transcribe(write_wav(tmp_path / "a.wav", no_speech(kind))).words == ()


def test_offline_engine_accepts_an_empty_file(tmp_path: Path) -> None:
    """A file without samples gives no words and no error."""
    assert transcribe(write_wav(tmp_path / "a.wav", np.zeros(0))).words == ()


@pytest.mark.parametrize("detector", ["silero", "endpointer"])
@needs_media
def test_offline_engine_gets_most_words_of_clear_reading_right(
    detector: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Fewer than four words in ten are wrong over fifteen clips, with either detector."""
    if detector == "endpointer":
        monkeypatch.setattr(offline, "speech_spans", endpointer_spans)
    errors = total = 0
    for path, text in known_texts().items():
        found = transcribe(path)
        errors += word_errors(plain_words(text), plain_words(found.full_text))
        total += len(plain_words(text))
        assert found.full_text == " ".join(w.text for w in found.words)
    assert total > 100
    assert errors / total < 0.4


@needs_media
def test_offline_engine_times_words_where_they_are_said() -> None:
    """Four in five words start within 0.1 s of their forced alignment."""
    near: list[bool] = []
    for name in ("0870", "0880", "0930"):
        path = MEDIA / "librivox" / f"librivox-{name}.wav"
        aligned = json.loads(path.with_suffix(".align.json").read_text())
        starts = {str(w["t"]).lower(): float(w["b"]) for w in aligned["w"]}
        near += [
            abs(starts[w.text] - w.start_seconds) < 0.1
            for w in transcribe(path).words
            if w.text in starts
        ]
    assert len(near) >= 12
    assert sum(near) >= 0.8 * len(near)


@needs_media
def test_offline_engine_ends_segments_at_pauses(tmp_path: Path) -> None:
    """Words are in order and inside the file, and no segment spans the long silence."""
    path = to_wav(MEDIA / "auto-editor-example.mp4", tmp_path / "a.wav")
    found = transcribe(path)
    assert word_errors(["banana"], plain_words(found.segments[-1].text)) == 0
    assert 39.8 < found.segments[-1].start_seconds < 40.2
    at = 0.0
    for word in found.words:
        assert at <= word.start_seconds < word.end_seconds <= 42.46
        at = word.end_seconds
    assert all(s.end_seconds - s.start_seconds <= 15 for s in found.segments)


@pytest.mark.slow
@needs_media
def test_offline_engine_gives_the_same_words_whatever_came_before(tmp_path: Path) -> None:
    """One slice does not affect the next, not even in several threads."""
    jfk = to_wav(MEDIA / "jfk.flac", tmp_path / "jfk.wav")
    alone = transcribe(jfk)
    assert word_errors(plain_words(JFK), plain_words(alone.full_text)) / len(plain_words(JFK)) < 0.4
    found: list[TimedTranscript] = []
    threads = [Thread(target=lambda: found.append(transcribe(jfk))) for _ in range(2)]
    for thread in threads:
        thread.start()
    transcribe(MEDIA / "harvard" / "harvard-spk1_snt1.wav")
    for thread in threads:
        thread.join()
    assert found == [alone] * 2


@needs_media
def test_offline_engine_raises_when_the_deadline_has_passed() -> None:
    """Without time left, the engine raises TimeoutError."""
    clip = MEDIA / "librivox" / "librivox-0870.wav"
    with pytest.raises(TimeoutError):
        OfflineEngine().transcribe(clip, language=None, deadline_seconds=0)


def test_offline_engine_rejects_languages_other_than_english(tmp_path: Path) -> None:
    """French is rejected with a remedy; English is accepted by any of its codes."""
    path = write_wav(tmp_path / "a.wav", no_speech("silence", 1))
    with pytest.raises(Reject, match="only English") as raised:
        transcribe(path, "fr")
    assert raised.value.code == "language_unsupported"
    for code in ("en", "en-US", "eng", "und"):
        assert transcribe(path, code).language == "en"


@pytest.mark.parametrize("content", [b"", b"RIFFnonsense", b"\x00" * 100])
def test_offline_engine_rejects_a_broken_slice(tmp_path: Path, content: bytes) -> None:
    """A file that is not WAV is rejected for good."""
    path = tmp_path / "a.wav"
    path.write_bytes(content)
    with pytest.raises(Reject, match="Slice the audio again") as raised:
        transcribe(path)
    assert raised.value.code == "slice_unreadable"


@needs_media
def test_offline_engine_hears_speech_after_music(tmp_path: Path) -> None:
    """Music before a sentence does not hide it and adds few words."""
    clip = read_clip(MEDIA / "harvard" / "harvard-spk1_snt1.wav")
    samples = np.concatenate([no_speech("music", 5), np.zeros(16000), clip, np.zeros(16000)])
    found = transcribe(write_wav(tmp_path / "a.wav", samples))
    assert found.words[0].start_seconds > 5.5
    assert len(found.words) <= 10
