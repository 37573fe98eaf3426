"""Make a title for a moment out of its own words."""

# ruff: noqa: RUF001 - this file needs the marks and fillers of other scripts

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
_CLAUSE, _BEGINNING, _EXCERPT = 0.8, 0.5, 0.35
"""The factor of the score for a clause, for its beginning and for an excerpt; a sentence has 1."""
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
    """The most informative clause or sentence, at most 80 characters, never empty.

    `weights` are the weights of tokens (see `features.tokens`). `pauses` are the seconds of silence
    after each word; they replace marks that a recogniser omits. Whole sentences are preferred to
    clauses, and clauses to excerpts. The title is cut only between words, begins with a capital and
    without fillers, and does not end with a comma.
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
            found.append(_best_excerpt(spoken, value, first, stop, is_cut and stop == ends[-1]))
    if not found:
        return _shorten(join_words([w for words in sentences for w in words])) or "…"
    return _polish(max(found, key=lambda f: f[0])[1])


def _ends_clause(word: str, pause_seconds: float) -> bool:
    return word[-1] in SENTENCE_MARKS | CLAUSE_MARKS or pause_seconds >= _PHRASE_PAUSE_SECONDS


def _clause_ends(words: Sequence[str], pauses: Sequence[float]) -> list[int]:
    """The index after the last word of each clause; a clause that is too short joins the next.

    Marks end clauses; in a sentence without marks inside, pauses do.
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
    """Every run of whole clauses that is short enough, with its score."""
    found: list[tuple[float, list[str]]] = []
    for i in range(len(ends)):
        begin = ends[i - 1] if i else 0
        first = _skip_fillers(words, begin, ends[i])
        for end in ends[i:]:
            stop = end
            while stop - first > 1 and _bare(words[stop - 1]) in _FILLERS:
                stop -= 1
            if _length(words, first, stop) > MAX_TITLE_CHARACTERS:
                break
            whole = begin == 0 and end == len(words)
            factor = 1.0 if whole else _CLAUSE
            found.append((factor * _score(words, value, first, stop), list(words[first:stop])))
    return found


def _best_excerpt(
    words: Sequence[str], value: Sequence[float], first: int, stop: int, is_cut: bool
) -> tuple[float, list[str]]:
    """The excerpt of a clause with the best score, in case no whole clause is short enough.

    `is_cut`: the clause does not end by itself, because its sentence was split for its length.
    """
    first = _skip_fillers(words, first, stop)
    best = (-1.0, list(words[first : first + 1]))
    end = first
    for start in range(first, stop):
        while end < stop and (
            end <= start or _length(words, start, end + 1) <= MAX_TITLE_CHARACTERS
        ):
            end += 1
        is_end = end == stop and not is_cut
        last = end if is_end else _drop_loose_end(words, value, start, end)
        # The beginning of a clause reads better than an excerpt from its middle.
        factor = _BEGINNING if start == first else _EXCERPT
        score = factor * _score(words, value, start, last)
        if score > best[0]:
            best = (score, list(words[start:last]))
        if end == stop:
            break
    return best


def _score(words: Sequence[str], value: Sequence[float], first: int, stop: int) -> float:
    """The weight of the words relative to their length; very short ones score less."""
    length = max(1, _length(words, first, stop))
    weight = sum(value[first:stop]) + 1e-6
    return float(weight / length**0.5) * min(1.0, length / (2 * _SHORTEST_CLAUSE))


def _length(words: Sequence[str], first: int, stop: int) -> int:
    return sum(map(len, words[first:stop])) + stop - first - 1


def _skip_fillers(words: Sequence[str], first: int, stop: int) -> int:
    while stop - first > 1 and _bare(words[first]) in _FILLERS:
        first += 1
    return first


def _drop_loose_end(words: Sequence[str], value: Sequence[float], start: int, end: int) -> int:
    """Move `end` before the words ("of the") that a cut would leave dangling.

    Function words are frequent, and the frequent words of a language are its short ones (Zipf,
    "The Psycho-Biology of Language", 1935). So in languages that separate words, a cut title ends
    with neither a short word nor one of little weight.
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


def _polish(words: list[str]) -> str:
    text = _shorten(join_words(words)).lstrip("-–—,;:،、 ")
    closing = "".join((SENTENCE_MARKS | CLAUSE_MARKS) - set("?!？！؟")) + " -"
    text = text.rstrip(closing) or text
    return text[:1].upper() + text[1:]


def _shorten(text: str) -> str:
    """Cut the text to 80 characters without separating an accent from its letter."""
    if len(text) <= MAX_TITLE_CHARACTERS:
        return text
    end = MAX_TITLE_CHARACTERS
    while end > 1 and unicodedata.combining(text[end]):
        end -= 1
    return text[:end]
