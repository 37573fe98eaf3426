"""The Whisper engine, on the real faster-whisper with a small model that memorised its clips."""

from __future__ import annotations

from pathlib import Path
from threading import Thread
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from shared.domain.transcript import TimedTranscript
from shared.engines.speech import whisper
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
    read_clip,
    spoken,
    to_wav,
    write_wav,
)
from tests.support.patience import PATIENCE_SECONDS

pytest.importorskip("faster_whisper", reason="the whisper extra is not installed")


def heard(path: Path, language: str | None = None) -> TimedTranscript:
    """What the engine makes of the file."""
    return WhisperEngine(str(WHISPER)).transcribe(
        path, language=language, deadline_seconds=PATIENCE_SECONDS
    )


def assert_sound(transcript: TimedTranscript, length_seconds: float) -> None:
    """Words in order, apart, of some length, inside; segments from their first to their last."""
    at = 0.0
    for word in transcript.words:
        assert at <= word.start_seconds < word.end_seconds <= length_seconds
        at = word.end_seconds
    edges = {w.start_seconds for w in transcript.words} | {w.end_seconds for w in transcript.words}
    assert all({s.start_seconds, s.end_seconds} <= edges for s in transcript.segments)


@needs_whisper
def test_speech_is_transcribed_with_punctuation_and_times(tmp_path: Path) -> None:
    """The text is exact; the times the decoder gave with no length are repaired."""
    found = heard(to_wav(MEDIA / "jfk.flac", tmp_path / "jfk.wav"))
    assert (found.full_text, found.language) == (JFK, "en")
    assert " ".join(w.text for w in found.words) == JFK
    assert [s.suspect for s in found.segments] == [None]
    assert_sound(found, 11.0)


@needs_whisper
def test_every_clip_gives_its_words() -> None:
    """Fifteen clips, word for word."""
    for path, text in known_texts().items():
        found = heard(path)
        expected = spoken(text.replace("-", " "))
        assert [w for word in found.words for w in spoken(word.text)] == expected, path.name
        assert_sound(found, len(read_clip(path)) / 16000)


@needs_whisper
@pytest.mark.parametrize("kind", ["silence", "tone", "noise", "music"])
def test_no_words_where_nobody_speaks(kind: str, tmp_path: Path) -> None:
    """Not even from a model that can say nothing but what it memorised."""
    found = heard(write_wav(tmp_path / "a.wav", no_speech(kind)))
    assert (found.words, found.segments, found.language) == ((), (), "und")


@needs_whisper
def test_slices_joined_give_every_word_once_and_in_order(tmp_path: Path) -> None:
    """Fifteen clips with silences between, cut in the silences: each word once, where it is."""
    slices: list[SliceTranscript] = []
    expected: list[str] = []
    spans: list[tuple[float, float, int]] = []
    start = 0.0
    for path, text in known_texts().items():
        clip = read_clip(path)
        before, after = np.zeros(6400), np.zeros(9600)
        samples = np.concatenate([before, clip, after])
        end = start + len(samples) / 16000
        found = heard(write_wav(tmp_path / "slice.wav", samples))
        slices.append(SliceTranscript(start, end, found))
        words = spoken(text.replace("-", " "))
        spans.append((start, end, len(expected) + len(words)))
        expected += words
        start = end
    joined = join(list(reversed(slices)))
    assert [w for word in joined.words for w in spoken(word.text)] == expected
    assert spoken(joined.full_text.replace("-", " ")) == expected
    assert joined.language == "en"
    at = 0.0
    for word in joined.words:
        assert at <= word.start_seconds < word.end_seconds <= start
        at = word.end_seconds
    for begin, end, _ in spans:
        assert any(begin <= w.start_seconds < end for w in joined.words)


@needs_whisper
def test_the_model_is_loaded_once_for_all_threads(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Four engines in four threads share one model and agree."""
    loads: list[Path] = []
    load = whisper._load

    def counted(folder: Path, *rest: Any) -> Any:
        loads.append(folder)
        return load(folder, *rest)

    monkeypatch.setattr(whisper, "_load", counted)
    monkeypatch.setattr(whisper, "_loaded", {})
    clip = MEDIA / "harvard" / "harvard-spk1_snt1.wav"
    found: list[str] = []
    threads = [Thread(target=lambda: found.append(heard(clip).full_text)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == ["The child almost hurt the small dog."] * 4
    assert len(loads) == 1


@needs_whisper
def test_a_passed_deadline_ends_the_work() -> None:
    """No time, no transcript."""
    with pytest.raises(TimeoutError):
        WhisperEngine(str(WHISPER)).transcribe(
            MEDIA / "librivox" / "librivox-0870.wav", language=None, deadline_seconds=0
        )


@needs_whisper
def test_a_language_the_model_does_not_know_is_refused(tmp_path: Path) -> None:
    """An English-only model refuses French, and takes English by any of its codes."""
    path = write_wav(tmp_path / "a.wav", no_speech("silence", 1))
    with pytest.raises(Reject, match="does not know the language 'fr'"):
        heard(path, "fr")
    assert heard(path, "en-GB").language == "en"


class DecoderSaying:
    """Stands in for the model, to say what no real one says on demand."""

    supported_languages = ("en",)

    def __init__(self, *segments: SimpleNamespace) -> None:
        self._segments = segments

    def transcribe(self, samples: Any, **options: Any) -> tuple[Any, SimpleNamespace]:
        return iter(self._segments), SimpleNamespace(language="en", duration_after_vad=1.0)


def decoded(text: str, start: float, *, log_probability: float, no_speech: float) -> Any:
    """A segment as faster-whisper gives it, all words at one moment."""
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


def test_doubtful_segments_are_flagged_and_made_up_ones_left_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A loop over speech stays and is flagged, a loop over silence goes, doubt is flagged."""
    decoder = DecoderSaying(
        decoded("Good morning.", 0, log_probability=-0.2, no_speech=0.0),
        decoded("Thank you. " * 8, 5, log_probability=-0.3, no_speech=0.9),
        decoded("so so " * 8, 10, log_probability=-0.3, no_speech=0.1),
        decoded("Mumble it is.", 15, log_probability=-1.4, no_speech=0.2),
    )
    monkeypatch.setattr(WhisperEngine, "loaded_model", lambda self: decoder)
    path = write_wav(tmp_path / "a.wav", no_speech("tone", 20))
    found = WhisperEngine("any").transcribe(path, language=None, deadline_seconds=PATIENCE_SECONDS)
    assert [s.suspect for s in found.segments] == [None, "repetition", "low_confidence"]
    assert len(found.words) == 2 + 16 + 3
    assert_sound(found, 20)
