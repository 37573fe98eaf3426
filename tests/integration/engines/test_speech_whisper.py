"""The Whisper engine, on the real faster-whisper with a small model that memorised its clips."""

from __future__ import annotations

import shutil
from pathlib import Path
from threading import Thread
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from shared.domain.transcript import TimedTranscript
from shared.engines.speech.join import SliceTranscript, join
from shared.engines.speech.whisper import WhisperEngine
from shared.errors import Reject
from tests.support.media.speech_samples import (
    JFK,
    MEDIA,
    WHISPER,
    known_texts,
    needs_whisper,
    no_speech,
    plain_words,
    read_clip,
    to_wav,
    write_wav,
)
from tests.support.patience import PATIENCE_SECONDS

faster_whisper = pytest.importorskip("faster_whisper", reason="the whisper extra is not installed")


def transcribe(
    path: Path, language: str | None = None, *, model: Path = WHISPER
) -> TimedTranscript:
    """The engine's transcript of the file."""
    return WhisperEngine(str(model)).transcribe(
        path, language=language, deadline_seconds=PATIENCE_SECONDS
    )


def assert_times_are_valid(transcript: TimedTranscript, length_seconds: float) -> None:
    """Assert that words are in order and inside the file, and segments start and end at words."""
    at = 0.0
    for word in transcript.words:
        assert at <= word.start_seconds < word.end_seconds <= length_seconds
        at = word.end_seconds
    edges = {w.start_seconds for w in transcript.words} | {w.end_seconds for w in transcript.words}
    assert all({s.start_seconds, s.end_seconds} <= edges for s in transcript.segments)


@needs_whisper
def test_whisper_engine_gives_punctuation_and_times(tmp_path: Path) -> None:
    """The text is exact, and words to which the decoder gave no length are repaired."""
    found = transcribe(to_wav(MEDIA / "jfk.flac", tmp_path / "jfk.wav"))
    assert (found.full_text, found.language) == (JFK, "en")
    assert " ".join(w.text for w in found.words) == JFK
    assert [s.suspect for s in found.segments] == [None]
    assert_times_are_valid(found, 11.0)


@needs_whisper
def test_whisper_engine_gives_the_words_of_every_clip() -> None:
    """Fifteen clips are transcribed word for word."""
    for path, text in known_texts().items():
        found = transcribe(path)
        expected = plain_words(text.replace("-", " "))
        assert [w for word in found.words for w in plain_words(word.text)] == expected, path.name
        assert_times_are_valid(found, len(read_clip(path)) / 16000)


@needs_whisper
@pytest.mark.parametrize("kind", ["silence", "tone", "noise", "music"])
def test_whisper_engine_hears_no_words_in_sound_without_speech(kind: str, tmp_path: Path) -> None:
    """Even a model that knows only its clips stays silent."""
    found = transcribe(write_wav(tmp_path / "a.wav", no_speech(kind)))
    assert (found.words, found.segments, found.language) == ((), (), "und")


@needs_whisper
def test_join_gives_every_word_of_whisper_slices_once_and_in_order(tmp_path: Path) -> None:
    """Fifteen slices are joined: each word appears once, in its slice."""
    slices: list[SliceTranscript] = []
    expected: list[str] = []
    spans: list[tuple[float, float, int]] = []
    start = 0.0
    for path, text in known_texts().items():
        clip = read_clip(path)
        before, after = np.zeros(6400), np.zeros(9600)
        samples = np.concatenate([before, clip, after])
        end = start + len(samples) / 16000
        found = transcribe(write_wav(tmp_path / "slice.wav", samples))
        slices.append(SliceTranscript(start, end, found))
        words = plain_words(text.replace("-", " "))
        spans.append((start, end, len(expected) + len(words)))
        expected += words
        start = end
    joined = join(list(reversed(slices)))
    assert [w for word in joined.words for w in plain_words(word.text)] == expected
    assert plain_words(joined.full_text.replace("-", " ")) == expected
    assert joined.language == "en"
    at = 0.0
    for word in joined.words:
        assert at <= word.start_seconds < word.end_seconds <= start
        at = word.end_seconds
    for begin, end, _ in spans:
        assert any(begin <= w.start_seconds < end for w in joined.words)


@needs_whisper
def test_whisper_engine_loads_the_model_once_for_all_threads(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Four engines in four threads share one model and give the same text."""
    model = shutil.copytree(WHISPER, tmp_path / "model")
    loads: list[str] = []

    def counted(folder: str, **options: Any) -> Any:
        loads.append(folder)
        return load(folder, **options)

    load = faster_whisper.WhisperModel
    monkeypatch.setattr(faster_whisper, "WhisperModel", counted)
    clip = MEDIA / "harvard" / "harvard-spk1_snt1.wav"
    found: list[str] = []

    def add_transcript() -> None:
        found.append(transcribe(clip, model=model).full_text)

    threads = [Thread(target=add_transcript) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == ["The child almost hurt the small dog."] * 4
    assert loads == [str(model)]


@needs_whisper
def test_whisper_engine_raises_when_the_deadline_has_passed() -> None:
    """Without time left, the engine raises TimeoutError."""
    with pytest.raises(TimeoutError):
        WhisperEngine(str(WHISPER)).transcribe(
            MEDIA / "librivox" / "librivox-0870.wav", language=None, deadline_seconds=0
        )


@needs_whisper
def test_whisper_engine_rejects_a_language_the_model_does_not_know(tmp_path: Path) -> None:
    """An English-only model rejects French and accepts English by any of its codes."""
    path = write_wav(tmp_path / "a.wav", no_speech("silence", 1))
    with pytest.raises(Reject, match="does not know the language 'fr'"):
        transcribe(path, "fr")
    assert transcribe(path, "en-GB").language == "en"


class FakeWhisperModel:
    """A Whisper model that decodes the given segments."""

    supported_languages = ("en",)

    def __init__(self, *segments: SimpleNamespace) -> None:
        self._segments = segments

    def transcribe(self, samples: Any, **options: Any) -> tuple[Any, SimpleNamespace]:
        return iter(self._segments), SimpleNamespace(language="en", duration_after_vad=1.0)


def decoded_segment(text: str, start: float, *, log_probability: float, no_speech: float) -> Any:
    """A segment as faster-whisper gives it, with all its words at one moment."""
    words = [
        SimpleNamespace(word=f" {w}", start=start, end=start, probability=0.9) for w in text.split()
    ]
    return SimpleNamespace(
        text=f" {text}",
        start=start,
        end=start + 5,
        words=words,
        avg_logprob=log_probability,
        no_speech_prob=no_speech,
    )


def test_whisper_engine_flags_doubtful_segments_and_drops_invented_ones(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A loop over speech and unlikely words are flagged; a loop over silence is dropped."""
    decoder = FakeWhisperModel(
        decoded_segment("Good morning.", 0, log_probability=-0.2, no_speech=0.0),
        decoded_segment("Thank you. " * 8, 5, log_probability=-0.3, no_speech=0.9),
        decoded_segment("so so " * 8, 10, log_probability=-0.3, no_speech=0.1),
        decoded_segment("Mumble it is.", 15, log_probability=-1.4, no_speech=0.2),
    )
    monkeypatch.setattr(WhisperEngine, "loaded_model", lambda self: decoder)
    path = write_wav(tmp_path / "a.wav", no_speech("tone", 20))
    found = WhisperEngine("any").transcribe(path, language=None, deadline_seconds=PATIENCE_SECONDS)
    assert [s.suspect for s in found.segments] == [None, "repetition", "low_confidence"]
    assert len(found.words) == 2 + 16 + 3
    assert_times_are_valid(found, 20)
