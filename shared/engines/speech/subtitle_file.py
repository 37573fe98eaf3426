"""Read a subtitle file, and decide whether its text can replace a transcription."""

from __future__ import annotations

from pathlib import Path

from shared.domain.transcript import TimedTranscript
from shared.engines.speech.join import UNDETERMINED
from shared.engines.speech.language import language_code
from shared.engines.speech.subtitle_cues import Subtitles, parse_subtitles

SERVICE = "subtitles"
"""The value of transcripts.transcription_service for subtitles."""

MAX_FILE_BYTES = 10_000_000

_LATE_SECONDS = 5.0
_MIN_WORDS_PER_MINUTE = 10.0
_MIN_REACH = 0.5
_MIN_COVERED = 0.05
_MAX_WORDS_PER_SECOND = 7.0
_MAX_SKIPPED_SHARE = 0.5


def read_subtitles(path: Path, *, language: str | None) -> Subtitles:
    """The subtitles in an SRT or WebVTT file of at most `MAX_FILE_BYTES`.

    The language is `language`, else that in a name like "talk.en.srt", else "und".
    """
    code = language_code(language) or language_in_name(path.name) or UNDETERMINED
    return parse_subtitles(path.read_bytes(), language=code)


def language_in_name(name: str) -> str | None:
    """The code in a name like "talk.en.srt" or "talk.pt-BR.vtt"; None if it has none."""
    parts = name.split(".")
    if len(parts) < 3:
        return None
    code = language_code(parts[-2])
    return code if code is not None and code.isalpha() and len(code) in (2, 3) else None


def why_unusable(subtitles: Subtitles, duration_seconds: float) -> str | None:
    """One readable clause that says why the subtitles cannot replace a transcription, or None.

    Subtitles are unusable if they hold no words or mostly malformed cues, if their times lie
    outside the video or are too short to be spoken, if they hold too few words (only forced
    narrative or names of sounds), or if they end before half of the video.
    """
    transcript = subtitles.transcript
    if not transcript.words:
        return "they name sounds only" if subtitles.sound_cues else "they hold no text"
    cues = len(transcript.segments) + subtitles.sound_cues + subtitles.skipped_cues
    if subtitles.skipped_cues > _MAX_SKIPPED_SHARE * cues:
        return f"{subtitles.skipped_cues} of their {cues} cues are malformed"
    return _misfit(transcript, duration_seconds)


def _misfit(transcript: TimedTranscript, duration_seconds: float) -> str | None:
    """Why the times do not match a video of this length."""
    words = len(transcript.words)
    last = transcript.words[-1].end_seconds
    covered = sum(s.end_seconds - s.start_seconds for s in transcript.segments)
    if last > duration_seconds + _LATE_SECONDS:
        return f"they run to {last:.0f} s, but the video ends at {duration_seconds:.0f} s"
    if words > _MAX_WORDS_PER_SECOND * covered:
        return f"nobody can say {words} words in {covered:.0f} s"
    if words < _MIN_WORDS_PER_MINUTE * duration_seconds / 60:
        return f"{words} words are too few for {duration_seconds:.0f} s"
    if covered < _MIN_COVERED * duration_seconds:
        return f"they cover {covered:.0f} of {duration_seconds:.0f} s"
    if last < _MIN_REACH * duration_seconds:
        return f"they end at {last:.0f} of {duration_seconds:.0f} s"
    return None
