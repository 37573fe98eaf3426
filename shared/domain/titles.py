"""A title for a moment, out of its own words."""

# ruff: noqa: RUF001 - marks and fillers of other scripts

from __future__ import annotations

import unicodedata
from collections.abc import Mapping, Sequence

from shared.domain.features import tokens
from shared.domain.orthography import CLAUSE_MARKS, SENTENCE_MARKS, is_word_character, join_words

MAX_TITLE_CHARACTERS = 60
_SHORTEST_CLAUSE = 12
_FILLER_WORDS = """
so um uh uhm erm hmm and then well okay ok like but also now right yeah yes because or oh ah
und dann äh ähm ja naja bueno pues y entonces e eh em euh alors donc et ben bah puis
allora quindi ma poi então ну и а вот えーと えっと あの まあ 嗯 那个 然后 就是 يعني و
"""
_FILLERS = frozenset(_FILLER_WORDS.split())


def title_of(sentences: Sequence[Sequence[str]], weights: Mapping[str, float]) -> str:
    """The most telling clause of the sentences' words, about 60 characters, never empty.

    `weights` says how much each token (see `features.tokens`) tells. Cut only between words,
    without fillers at the start or a comma at the end, the first letter a capital.
    """
    found: list[tuple[float, list[str]]] = []
    for words in sentences:
        spoken = [w.strip() for w in words if any(map(is_word_character, w))]
        value = [sum(weights.get(t, 0.0) for t in tokens(w)) for w in spoken]
        found += [_best_phrase(spoken, value, *clause) for clause in _clauses(spoken)]
    if not found:
        return _shortened(join_words([w for words in sentences for w in words])) or "…"
    return _polished(max(found, key=lambda f: f[0])[1])


def _clauses(words: Sequence[str]) -> list[tuple[int, int]]:
    """First and after-last word of each clause; one too short is joined to the next."""
    marks = SENTENCE_MARKS | CLAUSE_MARKS
    clauses: list[tuple[int, int]] = []
    start = 0
    for i, word in enumerate(words):
        ends_sentence = word[-1] in SENTENCE_MARKS
        long = sum(map(len, words[start : i + 1])) >= _SHORTEST_CLAUSE
        if word[-1] in marks and (long or ends_sentence):
            clauses.append((start, i + 1))
            start = i + 1
    if start < len(words):
        clauses.append((start, len(words)))
    return clauses


def _best_phrase(
    words: Sequence[str], value: Sequence[float], first: int, stop: int
) -> tuple[float, list[str]]:
    """The clause without its fillers; where it is too long, the part of it that tells most."""
    while stop - first > 1 and _bare(words[first]) in _FILLERS:
        first += 1
    best = (-1.0, list(words[first : first + 1]))
    end, length, total = first, 0, 0.0
    for start in range(first, stop):
        while end < stop and (end == start or length + len(words[end]) + 1 <= MAX_TITLE_CHARACTERS):
            length, total, end = length + len(words[end]) + 1, total + value[end], end + 1
        last = end if end == stop else _without_loose_end(value, start, end)
        # The clause's own beginning reads better than a window inside it; scraps do not tell.
        merit = sum(value[start:last]) * (1.0 if start == first else 0.6)
        merit *= min(1.0, sum(map(len, words[start:last])) / (2 * _SHORTEST_CLAUSE))
        if merit > best[0]:
            best = (merit, list(words[start:last]))
        length, total = length - len(words[start]) - 1, total - value[start]
        if end == stop:
            break
    return best


def _without_loose_end(value: Sequence[float], start: int, end: int) -> int:
    """`end`, moved before the light words ("of the") that a cut would leave dangling."""
    middle = sum(value[start:end]) / (end - start)
    last = end
    while last > start + 1 and value[last - 1] < middle / 2:
        last -= 1
    return last


def _bare(word: str) -> str:
    return "".join(filter(is_word_character, unicodedata.normalize("NFKC", word))).casefold()


def _polished(words: list[str]) -> str:
    text = _shortened(join_words(words)).lstrip("-–—,;:،、 ")
    closing = "".join((SENTENCE_MARKS | CLAUSE_MARKS) - set("?!？！؟")) + " -"
    text = text.rstrip(closing) or text
    return text[:1].upper() + text[1:]


def _shortened(text: str) -> str:
    """At most 60 characters, no accent parted from its letter."""
    if len(text) <= MAX_TITLE_CHARACTERS:
        return text
    end = MAX_TITLE_CHARACTERS
    while end > 1 and unicodedata.combining(text[end]):
        end -= 1
    return text[:end]
