"""The words of a video and their times, in seconds from the start of the video."""

from __future__ import annotations

from dataclasses import dataclass, replace


@dataclass(frozen=True, slots=True)
class Word:
    """One spoken word; `text` includes its punctuation, without surrounding space."""

    text: str
    start_seconds: float
    end_seconds: float
    probability: float | None = None


@dataclass(frozen=True, slots=True)
class Segment:
    """A run of words that the recogniser (or a subtitle cue) yields as one.

    `suspect` is the reason not to trust the text ("repetition", "low_confidence"), else None.
    `loudness_db` is its level relative to full scale, None if the sound was not measured.
    """

    text: str
    start_seconds: float
    end_seconds: float
    suspect: str | None = None
    loudness_db: float | None = None


@dataclass(frozen=True, slots=True)
class TimedTranscript:
    """Words and segments in time order. Both are empty if there is no speech."""

    language: str
    words: tuple[Word, ...]
    segments: tuple[Segment, ...]

    @property
    def full_text(self) -> str:
        """The texts of the segments, joined by single spaces."""
        return " ".join(segment.text for segment in self.segments)

    def shifted(self, offset_seconds: float) -> TimedTranscript:
        """The same transcript, `offset_seconds` later."""
        return TimedTranscript(
            self.language,
            tuple(
                Word(
                    w.text,
                    w.start_seconds + offset_seconds,
                    w.end_seconds + offset_seconds,
                    w.probability,
                )
                for w in self.words
            ),
            tuple(
                replace(
                    s,
                    start_seconds=s.start_seconds + offset_seconds,
                    end_seconds=s.end_seconds + offset_seconds,
                )
                for s in self.segments
            ),
        )
