"""What was said, and when. Times are seconds from the start of the recording."""

from __future__ import annotations

from dataclasses import dataclass, replace


@dataclass(frozen=True, slots=True)
class Word:
    """One spoken word; `text` carries its punctuation and no surrounding space."""

    text: str
    start_seconds: float
    end_seconds: float
    probability: float | None = None


@dataclass(frozen=True, slots=True)
class Segment:
    """A run of words the recogniser (or a subtitle cue) gave as one.

    `suspect` names why the text may not be trusted ("repetition", "low_confidence"), else None.
    `loudness_db`: its level below full scale, where its sound was heard.
    """

    text: str
    start_seconds: float
    end_seconds: float
    suspect: str | None = None
    loudness_db: float | None = None


@dataclass(frozen=True, slots=True)
class TimedTranscript:
    """Words and segments in time order. Both empty means: no speech."""

    language: str
    words: tuple[Word, ...]
    segments: tuple[Segment, ...]

    @property
    def full_text(self) -> str:
        """The segments' texts, joined by single spaces."""
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
