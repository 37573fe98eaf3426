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
    read_clip,
    spoken,
    to_wav,
    word_errors,
    write_wav,
)
from tests.support.patience import PATIENCE_SECONDS

pytest.importorskip("pocketsphinx", reason="the offline extra is not installed")


def heard(path: Path, language: str | None = None) -> TimedTranscript:
    """What the engine makes of the file."""
    return OfflineEngine().transcribe(path, language=language, deadline_seconds=PATIENCE_SECONDS)


@pytest.mark.parametrize("kind", ["silence", "tone", "noise", "music"])
def test_no_words_where_nobody_speaks(kind: str, tmp_path: Path) -> None:
    """With the voice detector, sound that is no speech gives nothing at all."""
    pytest.importorskip("faster_whisper", reason="its voice detector is not installed")
    transcript = heard(write_wav(tmp_path / "a.wav", no_speech(kind)))
    assert (transcript.words, transcript.segments) == ((), ())


@pytest.mark.parametrize("kind", ["silence", "tone", "noise"])
def test_no_words_without_the_voice_detector_either(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Pocketsphinx alone keeps silence, tones and noise out."""
    monkeypatch.setattr(offline, "speech_spans", endpointer_spans)
    assert heard(write_wav(tmp_path / "a.wav", no_speech(kind))).words == ()


def test_an_empty_file_has_no_words(tmp_path: Path) -> None:
    """No samples, no words, no error."""
    assert heard(write_wav(tmp_path / "a.wav", np.zeros(0))).words == ()


@pytest.mark.parametrize("detector", ["silero", "endpointer"])
@needs_media
def test_most_words_of_clear_reading_are_right(
    detector: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Under four words in ten are wrong over fifteen clips, with either detector."""
    if detector == "endpointer":
        monkeypatch.setattr(offline, "speech_spans", endpointer_spans)
    errors = total = 0
    for path, text in known_texts().items():
        found = heard(path)
        errors += word_errors(spoken(text), spoken(found.full_text))
        total += len(spoken(text))
        assert found.full_text == " ".join(w.text for w in found.words)
    assert total > 100
    assert errors / total < 0.4


@needs_media
def test_words_are_where_they_are_said() -> None:
    """Words also found by forced alignment start within 0.1 s of it, nearly all."""
    near: list[bool] = []
    for name in ("0870", "0880", "0930"):
        path = MEDIA / "librivox" / f"librivox-{name}.wav"
        told = json.loads(path.with_suffix(".align.json").read_text())
        starts = {str(w["t"]).lower(): float(w["b"]) for w in told["w"]}
        near += [
            abs(starts[w.text] - w.start_seconds) < 0.1
            for w in heard(path).words
            if w.text in starts
        ]
    assert len(near) >= 12
    assert sum(near) >= 0.8 * len(near)


@needs_media
def test_segments_end_at_pauses_and_times_are_sound(tmp_path: Path) -> None:
    """Over speech with a long silence, words are in order, inside, and no segment spans it."""
    path = to_wav(MEDIA / "auto-editor-example.mp4", tmp_path / "a.wav")
    found = heard(path)
    assert word_errors(["banana"], spoken(found.segments[-1].text)) == 0
    assert 39.8 < found.segments[-1].start_seconds < 40.2
    at = 0.0
    for word in found.words:
        assert at <= word.start_seconds < word.end_seconds <= 42.46
        at = word.end_seconds
    assert all(s.end_seconds - s.start_seconds <= 15 for s in found.segments)


@pytest.mark.slow
@needs_media
def test_the_same_slice_gives_the_same_words_whatever_came_before(tmp_path: Path) -> None:
    """Nothing of one slice colours the next, in several threads either."""
    jfk = to_wav(MEDIA / "jfk.flac", tmp_path / "jfk.wav")
    alone = heard(jfk)
    assert word_errors(spoken(JFK), spoken(alone.full_text)) / len(spoken(JFK)) < 0.4
    found: list[TimedTranscript] = []
    threads = [Thread(target=lambda: found.append(heard(jfk))) for _ in range(2)]
    for thread in threads:
        thread.start()
    heard(MEDIA / "harvard" / "harvard-spk1_snt1.wav")
    for thread in threads:
        thread.join()
    assert found == [alone] * 2


@needs_media
def test_a_passed_deadline_ends_the_work() -> None:
    """No time, no transcript."""
    clip = MEDIA / "librivox" / "librivox-0870.wav"
    with pytest.raises(TimeoutError):
        OfflineEngine().transcribe(clip, language=None, deadline_seconds=0)


def test_other_languages_are_refused(tmp_path: Path) -> None:
    """French is refused with the remedy; English by any of its codes is not."""
    path = write_wav(tmp_path / "a.wav", no_speech("silence", 1))
    with pytest.raises(Reject, match="only English") as raised:
        heard(path, "fr")
    assert raised.value.code == "language_unsupported"
    for code in ("en", "en-US", "eng", "und"):
        assert heard(path, code).language == "en"


@pytest.mark.parametrize("content", [b"", b"RIFFnonsense", b"\x00" * 100])
def test_what_is_no_slice_is_refused(tmp_path: Path, content: bytes) -> None:
    """A broken file is the input's fault, for good."""
    path = tmp_path / "a.wav"
    path.write_bytes(content)
    with pytest.raises(Reject, match="Slice the audio again") as raised:
        heard(path)
    assert raised.value.code == "slice_unreadable"


@needs_media
def test_speech_between_noise_is_still_found(tmp_path: Path) -> None:
    """Music before and after does not hide the sentence, nor add many words to it."""
    clip = read_clip(MEDIA / "harvard" / "harvard-spk1_snt1.wav")
    samples = np.concatenate([no_speech("music", 5), np.zeros(16000), clip, np.zeros(16000)])
    found = heard(write_wav(tmp_path / "a.wav", samples))
    assert found.words[0].start_seconds > 5.5
    assert len(found.words) <= 10
