"""The transcripts of a recording's slices, joined into one."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace

from shared.domain.transcript import Segment, TimedTranscript, Word
from shared.engines.speech.word_times import repaired_times, repaired_words

SEAM_SECONDS = 0.3
"""How near a seam two equal words must be, on either side, to be one word heard twice."""

_TOUCHING_SECONDS = 0.001
UNDETERMINED = "und"
"""ISO 639's code for a language nobody could tell."""


@dataclass(frozen=True, slots=True)
class SliceTranscript:
    """A slice of the recording; the times in `transcript` count from the slice's start."""

    start_seconds: float
    end_seconds: float
    transcript: TimedTranscript


def join(slices: Sequence[SliceTranscript]) -> TimedTranscript:
    """One transcript with times of the recording, in order, nothing lost and nothing doubled.

    Slices abut or leave gaps; they may come in any order, and some may hold no speech. A word
    that bleeds past its slice is held inside it. A word cut by a seam and so heard on both sides
    (the same text, letters and digits alone, within `SEAM_SECONDS` of the seam on each) becomes
    one. The language is the one with the most words; among equals, the first heard. Raises
    ValueError when slices overlap.
    """
    words: list[Word] = []
    segments: list[Segment] = []
    seam = 0.0
    for piece in sorted(slices, key=lambda s: s.start_seconds):
        if piece.start_seconds < seam - _TOUCHING_SECONDS:
            raise ValueError(f"slices overlap: one ends at {seam} s, the next starts before it")
        placed = _placed(piece, max(piece.start_seconds, seam))
        if _heard_twice(words, placed.words, piece.start_seconds):
            placed = _merge_seam(words, segments, placed)
        words += placed.words
        segments += placed.segments
        seam = piece.end_seconds
    return TimedTranscript(_language(slices), tuple(words), tuple(segments))


def _placed(piece: SliceTranscript, start_seconds: float) -> TimedTranscript:
    """The slice's transcript on the recording's clock, held inside the slice."""
    moved = piece.transcript.shifted(piece.start_seconds)
    times = repaired_times(
        [(s.start_seconds, s.end_seconds) for s in moved.segments],
        start_seconds,
        piece.end_seconds,
    )
    segments = tuple(
        replace(segment, start_seconds=start, end_seconds=end)
        for segment, (start, end) in zip(moved.segments, times, strict=True)
    )
    words = repaired_words(moved.words, start_seconds, piece.end_seconds)
    return TimedTranscript(moved.language, words, segments)


def _heard_twice(before: Sequence[Word], after: Sequence[Word], seam_seconds: float) -> bool:
    if not before or not after:
        return False
    last, first = before[-1], after[0]
    return (
        _spoken(last) == _spoken(first) != ""
        and abs(seam_seconds - last.end_seconds) <= SEAM_SECONDS
        and first.start_seconds - seam_seconds <= SEAM_SECONDS
    )


def _spoken(word: Word) -> str:
    return "".join(c for c in word.text.casefold() if c.isalnum())


def _merge_seam(
    words: list[Word], segments: list[Segment], after: TimedTranscript
) -> TimedTranscript:
    """Stretch the last word over the first of `after`, and give back the rest of `after`."""
    twin = after.words[0]
    last = words[-1]
    chances = [p for p in (last.probability, twin.probability) if p is not None]
    words[-1] = Word(
        last.text, last.start_seconds, twin.end_seconds, max(chances) if chances else None
    )
    if segments:
        segments[-1] = replace(
            segments[-1], end_seconds=max(segments[-1].end_seconds, twin.end_seconds)
        )
    if not after.segments:
        return TimedTranscript(after.language, after.words[1:], ())
    first, *others = after.segments
    rest = first.text.strip().removeprefix(twin.text).strip()
    if not rest:
        return TimedTranscript(after.language, after.words[1:], tuple(others))
    begin = min(max(first.start_seconds, twin.end_seconds), first.end_seconds)
    if len(after.words) > 1:
        begin = max(begin, min(after.words[1].start_seconds, first.end_seconds))
    trimmed = replace(first, text=rest, start_seconds=begin)
    return TimedTranscript(after.language, after.words[1:], (trimmed, *others))


def _language(slices: Sequence[SliceTranscript]) -> str:
    ordered = sorted(slices, key=lambda s: s.start_seconds)
    spoken: Counter[str] = Counter()
    for piece in ordered:
        if piece.transcript.words:
            spoken[piece.transcript.language] += len(piece.transcript.words)
    if spoken:
        return max(spoken, key=lambda language: spoken[language])
    known = [s.transcript.language for s in ordered if s.transcript.language != UNDETERMINED]
    return known[0] if known else UNDETERMINED
