"""Subtitles that came with the video, in place of listening to it."""

from __future__ import annotations

from pathlib import Path

from shared.domain.transcript import TimedTranscript
from shared.engines.speech.captions import Captions, parse_captions
from shared.engines.speech.joining import UNDETERMINED
from shared.engines.speech.language import language_code

SERVICE = "subtitles"
"""Goes into transcripts.transcription_service."""

MAX_FILE_BYTES = 10_000_000

_LATE_SECONDS = 5.0
_MIN_WORDS_PER_MINUTE = 10.0
_MIN_REACH = 0.5
_MIN_COVERED = 0.05
_MAX_WORDS_PER_SECOND = 7.0
_MAX_SKIPPED_SHARE = 0.5


def read_subtitles(path: Path, *, language: str | None) -> Captions:
    """The captions in an SRT or WebVTT file, of at most `MAX_FILE_BYTES`.

    `language` is what the track or the caller says; else it is taken from a name like
    "talk.en.srt", else it is "und".
    """
    code = language_code(language) or language_in_name(path.name) or UNDETERMINED
    return parse_captions(path.read_bytes(), language=code)


def language_in_name(name: str) -> str | None:
    """The code in "talk.en.srt" or "talk.pt-BR.vtt", None where there is none."""
    parts = name.split(".")
    if len(parts) < 3:
        return None
    code = language_code(parts[-2])
    return code if code is not None and code.isalpha() and len(code) in (2, 3) else None


def why_unusable(captions: Captions, duration_seconds: float) -> str | None:
    """Why these captions cannot stand for what is said in the recording, or None if they can.

    One readable clause. Captions are unusable when they hold no words, mostly malformed cues,
    times outside the recording or too fast to be spoken, too few words (only forced narrative,
    or only names of sounds), or end before half of the recording.
    """
    transcript = captions.transcript
    if not transcript.words:
        return "they name sounds only" if captions.sound_cues else "they hold no text"
    cues = len(transcript.segments) + captions.sound_cues + captions.skipped_cues
    if captions.skipped_cues > _MAX_SKIPPED_SHARE * cues:
        return f"{captions.skipped_cues} of their {cues} cues are malformed"
    return _misfit(transcript, duration_seconds)


def _misfit(transcript: TimedTranscript, duration_seconds: float) -> str | None:
    """Why the times do not go with a recording of this length."""
    words = len(transcript.words)
    last = transcript.words[-1].end_seconds
    covered = sum(s.end_seconds - s.start_seconds for s in transcript.segments)
    if last > duration_seconds + _LATE_SECONDS:
        return f"they run to {last:.0f} s, the recording ends at {duration_seconds:.0f} s"
    if words > _MAX_WORDS_PER_SECOND * covered:
        return f"{words} words in {covered:.0f} s are more than anyone can say"
    if words < _MIN_WORDS_PER_MINUTE * duration_seconds / 60:
        return f"{words} words are too few for {duration_seconds:.0f} s"
    if covered < _MIN_COVERED * duration_seconds:
        return f"they cover {covered:.0f} of {duration_seconds:.0f} s"
    if last < _MIN_REACH * duration_seconds:
        return f"they end at {last:.0f} of {duration_seconds:.0f} s"
    return None
