"""Check a model's proposal (its ids, its quote) and turn it into a span of the video.

A model only names and quotes sentences. Every time is computed here, from the words.
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
    """A model's proposal of sentences `start_id` to `end_id`, both included."""

    start_id: int
    end_id: int
    quote: str
    title: str
    reason: str
    sub_scores: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Rejected:
    """Why a proposal was rejected: a stable code, and a sentence that helps to repair it."""

    code: str
    reason: str


@dataclass(frozen=True, slots=True)
class Accepted:
    """An accepted proposal with its span and the sentences that the span touches."""

    proposal: Proposal
    span: TimeSpan
    first_sentence: int
    last_sentence: int


def check_proposal(
    proposal: Proposal, script: Script, window: Window, bounds: Bounds
) -> Accepted | Rejected:
    """Accept a proposal with a span that cuts no word, or reject it with the reason.

    `window` holds the sentences that the model saw; it cannot name others.
    """
    fault = _id_fault(proposal, window) or _quote_fault(proposal, script)
    if fault is None and not clean_title(proposal.title):
        fault = Rejected("no_title", "The title is empty.")
    if fault is not None:
        return fault
    first, last = script.sentences[proposal.start_id], script.sentences[proposal.end_id]
    raw = TimeSpan(
        first.start_seconds, max(last.end_seconds, first.start_seconds + 1e-3, first.end_seconds)
    )
    span = _snap_nearby(raw, proposal, script, bounds)
    if span is None or not _keeps_words(raw, span, script, bounds):
        return Rejected(
            "bad_length",
            f"Sentences {proposal.start_id} to {proposal.end_id} last {raw.length_seconds:.1f} s; "
            f"a moment lasts {bounds.min_length_seconds:g} to {bounds.max_length_seconds:g} s.",
        )
    return Accepted(proposal, span, *script.sentences_of(span))


def _snap_nearby(
    raw: TimeSpan, proposal: Proposal, script: Script, bounds: Bounds
) -> TimeSpan | None:
    """Snap within the sentences nearby first, because there may be thousands in total."""
    near = Window(
        max(0, proposal.start_id - _NEARBY),
        min(len(script.sentences) - 1, proposal.end_id + _NEARBY),
    )
    words, sentences = script.excerpt(near)
    found = snap(raw, words, sentences, bounds=bounds, duration_seconds=script.duration_seconds)
    # The first and the last word of the excerpt lack a neighbour, so gaps beyond them are unknown.
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


def _id_fault(proposal: Proposal, window: Window) -> Rejected | None:
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


def _quote_fault(proposal: Proposal, script: Script) -> Rejected | None:
    if occurs(proposal.quote, script.text(proposal.start_id, proposal.end_id)):
        return None
    return Rejected(
        "quote_not_found",
        f"The quote does not occur in sentences {proposal.start_id} to {proposal.end_id}; "
        "copy some of their words exactly.",
    )


def _keeps_words(raw: TimeSpan, span: TimeSpan, script: Script, bounds: Bounds) -> bool:
    """True if the proposed length was valid, or if snapping made it so without moving a word."""
    if bounds.min_length_seconds <= raw.length_seconds <= bounds.max_length_seconds:
        return True
    words = _words_around(script, raw, span)
    return _words_inside(raw, words) == _words_inside(span, words)


def _words_around(script: Script, *spans: TimeSpan) -> Sequence[Word]:
    touched = [number for span in spans for number in script.sentences_of(span)]
    return script.excerpt(Window(min(touched), max(touched)))[0]


def _words_inside(span: TimeSpan, words: Sequence[Word]) -> list[int]:
    return [
        n
        for n, w in enumerate(words)
        if span.start_seconds <= (w.start_seconds + w.end_seconds) / 2 <= span.end_seconds
    ]


def occurs(quote: str, text: str) -> bool:
    """True if the words of `quote` follow one another in `text`.

    Case, the encoding of accents, punctuation and spacing do not count. Only whole words match,
    except in scripts without spaces between words. An empty quote never occurs.
    """
    wanted, spoken = normalise(quote), normalise(text)
    if not wanted:
        return False
    if any(map(is_unspaced, wanted)):
        return wanted.replace(" ", "") in spoken.replace(" ", "")
    return f" {wanted} " in f" {spoken} "


def normalise(text: str) -> str:
    """The words alone, casefolded, separated by single spaces."""
    folded = unicodedata.normalize("NFKC", text).casefold()
    return " ".join(_WORDS.findall(folded.replace("_", " ")))


def clean_title(title: str) -> str:
    """One line of printable text of at most 120 characters; may be empty."""
    shown = "".join(
        character if unicodedata.category(character)[0] not in "CZ" else " " for character in title
    )
    line = " ".join(shown.split())
    if len(line) <= MAX_TITLE:
        return line
    return line[: MAX_TITLE - 1].rsplit(" ", 1)[0].rstrip() + "…"
