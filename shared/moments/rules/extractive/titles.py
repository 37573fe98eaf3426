"""A title for a moment, out of its own words."""

# ruff: noqa: RUF001 - marks and fillers of other scripts

from __future__ import annotations

import math
import unicodedata
from collections.abc import Mapping, Sequence
from itertools import pairwise

from shared.domain.orthography import (
    CLAUSE_MARKS,
    SENTENCE_MARKS,
    is_unspaced,
    is_word_character,
    join_words,
)
from shared.moments.rules.extractive.features import tokens

MAX_TITLE_CHARACTERS = 80
_SHORTEST_CLAUSE = 12
_SHORT_WORD = 4
_PHRASE_PAUSE_SECONDS = 0.25
_CLAUSE, _BEGINNING, _PART = 0.8, 0.5, 0.35
"""What a clause, the beginning of one and another part of one are worth beside a sentence."""
_FILLER_WORDS = """
so um uh uhm erm hmm and then well okay ok like but also now right yeah yes because or oh ah
und dann äh ähm ja naja bueno pues y entonces e eh em euh alors donc et ben bah puis
allora quindi ma poi então ну и а вот えーと えっと あの まあ 嗯 那个 然后 就是 يعني و
"""
_FILLERS = frozenset(_FILLER_WORDS.split())


def title_of(
    sentences: Sequence[Sequence[str]],
    weights: Mapping[str, float],
    pauses: Sequence[Sequence[float]] | None = None,
) -> str:
    """The most telling clause or sentence of the words, at most 80 characters, never empty.

    `weights` says how much each token (see `features.tokens`) tells, `pauses` how many seconds of
    silence follow each word: they stand for the marks a recogniser did not write. Whole sentences
    are preferred to clauses, and clauses to parts of them. Cut only between words, without fillers
    at the start or a comma at the end, the first letter a capital.
    """
    found: list[tuple[float, list[str]]] = []
    for number, words in enumerate(sentences):
        after = pauses[number] if pauses is not None else [math.inf] * len(words)
        pairs = zip(words, after, strict=True)
        kept = [(w.strip(), p) for w, p in pairs if any(map(is_word_character, w))]
        spoken = [w for w, _ in kept]
        value = [sum(weights.get(t, 0.0) for t in tokens(w)) for w in spoken]
        ends = _clause_ends(spoken, [p for _, p in kept])
        is_cut = bool(kept) and not _ends_clause(*kept[-1])
        found += _whole_clauses(spoken, value, ends[:-1] if is_cut else ends)
        for first, stop in pairwise([0, *ends]):
            found.append(_best_part(spoken, value, first, stop, is_cut and stop == ends[-1]))
    if not found:
        return _shortened(join_words([w for words in sentences for w in words])) or "…"
    return _polished(max(found, key=lambda f: f[0])[1])


def _ends_clause(word: str, pause_seconds: float) -> bool:
    return word[-1] in SENTENCE_MARKS | CLAUSE_MARKS or pause_seconds >= _PHRASE_PAUSE_SECONDS


def _clause_ends(words: Sequence[str], pauses: Sequence[float]) -> list[int]:
    """After-last word of each clause; one too short is joined to the next.

    By the marks; where the sentence has none inside, by its pauses.
    """
    marks = SENTENCE_MARKS | CLAUSE_MARKS
    marked = any(word[-1] in marks for word in words[:-1])
    ends: list[int] = []
    start = 0
    for i, word in enumerate(words):
        ends_sentence = word[-1] in SENTENCE_MARKS
        ends_clause = word[-1] in marks if marked else _PHRASE_PAUSE_SECONDS <= pauses[i] < math.inf
        long = sum(map(len, words[start : i + 1])) >= _SHORTEST_CLAUSE
        if ends_sentence or (ends_clause and long) or i + 1 == len(words):
            ends.append(i + 1)
            start = i + 1
    return ends


def _whole_clauses(
    words: Sequence[str], value: Sequence[float], ends: Sequence[int]
) -> list[tuple[float, list[str]]]:
    """Every run of whole clauses that is short enough, and its merit."""
    found: list[tuple[float, list[str]]] = []
    for i in range(len(ends)):
        begin = ends[i - 1] if i else 0
        first = _without_fillers(words, begin, ends[i])
        for end in ends[i:]:
            stop = end
            while stop - first > 1 and _bare(words[stop - 1]) in _FILLERS:
                stop -= 1
            if _length(words, first, stop) > MAX_TITLE_CHARACTERS:
                break
            whole = begin == 0 and end == len(words)
            share = 1.0 if whole else _CLAUSE
            found.append((share * _merit(words, value, first, stop), list(words[first:stop])))
    return found


def _best_part(
    words: Sequence[str], value: Sequence[float], first: int, stop: int, is_cut: bool
) -> tuple[float, list[str]]:
    """The part of the clause that tells most, for where nothing whole is short enough.

    `is_cut`: the clause has no end of its own, as where a sentence was parted for its length.
    """
    first = _without_fillers(words, first, stop)
    best = (-1.0, list(words[first : first + 1]))
    end = first
    for start in range(first, stop):
        while end < stop and (
            end <= start or _length(words, start, end + 1) <= MAX_TITLE_CHARACTERS
        ):
            end += 1
        is_end = end == stop and not is_cut
        last = end if is_end else _without_loose_end(words, value, start, end)
        # The clause's own beginning reads better than a window inside it.
        share = _BEGINNING if start == first else _PART
        merit = share * _merit(words, value, start, last)
        if merit > best[0]:
            best = (merit, list(words[start:last]))
        if end == stop:
            break
    return best


def _merit(words: Sequence[str], value: Sequence[float], first: int, stop: int) -> float:
    """What the words tell, for their length; scraps do not tell."""
    length = max(1, _length(words, first, stop))
    told = sum(value[first:stop]) + 1e-6
    return float(told / length**0.5) * min(1.0, length / (2 * _SHORTEST_CLAUSE))


def _length(words: Sequence[str], first: int, stop: int) -> int:
    return sum(map(len, words[first:stop])) + stop - first - 1


def _without_fillers(words: Sequence[str], first: int, stop: int) -> int:
    while stop - first > 1 and _bare(words[first]) in _FILLERS:
        first += 1
    return first


def _without_loose_end(words: Sequence[str], value: Sequence[float], start: int, end: int) -> int:
    """`end`, moved before the words ("of the") that a cut would leave dangling.

    Function words are frequent, and the frequent words of a language are its short ones (Zipf,
    "The Psycho-Biology of Language", 1935): neither a word that tells little nor a short one ends
    a title that was cut, in any language that parts its words.
    """
    middle = sum(value[start:end]) / (end - start)
    last = end
    while last > start + 1 and (value[last - 1] < middle / 2 or _is_short(_bare(words[last - 1]))):
        last -= 1
    return last


def _is_short(word: str) -> bool:
    return len(word) <= _SHORT_WORD and not any(map(is_unspaced, word))


def _bare(word: str) -> str:
    return "".join(filter(is_word_character, unicodedata.normalize("NFKC", word))).casefold()


def _polished(words: list[str]) -> str:
    text = _shortened(join_words(words)).lstrip("-–—,;:،、 ")
    closing = "".join((SENTENCE_MARKS | CLAUSE_MARKS) - set("?!？！؟")) + " -"
    text = text.rstrip(closing) or text
    return text[:1].upper() + text[1:]


def _shortened(text: str) -> str:
    """At most 80 characters, no accent parted from its letter."""
    if len(text) <= MAX_TITLE_CHARACTERS:
        return text
    end = MAX_TITLE_CHARACTERS
    while end > 1 and unicodedata.combining(text[end]):
        end -= 1
    return text[:end]
