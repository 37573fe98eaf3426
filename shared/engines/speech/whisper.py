"""Whisper through faster-whisper (CTranslate2)."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import structlog

from shared.domain.transcript import Segment, TimedTranscript, Word
from shared.engines.speech.joining import UNDETERMINED
from shared.engines.speech.language import language_code
from shared.engines.speech.models import find_model
from shared.engines.speech.suspicion import REPETITION, hallucinated, repeated_lines, suspicion
from shared.engines.speech.wav import SAMPLE_RATE_HZ, as_floats, read_samples
from shared.engines.speech.word_times import apportioned, repaired_words, segment_of
from shared.error_codes.videos import LANGUAGE_UNSUPPORTED
from shared.errors import Reject, SettingsError

_NAME_LENGTH = 50

_lock = threading.Lock()
_loaded: dict[tuple[str, str, str, int], Any] = {}
_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class _Heard:
    """One segment as decoded: its words, and what the decoder says of itself."""

    text: str
    words: tuple[Word, ...]
    suspect: str | None
    average_log_probability: float
    no_speech_probability: float


class WhisperEngine:
    """Transcribes with a Whisper model given by folder, size or hub id.

    `device` "auto" is the CPU: the functions run there, and so does a laptop; "cuda" is asked for
    by name. The model is found and loaded at the first call, once per process, and
    shared by all engines of the same model.

    What cannot be trusted is flagged, not silently kept: `Segment.suspect` is "repetition" (text
    that compresses too well, a phrase or a line over and over) or "low_confidence" (mean log
    probability, probability of no speech). Flagged words stay, because somebody did speak there.
    The one exception is a hallucination. The voice detector has already cut away what is no
    speech; where the decoder says, too, that nobody speaks, and its text loops or is unlikely,
    the segment is left out, and a log line gives its times and the reason. So a loop over
    silence yields no words, a loop over speech yields flagged ones.
    """

    def __init__(
        self,
        model: str,
        *,
        device: str = "auto",
        compute_type: str = "int8",
        beam_size: int = 5,
        cpu_threads: int = 0,
        download_root: Path | None = None,
        allow_download: bool = True,
    ) -> None:
        self.name = f"faster-whisper:{Path(model).name}"[:_NAME_LENGTH]
        self._model = model
        self._device = "cpu" if device == "auto" else device
        self._compute_type = compute_type
        self._beam_size = beam_size
        self._cpu_threads = cpu_threads
        self._download_root = download_root
        self._allow_download = allow_download

    def transcribe(
        self, wav_path: Path, *, language: str | None, deadline_seconds: float
    ) -> TimedTranscript:
        """Words and segments of one slice; see `SpeechEngine.transcribe`.

        The deadline is looked at after each window of 30 s. Raises also
        Reject(LANGUAGE_UNSUPPORTED), Reject(SLICE_UNREADABLE) and SettingsError
        (`SpeechModelMissing` when the model could not be fetched).
        """
        deadline = time.monotonic() + deadline_seconds
        model = self._ready()
        code = _supported(model, language, self.name)
        samples = read_samples(wav_path)
        if len(samples) == 0:
            return TimedTranscript(code or UNDETERMINED, (), ())
        _check(deadline)
        found, info = model.transcribe(
            as_floats(samples),
            language=code,
            beam_size=self._beam_size,
            vad_filter=True,
            word_timestamps=True,
            condition_on_previous_text=False,
        )
        if info.duration_after_vad <= 0:
            return TimedTranscript(code or UNDETERMINED, (), ())
        heard = list(_before(deadline, found))
        spoken = str(info.language) if heard else code or UNDETERMINED
        return _transcript(heard, spoken, len(samples) / SAMPLE_RATE_HZ)

    def _ready(self) -> Any:
        folder = find_model(
            self._model, allow_download=self._allow_download, download_root=self._download_root
        )
        key = (str(folder.resolve()), self._device, self._compute_type, self._cpu_threads)
        with _lock:
            if key not in _loaded:
                _loaded[key] = _load(folder, self._device, self._compute_type, self._cpu_threads)
            return _loaded[key]


def _load(folder: Path, device: str, compute_type: str, cpu_threads: int) -> Any:
    try:
        from faster_whisper import WhisperModel
    except ImportError as error:
        raise SettingsError(
            "faster-whisper is not installed. Install it with: pip install 'videomoments[whisper]'"
        ) from error
    try:
        return WhisperModel(
            str(folder),
            device=device,
            compute_type=compute_type,
            cpu_threads=cpu_threads,
            local_files_only=True,
        )
    except Exception as error:  # CTranslate2 and tokenizers raise bare Exceptions of many kinds
        raise SettingsError(
            f"The Whisper model in {folder} cannot be loaded on {device} as {compute_type}: "
            f"{error}. Fetch or convert it again, or choose another device."
        ) from error


def _supported(model: Any, language: str | None, name: str) -> str | None:
    """The code to decode with, None to detect. Raises Reject(LANGUAGE_UNSUPPORTED)."""
    code = language_code(language)
    if code is not None and code not in model.supported_languages:
        raise Reject(
            LANGUAGE_UNSUPPORTED,
            f"{name} does not know the language {language!r}. Leave the language unset to have it "
            "detected, or use a multilingual model.",
        )
    return code


def _check(deadline: float) -> None:
    if time.monotonic() >= deadline:
        raise TimeoutError("the transcription did not end before its deadline")


def _before(deadline: float, found: Iterator[Any]) -> Iterator[_Heard]:
    """The segments as they are decoded, each only while there is time."""
    for segment in found:
        _check(deadline)
        text = segment.text.strip()
        words = _words(segment)
        if text and words:
            yield _Heard(
                text,
                words,
                suspicion(
                    text,
                    [w.text for w in words],
                    average_log_probability=segment.avg_logprob,
                    no_speech_probability=segment.no_speech_prob,
                ),
                float(segment.avg_logprob),
                float(segment.no_speech_prob),
            )


def _words(segment: Any) -> tuple[Word, ...]:
    """The words with the decoder's times, or spread over the segment where it gave none."""
    words = tuple(
        Word(w.word.strip(), float(w.start), float(w.end), round(float(w.probability), 3))
        for w in segment.words or ()
        if w.word.strip()
    )
    start = float(segment.start)
    return words or apportioned(segment.text, start, max(float(segment.end), start + 0.001))


def _transcript(heard: list[_Heard], language: str, length_seconds: float) -> TimedTranscript:
    looping = repeated_lines([h.text for h in heard])
    kept: list[tuple[_Heard, str | None]] = []
    for one, loops in zip(heard, looping, strict=True):
        suspect = one.suspect or (REPETITION if loops else None)
        if hallucinated(
            suspect,
            average_log_probability=one.average_log_probability,
            no_speech_probability=one.no_speech_probability,
        ):
            _log.warning(
                "hallucination_left_out",
                start_seconds=one.words[0].start_seconds,
                end_seconds=one.words[-1].end_seconds,
                reason=suspect,
            )
            continue
        kept.append((one, suspect))
    words = repaired_words([w for one, _ in kept for w in one.words], 0.0, length_seconds)
    segments: list[Segment] = []
    at = 0
    for one, suspect in kept:
        mine = words[at : at + len(one.words)]
        at += len(one.words)
        segments.append(segment_of(mine, text=one.text, suspect=suspect))
    return TimedTranscript(language, words, tuple(segments))
