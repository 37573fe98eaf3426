"""Build the messages to a model from sentences, bounds and the user's instruction.

Pure, so that a message can be rebuilt later.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass

from shared.moments.rules.bounds import Bounds
from shared.moments.rules.sentences import Sentence
from shared.moments.rules.windows import Window

_MAX_ITEM_WORDS = 70
_MAX_INSTRUCTION = 2000
_HARMLESS = str.maketrans("<>|", "()/")


@dataclass(frozen=True, slots=True)
class Item:
    """A moment to compare with others."""

    key: int
    title: str
    text: str


def generation_message(
    instruction: str, sentences: Sequence[Sentence], window: Window, bounds: Bounds, count: int
) -> str:
    """Ask for up to `count` moments of one window of the transcript."""
    return _join(
        _instruction_line(instruction),
        f"Choose up to {count} moments. {_length_rule(sentences, window, bounds)}",
        _transcript(sentences, window),
    )


def refinement_message(
    instruction: str, sentences: Sequence[Sentence], window: Window, focus: Window, bounds: Bounds
) -> str:
    """Ask to move the ends of the moment `focus`; `window` holds the sentences around it."""
    return _join(
        _instruction_line(instruction),
        f"The moment is sentences {focus.first} to {focus.last}. "
        f"{_length_rule(sentences, window, bounds)}",
        _transcript(sentences, window),
    )


def comparison_message(instruction: str, items: Sequence[Item]) -> str:
    """Ask to compare moments."""
    lines = "\n".join(
        f"{item.key} | {_plain(item.title)} | {_shorten(_plain(item.text))}" for item in items
    )
    return _join(_instruction_line(instruction), f"<transcript>\n{lines}\n</transcript>")


def generation_repair(faults: Sequence[str]) -> str:
    """Ask to repair moments; each fault names the sentences and the reason."""
    listed = "\n".join(f"- {fault}" for fault in faults)
    return (
        f"These of your moments cannot be used:\n{listed}\n"
        "Answer again in the same form, with these moments only, repaired. Leave out any that you "
        "cannot repair."
    )


def _instruction_line(instruction: str) -> str:
    """The user's own words. They rank above the transcript and below the rules."""
    text = instruction.strip()[:_MAX_INSTRUCTION]
    return f"What the viewer asks for: {text}" if text else ""


def _length_rule(sentences: Sequence[Sentence], window: Window, bounds: Bounds) -> str:
    shown = sentences[window.first : window.last + 1]
    seconds = max(0.1, sum(s.end_seconds - s.start_seconds for s in shown) / max(1, len(shown)))
    low, high = bounds.min_length_seconds, bounds.max_length_seconds
    most = int(high // seconds) if high < 1e6 else len(shown)
    return (
        f"A moment lasts at least {low:g} and at most {high:g} seconds; a sentence here lasts "
        f"{seconds:.1f} seconds on average, so that is about {max(1, round(low / seconds))} to "
        f"{max(1, most)} sentences."
    )


def _transcript(sentences: Sequence[Sentence], window: Window) -> str:
    lines = "\n".join(
        f"{s.number} | {s.start_seconds:.0f} | {_plain(s.text)}"
        for s in sentences[window.first : window.last + 1]
    )
    return f"<transcript>\n{lines}\n</transcript>"


def _plain(text: str) -> str:
    """The text on one line, without the marks that could end the transcript's block or a field."""
    shown = "".join(c if unicodedata.category(c)[0] != "C" else " " for c in text)
    line = " ".join(shown.split())
    return line.translate(_HARMLESS)


def _shorten(text: str) -> str:
    words = text.split(" ")
    if len(words) <= _MAX_ITEM_WORDS:
        return text[: 8 * _MAX_ITEM_WORDS]
    half = _MAX_ITEM_WORDS // 2
    return " ".join([*words[:half], "…", *words[-half:]])[: 16 * _MAX_ITEM_WORDS]


def _join(*parts: str) -> str:
    return "\n\n".join(part for part in parts if part)
