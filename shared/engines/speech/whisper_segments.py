"""Turn Whisper's segments into a transcript: flag doubtful ones, drop hallucinations."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import structlog

from shared.domain.transcript import Segment, TimedTranscript, Word
from shared.engines.speech.suspicion import (
    REPETITION,
    is_hallucination,
    repeated_lines,
    suspicion,
)
from shared.engines.speech.word_times import repair_words, segment_of, spread_words

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class DecodedSegment:
    """One segment with its words and the decoder's scores."""

    text: str
    words: tuple[Word, ...]
    suspect: str | None
    average_log_probability: float
    no_speech_probability: float


def decode_segment(segment: Any) -> DecodedSegment | None:
    """Convert a segment of faster-whisper; None if it holds no words."""
    text = segment.text.strip()
    words = _words(segment)
    if not text or not words:
        return None
    return DecodedSegment(
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
    """The words with the decoder's times, or spread over the segment if it gives no times."""
    words = tuple(
        Word(w.word.strip(), float(w.start), float(w.end), round(float(w.probability), 3))
        for w in segment.words or ()
        if w.word.strip()
    )
    start = float(segment.start)
    return words or spread_words(segment.text, start, max(float(segment.end), start + 0.001))


def transcript_of_segments(
    decoded: list[DecodedSegment], language: str, length_seconds: float
) -> TimedTranscript:
    """The transcript of a slice, without the segments that the decoder made up."""
    looping = repeated_lines([segment.text for segment in decoded])
    kept: list[tuple[DecodedSegment, str | None]] = []
    for one, loops in zip(decoded, looping, strict=True):
        suspect = one.suspect or (REPETITION if loops else None)
        if is_hallucination(
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
    words = repair_words([w for one, _ in kept for w in one.words], 0.0, length_seconds)
    segments: list[Segment] = []
    begin = 0
    for one, suspect in kept:
        end = begin + len(one.words)
        segments.append(segment_of(words[begin:end], text=one.text, suspect=suspect))
        begin = end
    return TimedTranscript(language, words, tuple(segments))
