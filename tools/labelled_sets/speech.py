"""Simulate speakers: give each word of a text the time a speaker would take."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

Json = dict[str, object]
_MARKS = ".,?!;:。、？！"  # noqa: RUF001
_ENDS = ".?!。？！"  # noqa: RUF001


@dataclass(frozen=True, slots=True)
class Passage:
    """Text of one topic. `telling`: it is a moment, not small talk."""

    text: str
    telling: bool


@dataclass(slots=True)
class Speech:
    """The words spoken so far."""

    random: np.random.Generator
    punctuated: bool
    spaced: bool = True
    at_seconds: float = 0.8
    words: list[tuple[str, float, float]] = field(default_factory=list)
    moments: list[list[float]] = field(default_factory=list)
    boundaries: list[float] = field(default_factory=list)

    def say(self, passage: Passage) -> None:
        """Speak a passage: uneven words, pauses after sentences, longer ones between topics."""
        if self.words:
            self.boundaries.append(round(self.at_seconds - 0.1, 2))
        begin = self.at_seconds
        for piece in passage.text.split() if self.spaced else passage.text:
            self._say_piece(piece)
        if passage.telling:
            self.moments.append([round(begin, 2), self.words[-1][2]])

    def _say_piece(self, piece: str) -> None:
        per_character = 0.06 if self.spaced else 0.15
        seconds = per_character * len(piece) + float(self.random.uniform(0.05, 0.15))
        text = piece if self.punctuated else piece.strip(_MARKS).lower()
        if text:
            start, end = round(self.at_seconds, 2), round(self.at_seconds + seconds, 2)
            self.words.append((text, start, end))
        self.at_seconds += seconds
        if piece[-1] in _ENDS:
            self.at_seconds += float(self.random.uniform(0.25, 0.8))
        elif self.random.random() < 0.2:
            # Speakers also pause inside sentences, to think.
            self.at_seconds += float(self.random.uniform(0.05, 0.35))


def item(
    name: str,
    passages: Sequence[Passage],
    *,
    language: str,
    seed: int,
    punctuated: bool = True,
    max_moments: int | None = None,
) -> Json:
    """The passages as an item of a labelled set (docs/labelled-sets.md).

    Without punctuation there are no capitals either, and segments end when they are full.
    """
    speech = Speech(np.random.default_rng(seed), punctuated, spaced=language != "ja")
    for passage in passages:
        speech.say(passage)
    made: Json = {
        "name": name,
        "language": language,
        "duration_seconds": round(speech.at_seconds + 1.0, 2),
        "moments": speech.moments,
        "topic_boundaries": speech.boundaries,
        "words": speech.words,
    }
    if max_moments is not None:
        made["bounds"] = {"max_moments": max_moments}
    return made
