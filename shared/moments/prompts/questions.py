"""What a model is shown, made of sentences, bounds and the user's wish.

Pure: what was shown can be rebuilt.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass

from shared.moments.rules.bounds import Bounds
from shared.moments.rules.sentences import Sentence
from shared.moments.rules.windows import Window

_MAX_ITEM_WORDS = 70
_WISH = 2000
_HARMLESS = str.maketrans("<>|", "()/")


@dataclass(frozen=True, slots=True)
class Item:
    """A moment as it is shown for comparison."""

    key: int
    title: str
    text: str


def generation_message(
    wish: str, sentences: Sequence[Sentence], window: Window, bounds: Bounds, count: int
) -> str:
    """One window of the transcript, and up to `count` moments asked for."""
    return _joined(
        _wished(wish),
        f"Choose up to {count} moments. {_length_rule(sentences, window, bounds)}",
        _transcript(sentences, window),
    )


def refinement_message(
    wish: str, sentences: Sequence[Sentence], window: Window, focus: Window, bounds: Bounds
) -> str:
    """The sentences around a moment, and which of them it is."""
    return _joined(
        _wished(wish),
        f"The moment is sentences {focus.first} to {focus.last}. "
        f"{_length_rule(sentences, window, bounds)}",
        _transcript(sentences, window),
    )


def comparison_message(wish: str, items: Sequence[Item]) -> str:
    """Moments to be compared."""
    lines = "\n".join(
        f"{item.key} | {_plain(item.title)} | {_shortened(_plain(item.text))}" for item in items
    )
    return _joined(_wished(wish), f"<transcript>\n{lines}\n</transcript>")


def generation_repair(faults: Sequence[str]) -> str:
    """What was wrong with which of its moments."""
    listed = "\n".join(f"- {fault}" for fault in faults)
    return (
        f"These of your moments cannot be used:\n{listed}\n"
        "Answer again in the same form, with these moments alone, mended. Leave out what cannot be "
        "mended."
    )


def _wished(wish: str) -> str:
    """The user's own words. They rank above the transcript and below the rules."""
    text = wish.strip()[:_WISH]
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
    """One line that cannot end the transcript's block nor begin another line."""
    shown = "".join(c if unicodedata.category(c)[0] != "C" else " " for c in text)
    line = " ".join(shown.split())
    return line.translate(_HARMLESS)


def _shortened(text: str) -> str:
    words = text.split(" ")
    if len(words) <= _MAX_ITEM_WORDS:
        return text[: 8 * _MAX_ITEM_WORDS]
    half = _MAX_ITEM_WORDS // 2
    return " ".join([*words[:half], "…", *words[-half:]])[: 16 * _MAX_ITEM_WORDS]


def _joined(*parts: str) -> str:
    return "\n\n".join(part for part in parts if part)
