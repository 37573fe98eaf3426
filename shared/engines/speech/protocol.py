"""The one protocol every recogniser is spoken to through."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

from shared.domain.transcript import TimedTranscript
from shared.error_codes.videos import SPEECH_MODEL_UNAVAILABLE
from shared.errors import SettingsError


class SpeechModelMissing(SettingsError):
    """A recogniser's model is not at hand and could not be fetched; the message says why."""

    code = SPEECH_MODEL_UNAVAILABLE


class SpeechEngine(Protocol):
    """Turns one slice of audio into words with times.

    `name` goes into transcripts.transcription_service (at most 50 characters). Loading happens
    once per process, at the first call, never at import.
    """

    name: str

    def transcribe(
        self, wav_path: Path, *, language: str | None, deadline_seconds: float
    ) -> TimedTranscript:
        """`wav_path`: 16 kHz mono PCM. Times are relative to the start of that file.

        `language` None means: detect. Raises TimeoutError past `deadline_seconds`, and
        `SettingsError` naming the remedy when the model cannot be had.
        """
        ...
