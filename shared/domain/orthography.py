"""Rules of scripts: spacing, sentence marks, abbreviations, word characters."""

# ruff: noqa: RUF001 - this file needs the marks and letters of other scripts

from __future__ import annotations

import unicodedata
from functools import lru_cache

SENTENCE_MARKS = frozenset(".!?。．｡！？؟۔।॥…‥։።፧፨။។៕᙮⸮")
"""Marks that may end a sentence, in the scripts that faster-whisper writes."""

CLAUSE_MARKS = frozenset(",;:，、；：،؛፣፤၊—–")
"""Marks that end a clause but not a sentence."""

_CLOSERS = "\"'”’»›)]}」』】》〉）］｣"
_DOTS = frozenset(".．…‥")
_ABBREVIATIONS = """
mr mrs ms dr prof st sr jr vs no fig vol gen col capt sgt rev hon mt inc ltd co approx dept est
hr fr nr bzw ca usw str sra dra sta dña ud uds mme mlle pág núm dott sig ing dhr mevr г гг им ул
"""
_ABBREVIATED = frozenset(_ABBREVIATIONS.split())

# Scripts without spaces between words: Thai, Lao, Tibetan, Myanmar, Khmer, kana, bopomofo, Han.
_UNSPACED = (
    (0x0E00, 0x0EFF),
    (0x0F00, 0x0FFF),
    (0x1000, 0x109F),
    (0x1780, 0x17FF),
    (0x2E80, 0x312F),
    (0x31A0, 0x31FF),
    (0x3400, 0x4DBF),
    (0x4E00, 0x9FFF),
    (0xF900, 0xFAFF),
    (0xFF00, 0xFFEF),
    (0x20000, 0x3FFFF),
)


@lru_cache(maxsize=65536)
def is_unspaced(character: str) -> bool:
    """True for a character of a script that puts no spaces between words."""
    code = ord(character)
    return any(low <= code <= high for low, high in _UNSPACED)


@lru_cache(maxsize=65536)
def is_word_character(character: str) -> bool:
    """True for letters, digits and the marks that belong to them (vowel signs, accents)."""
    return unicodedata.category(character)[0] in "LNM"


def join_words(texts: list[str]) -> str:
    """Join words into one line with single spaces, and with none in scripts that use none."""
    parts: list[str] = []
    previous = ""
    for text in filter(None, (t.strip() for t in texts)):
        if previous and not _are_adjacent(previous, text):
            parts.append(" ")
        parts.append(text)
        previous = text
    return "".join(parts)


def _are_adjacent(before: str, after: str) -> bool:
    if is_unspaced(before[-1]) or is_unspaced(after[0]):
        return True
    # Recognisers split "state-of-the-art" and "3.14" into "state" "-of" … and "3" ".14".
    return len(after) > 1 and after[0] in "-.,'’%" and after[1].isalnum() and before[-1].isalnum()


def ends_sentence(text: str, following: str, *, pause_seconds: float, language: str) -> bool:
    """True if the mark at the end of `text` ends a sentence; `following` comes after the pause."""
    bare = text.rstrip(_CLOSERS)
    if language == "el" and bare[-1:] in {";", "\u037e"}:
        return True
    if not bare or bare[-1] not in SENTENCE_MARKS:
        return False
    begins = following.lstrip("\"'“‘«‹([{「『¿¡")[:1]
    if begins.islower() and bare[-1] in "….!?‥":
        return False
    if bare[-1] not in _DOTS:
        return True
    return _dot_ends_sentence(bare, begins, pause_seconds)


def _dot_ends_sentence(bare: str, begins: str, pause_seconds: float) -> bool:
    stem = bare.rstrip("".join(_DOTS))
    if bare.endswith(("..", "…", "‥")):
        return begins.isupper() or pause_seconds >= 0.3
    if stem.casefold() in _ABBREVIATED:
        return pause_seconds >= 0.8
    initial = len(stem) == 1 and stem.isalpha() and stem.isupper() and stem != "I"
    if initial or "." in stem or (stem.isdigit() and len(stem) <= 2):
        return pause_seconds >= 0.3
    return True
