"""Parse SRT or WebVTT subtitles into a transcript."""

from __future__ import annotations

import codecs
import html
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

from shared.domain.transcript import Segment, TimedTranscript, Word
from shared.engines.speech.word_times import MIN_WORD_SECONDS, segment_of, spread_words

_TIME = r"(?:(\d{1,3}):)?(\d{1,2}):(\d{1,2})(?:[.,](\d{1,3}))?"
_TIMING = re.compile(rf"^\s*{_TIME}\s*-->\s*{_TIME}(?:\s|$)")
_TAG = re.compile(r"</?[A-Za-z0-9][^<>\n]*>|\{\\[^{}\n]*\}")
_SOUND = re.compile(r"\[[^\[\]]*\]|[\u2669-\u266f]+")
_SOUND_LINE = re.compile(r"^\([^()]*\)$")
_SPEAKER = re.compile(r"^(?:-|[\u2010-\u2015]|>>+)?\s*(?:[A-Z][A-Z0-9 .'&-]{0,30}:(?=\s|$))?\s*")
_BYTE_ORDER_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_ROLLING_SHARE = 0.3
_ROLLING_PAIRS = 3
_ABUTTING_SECONDS = 0.1


@dataclass(frozen=True, slots=True)
class Subtitles:
    """The text of subtitles. `skipped_cues` are malformed, `sound_cues` wordless ("[music]")."""

    transcript: TimedTranscript
    skipped_cues: int = 0
    sound_cues: int = 0


@dataclass(frozen=True, slots=True)
class _Cue:
    start_seconds: float
    end_seconds: float
    lines: tuple[str, ...]


def parse_subtitles(data: bytes, *, language: str) -> Subtitles:
    """Turn each cue with words into a segment, and spread its words over it by their lengths.

    Accepts SRT and WebVTT, with or without a byte-order mark, hours, cue numbers and settings; in
    UTF-8, in UTF-16 with a mark, else in Windows-1252. Removes styling, entities, speaker labels
    and bracketed sounds. Unrolls rolling subtitles, whose cues repeat the previous line. A cue that
    overlaps the next ends where the next begins; cues shown together become one segment. Malformed
    cues are skipped and counted. Never raises.
    """
    cues: list[_Cue] = []
    skipped = sounds = 0
    for block in _blocks(decode_text(data)):
        cue = _parse_cue(block)
        if cue is None:
            skipped += 1
        elif not cue.lines:
            sounds += 1
        else:
            cues.append(cue)
    cues.sort(key=lambda c: c.start_seconds)
    cues = list(dict.fromkeys(cues))
    cues = _merge_simultaneous(_unroll(cues) if _is_rolling(cues) else cues)
    return Subtitles(_transcript(cues, language), skipped, sounds)


def decode_text(data: bytes) -> str:
    """Decode the bytes; undecodable ones become the replacement character."""
    for mark, encoding in _BYTE_ORDER_MARKS:
        if data.startswith(mark):
            return data.decode(encoding, "replace")
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        return data.decode("cp1252", "replace")


def _blocks(text: str) -> Iterator[list[str]]:
    """The lines of each cue, beginning with its timing line.

    A timing line begins a cue even if the blank line before it is missing. In SRT a blank line
    inside a cue's text does not end the cue.
    """
    text = text.replace("\r\n", "\n").replace("\r", "\n").replace("\x00", "")
    lines = text.split("\n")
    is_vtt = lines[0].startswith("WEBVTT")
    block: list[str] = []
    open_cue = False
    for number, line in enumerate(lines):
        if "-->" in line:
            if block:
                yield block
            block, open_cue = [line], True
        elif not line.strip():
            open_cue = open_cue and not is_vtt
        elif open_cue and not _is_cue_number(lines, number):
            block.append(line)
    if block:
        yield block


def _is_cue_number(lines: Sequence[str], number: int) -> bool:
    """True if the line holds only digits and precedes a timing line."""
    return (
        lines[number].strip().isdigit() and number + 1 < len(lines) and "-->" in lines[number + 1]
    )


def _parse_cue(block: Sequence[str]) -> _Cue | None:
    timing = _TIMING.match(block[0])
    if timing is None:
        return None
    start, end = _seconds(*timing.groups()[:4]), _seconds(*timing.groups()[4:])
    if end <= start:
        return None
    return _Cue(start, end, tuple(line for line in map(_spoken_text, block[1:]) if line))


def _seconds(hours: str | None, minutes: str, seconds: str, fraction: str | None) -> float:
    whole = int(hours or 0) * 3600 + int(minutes) * 60 + int(seconds)
    return whole + float(f"0.{fraction or 0}")


def _spoken_text(line: str) -> str:
    """The line without styling, sounds and speaker labels."""
    text = html.unescape(_TAG.sub("", line))
    text = " ".join(_SOUND.sub(" ", text).split())
    if _SOUND_LINE.match(text):
        return ""
    text = _SPEAKER.sub("", text, count=1)
    return text if any(c.isalnum() for c in text) else ""


def _repeated_lines(before: _Cue, after: _Cue) -> int:
    """How many of the first lines of `after` repeat the last lines of `before`, still on screen."""
    if after.start_seconds > before.end_seconds + _ABUTTING_SECONDS:
        return 0
    longest = min(len(before.lines), len(after.lines))
    return next((n for n in range(longest, 0, -1) if before.lines[-n:] == after.lines[:n]), 0)


def _is_rolling(cues: Sequence[_Cue]) -> bool:
    repeating = sum(1 for before, after in pairwise(cues) if _repeated_lines(before, after))
    return repeating >= max(_ROLLING_PAIRS, _ROLLING_SHARE * (len(cues) - 1))


def _unroll(cues: Sequence[_Cue]) -> list[_Cue]:
    """Keep each line once, where it first appears."""
    first = list(cues[:1])
    for before, after in pairwise(cues):
        rest = after.lines[_repeated_lines(before, after) :]
        if rest:
            first.append(replace(after, lines=rest))
    return first


def _merge_simultaneous(cues: Sequence[_Cue]) -> list[_Cue]:
    """Merge cues that begin too soon after the previous one for its words to be spoken."""
    merged: list[_Cue] = []
    for cue in cues:
        if merged and cue.start_seconds - merged[-1].start_seconds < _least_seconds(merged[-1]):
            before = merged[-1]
            end = max(before.end_seconds, cue.end_seconds)
            merged[-1] = replace(before, end_seconds=end, lines=before.lines + cue.lines)
        else:
            merged.append(cue)
    return merged


def _least_seconds(cue: _Cue) -> float:
    return MIN_WORD_SECONDS * sum(len(line.split()) for line in cue.lines)


def _transcript(cues: Sequence[_Cue], language: str) -> TimedTranscript:
    words: list[Word] = []
    segments: list[Segment] = []
    for number, cue in enumerate(cues, start=1):
        end = cue.end_seconds
        if number < len(cues):
            end = min(end, cues[number].start_seconds)
        spoken = spread_words(" ".join(cue.lines), cue.start_seconds, end)
        words += spoken
        segments.append(segment_of(spoken))
    return TimedTranscript(language, tuple(words), tuple(segments))
