"""From what a model proposes to a span of the recording: its ids and its quote are checked here.

A model names sentences and quotes them. Every time is computed from the words, never by it.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from shared.domain.orthography import is_unspaced
from shared.domain.spans import TimeSpan
from shared.domain.transcript import Word
from shared.moments.rules.bounds import Bounds
from shared.moments.rules.script import Script
from shared.moments.rules.snapping import snap
from shared.moments.rules.windows import Window

MAX_TITLE = 120
_NEARBY = 4
_WORDS = re.compile(r"\w+")


@dataclass(frozen=True, slots=True)
class Proposal:
    """A stretch from sentence `start_id` to `end_id`, both included, as a model proposed it."""

    start_id: int
    end_id: int
    quote: str
    title: str
    reason: str
    sub_scores: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Rejected:
    """Why a proposal cannot be used: a stable word, and a sentence that helps to mend it."""

    code: str
    reason: str


@dataclass(frozen=True, slots=True)
class Accepted:
    """A proposal with the span it was given; the sentences are those the span touches."""

    proposal: Proposal
    span: TimeSpan
    first_sentence: int
    last_sentence: int


def place(
    proposal: Proposal, script: Script, window: Window, bounds: Bounds
) -> Accepted | Rejected:
    """The span of a sound proposal, snapped to where it cuts no word; else what is wrong with it.

    `window` is what the model was shown: it cannot know of other sentences.
    """
    fault = _named_wrongly(proposal, window) or _misquoted(proposal, script)
    if fault is None and not clean_title(proposal.title):
        fault = Rejected("no_title", "The title is empty.")
    if fault is not None:
        return fault
    first, last = script.sentences[proposal.start_id], script.sentences[proposal.end_id]
    raw = TimeSpan(
        first.start_seconds, max(last.end_seconds, first.start_seconds + 1e-3, first.end_seconds)
    )
    span = _snapped(raw, proposal, script, bounds)
    if span is None or not _fits(raw, span, script, bounds):
        return Rejected(
            "bad_length",
            f"Sentences {proposal.start_id} to {proposal.end_id} last {raw.length_seconds:.1f} s; "
            f"a moment lasts {bounds.min_length_seconds:g} to {bounds.max_length_seconds:g} s.",
        )
    return Accepted(proposal, span, *script.touched(span))


def _snapped(raw: TimeSpan, proposal: Proposal, script: Script, bounds: Bounds) -> TimeSpan | None:
    """The snapped span, sought first among the sentences nearby: there may be thousands."""
    near = Window(
        max(0, proposal.start_id - _NEARBY),
        min(len(script.sentences) - 1, proposal.end_id + _NEARBY),
    )
    words, sentences = script.part(near)
    found = snap(raw, words, sentences, bounds=bounds, duration_seconds=script.duration_seconds)
    # Only between words that have both their neighbours is what is nearby all there is to know.
    low = 0.0 if near.first == 0 else words[0].end_seconds
    high = (
        script.duration_seconds
        if near.last == len(script.sentences) - 1
        else words[-1].start_seconds
    )
    if found is not None and low <= found.start_seconds and found.end_seconds <= high:
        return found
    return snap(
        raw,
        script.words,
        script.sentences,
        bounds=bounds,
        duration_seconds=script.duration_seconds,
    )


def _named_wrongly(proposal: Proposal, window: Window) -> Rejected | None:
    for number in (proposal.start_id, proposal.end_id):
        if number not in window:
            return Rejected(
                "unknown_id",
                f"There is no sentence {number} here; they are {window.first} to {window.last}.",
            )
    if proposal.end_id < proposal.start_id:
        return Rejected(
            "ids_reversed",
            f"end_id {proposal.end_id} comes before start_id {proposal.start_id}.",
        )
    return None


def _misquoted(proposal: Proposal, script: Script) -> Rejected | None:
    if occurs(proposal.quote, script.text(proposal.start_id, proposal.end_id)):
        return None
    return Rejected(
        "quote_not_found",
        f"The quote does not occur in sentences {proposal.start_id} to {proposal.end_id}; "
        "copy some of their words exactly.",
    )


def _fits(raw: TimeSpan, span: TimeSpan, script: Script, bounds: Bounds) -> bool:
    """Whether the length was right, or is by silence alone: with the very same words."""
    if bounds.min_length_seconds <= raw.length_seconds <= bounds.max_length_seconds:
        return True
    words = _around(script, raw, span)
    return _inside(raw, words) == _inside(span, words)


def _around(script: Script, *spans: TimeSpan) -> Sequence[Word]:
    touched = [number for span in spans for number in script.touched(span)]
    return script.part(Window(min(touched), max(touched)))[0]


def _inside(span: TimeSpan, words: Sequence[Word]) -> list[int]:
    return [
        n
        for n, w in enumerate(words)
        if span.start_seconds <= (w.start_seconds + w.end_seconds) / 2 <= span.end_seconds
    ]


def occurs(quote: str, text: str) -> bool:
    """Whether the words of `quote` follow one another in `text`.

    Case, accents' encoding, punctuation and spacing do not count; parts of words are no words,
    except in scripts that write none apart. An empty quote occurs nowhere.
    """
    wanted, said = normalised(quote), normalised(text)
    if not wanted:
        return False
    if any(map(is_unspaced, wanted)):
        return wanted.replace(" ", "") in said.replace(" ", "")
    return f" {wanted} " in f" {said} "


def normalised(text: str) -> str:
    """Words alone, in small letters, with single spaces."""
    folded = unicodedata.normalize("NFKC", text).casefold()
    return " ".join(_WORDS.findall(folded.replace("_", " ")))


def clean_title(title: str) -> str:
    """One line of printable text, at most 120 characters; empty where nothing is left."""
    shown = "".join(
        character if unicodedata.category(character)[0] not in "CZ" else " " for character in title
    )
    line = " ".join(shown.split())
    if len(line) <= MAX_TITLE:
        return line
    return line[: MAX_TITLE - 1].rsplit(" ", 1)[0].rstrip() + "…"
