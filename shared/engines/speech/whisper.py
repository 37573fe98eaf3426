"""The Whisper engine, on faster-whisper (CTranslate2)."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from shared.domain.transcript import TimedTranscript
from shared.engines.speech.join import UNDETERMINED
from shared.engines.speech.language import language_code
from shared.engines.speech.models import find_model
from shared.engines.speech.wav import SAMPLE_RATE_HZ, as_floats, read_samples
from shared.engines.speech.whisper_segments import (
    DecodedSegment,
    decode_segment,
    transcript_of_segments,
)
from shared.error_codes.videos import LANGUAGE_UNSUPPORTED
from shared.errors import Reject, SettingsError

_NAME_LENGTH = 50

_lock = threading.Lock()
_loaded: dict[tuple[str, str, str, int], Any] = {}


class WhisperEngine:
    """Transcribes with a Whisper model given by folder, size or hub id.

    `device` "auto" is the CPU, as on the functions and on most laptops; "cuda" must be named. The
    model is found and loaded at the first call, once per process, and shared by all engines of the
    same model.

    Untrusted segments are flagged: `Segment.suspect` is "repetition" (text that compresses too
    well, a repeated phrase or line) or "low_confidence" (mean log probability, no-speech
    probability). Their words stay, because somebody did speak. The one exception is a
    hallucination. The voice detector has already removed the silence; if the decoder also reports
    no speech, and its text loops or is unlikely, the segment is dropped, and a log line gives its
    times and the reason. A loop over silence thus yields no words, a loop over speech flagged ones.
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

        Checks the deadline after each window of 30 s. Also raises Reject(LANGUAGE_UNSUPPORTED),
        Reject(SLICE_UNREADABLE) and SettingsError (SpeechModelMissing if the model cannot be
        downloaded).
        """
        deadline = time.monotonic() + deadline_seconds
        model = self.loaded_model()
        code = _supported_code(model, language, self.name)
        samples = read_samples(wav_path)
        if len(samples) == 0:
            return TimedTranscript(code or UNDETERMINED, (), ())
        _check_deadline(deadline)
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
        decoded = list(_decode(found, deadline))
        spoken = str(info.language) if decoded else code or UNDETERMINED
        return transcript_of_segments(decoded, spoken, len(samples) / SAMPLE_RATE_HZ)

    def loaded_model(self) -> Any:
        """The CTranslate2 model, loaded once per process. Raises SettingsError."""
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


def _supported_code(model: Any, language: str | None, name: str) -> str | None:
    """The code to decode with, None to detect. Raises Reject(LANGUAGE_UNSUPPORTED)."""
    code = language_code(language)
    if code is not None and code not in model.supported_languages:
        raise Reject(
            LANGUAGE_UNSUPPORTED,
            f"{name} does not know the language {language!r}. Leave the language unset to have it "
            "detected, or use a multilingual model.",
        )
    return code


def _check_deadline(deadline: float) -> None:
    if time.monotonic() >= deadline:
        raise TimeoutError("the transcription did not end before its deadline")


def _decode(found: Iterator[Any], deadline: float) -> Iterator[DecodedSegment]:
    """Decode one segment after another. Raises TimeoutError past the deadline."""
    for segment in found:
        _check_deadline(deadline)
        decoded = decode_segment(segment)
        if decoded is not None:
            yield decoded
