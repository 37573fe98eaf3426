"""The protocol of speech engines."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

from shared.domain.transcript import TimedTranscript
from shared.error_codes.videos import SPEECH_MODEL_UNAVAILABLE
from shared.errors import SettingsError


class SpeechModelMissing(SettingsError):
    """An engine's model is not present and could not be downloaded; the message says why."""

    code = SPEECH_MODEL_UNAVAILABLE


class SpeechEngine(Protocol):
    """Turns one slice of audio into words with times.

    `name` is stored as transcripts.transcription_service (at most 50 characters). An engine loads
    its model once per process, at the first call, never at import.
    """

    name: str

    def transcribe(
        self, wav_path: Path, *, language: str | None, deadline_seconds: float
    ) -> TimedTranscript:
        """Transcribe a 16 kHz mono PCM file. Times are relative to the start of that file.

        `language` None detects the language. Raises TimeoutError past `deadline_seconds`, and
        SettingsError with the remedy if the model cannot be obtained.
        """
        ...
