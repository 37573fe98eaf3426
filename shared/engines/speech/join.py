"""Join the transcripts of a video's slices into one."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace

from shared.domain.transcript import Segment, TimedTranscript, Word
from shared.engines.speech.word_times import repair_times, repair_words

SEAM_SECONDS = 0.3
"""Two equal words this close to a seam, one on either side, are one word heard twice."""

UNDETERMINED = "und"
"""ISO 639's code for an undetermined language."""

_TOUCHING_SECONDS = 0.001


@dataclass(frozen=True, slots=True)
class SliceTranscript:
    """A slice of the audio; the times in `transcript` count from the slice's start."""

    start_seconds: float
    end_seconds: float
    transcript: TimedTranscript


def join(slices: Sequence[SliceTranscript]) -> TimedTranscript:
    """One transcript in time order, with times of the video; no word is lost or doubled.

    Slices abut or leave gaps, come in any order, and may hold no speech. A word that extends past
    its slice is clamped to it. A seam may cut a word, so that both sides hear it; two words of
    equal letters and digits, both within `SEAM_SECONDS` of the seam, become one. The language is
    the one with the most words, or the first one if several have as many. Raises ValueError if
    slices overlap.
    """
    words: list[Word] = []
    segments: list[Segment] = []
    seam = 0.0
    for one in sorted(slices, key=lambda s: s.start_seconds):
        if one.start_seconds < seam - _TOUCHING_SECONDS:
            raise ValueError(f"slices overlap: one ends at {seam} s, the next starts before it")
        shifted = _shift_into_slice(one, max(one.start_seconds, seam))
        if _is_heard_twice(words, shifted.words, one.start_seconds):
            shifted = _merge_seam(words, segments, shifted)
        words += shifted.words
        segments += shifted.segments
        seam = one.end_seconds
    return TimedTranscript(_language(slices), tuple(words), tuple(segments))


def _shift_into_slice(one: SliceTranscript, start_seconds: float) -> TimedTranscript:
    """The slice's transcript with times of the video, clamped to the slice."""
    moved = one.transcript.shifted(one.start_seconds)
    times = repair_times(
        [(s.start_seconds, s.end_seconds) for s in moved.segments],
        start_seconds,
        one.end_seconds,
    )
    segments = tuple(
        replace(segment, start_seconds=start, end_seconds=end)
        for segment, (start, end) in zip(moved.segments, times, strict=True)
    )
    words = repair_words(moved.words, start_seconds, one.end_seconds)
    return TimedTranscript(moved.language, words, segments)


def _is_heard_twice(before: Sequence[Word], after: Sequence[Word], seam_seconds: float) -> bool:
    if not before or not after:
        return False
    last, first = before[-1], after[0]
    return (
        _letters(last) == _letters(first) != ""
        and abs(seam_seconds - last.end_seconds) <= SEAM_SECONDS
        and first.start_seconds - seam_seconds <= SEAM_SECONDS
    )


def _letters(word: Word) -> str:
    return "".join(c for c in word.text.casefold() if c.isalnum())


def _merge_seam(
    words: list[Word], segments: list[Segment], after: TimedTranscript
) -> TimedTranscript:
    """Extend the last word over the first word of `after`; return the rest of `after`."""
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
    for one in ordered:
        if one.transcript.words:
            spoken[one.transcript.language] += len(one.transcript.words)
    if spoken:
        return max(spoken, key=lambda language: spoken[language])
    known = [s.transcript.language for s in ordered if s.transcript.language != UNDETERMINED]
    return known[0] if known else UNDETERMINED
