"""Make the labelled sets: python -m tools.labelled_sets.make_sets [FOLDER] [--long].

Without `--long` it makes tuned.json and held_out.json: every text read aloud, with and without
punctuation. With `--long` it makes recordings of hours from the same texts; they are too large for
the repository. The same texts always give the same bytes.
"""

from __future__ import annotations

import argparse
import json
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from shared.domain.documents import Json
from tools.labelled_sets.chatter import chatter
from tools.labelled_sets.speech import Passage, item

HERE = Path(__file__).parent
SETS = HERE.parents[1] / "cli" / "evaluation" / "sets"
PARTS = ("tuned", "held_out")
LONG_SECONDS = 3 * 3600.0
_WORDS_PER_SECOND = 2.4
_LEAST_WORDS, _LEAST_CHARACTERS = 50, 100


@dataclass(frozen=True, slots=True)
class Text:
    """One text. Its paragraphs are its topics; the long ones are moments."""

    name: str
    language: str
    kind: str
    passages: tuple[Passage, ...]


def texts(part: str) -> list[Text]:
    """All texts of a set, sorted by name."""
    return [_text(path) for path in sorted((HERE / "texts" / part).glob("*.txt"))]


def _text(path: Path) -> Text:
    head, *paragraphs = path.read_text(encoding="utf-8").strip().split("\n\n")
    about = dict(line.split(": ", 1) for line in head.splitlines())
    joined = (" ".join(paragraph.split()) for paragraph in paragraphs)
    passages = tuple(Passage(text, _is_telling(text, about["language"])) for text in joined)
    return Text(path.stem, about["language"], about["kind"], passages)


def _is_telling(text: str, language: str) -> bool:
    """A passage worth watching is long; greetings and goodbyes are short."""
    if language == "ja":
        return len(text) >= _LEAST_CHARACTERS
    return len(text.split()) >= _LEAST_WORDS


def short_set(part: str) -> Json:
    """Every text twice: with a recogniser's punctuation, and without marks and capitals."""
    items: list[Json] = []
    for text in texts(part):
        for suffix, punctuated in (("", True), ("-unpunctuated", False)):
            name = text.name + suffix
            items.append(
                item(
                    name,
                    text.passages,
                    language=text.language,
                    seed=zlib.crc32(name.encode()),
                    punctuated=punctuated,
                )
            )
    return {"name": part, "items": items}


def long_set(part: str) -> Json:
    """Recordings of hours: moments scattered in small talk, and all texts one after another."""
    english = [text for text in texts(part) if text.language == "en"]
    items: list[Json] = []
    for number, punctuated in enumerate((True, False)):
        random = np.random.default_rng(zlib.crc32(part.encode()) + number)
        suffix = "" if punctuated else "-unpunctuated"
        for name, passages in (
            ("three-hours", _scattered(english, random)),
            ("back-to-back", [p for text in english for p in text.passages]),
        ):
            moments = sum(p.telling for p in passages)
            items.append(
                item(
                    f"{name}{suffix}",
                    passages,
                    language="en",
                    seed=number,
                    punctuated=punctuated,
                    max_moments=moments + 5,
                )
            )
    return {"name": f"{part}-long", "items": items}


def _scattered(found: Sequence[Text], random: np.random.Generator) -> list[Passage]:
    """The moments of all texts, shuffled into three hours of small talk."""
    telling = [p for text in found for p in text.passages if p.telling]
    spoken = sum(len(p.text.split()) for p in telling)
    idle = LONG_SECONDS * _WORDS_PER_SECOND - spoken
    shares = random.dirichlet(np.full(len(telling) + 1, 4.0)) * idle
    passages = [Passage(chatter(random, int(shares[0])), telling=False)]
    for place, number in enumerate(random.permutation(len(telling)).tolist()):
        passages.append(telling[number])
        passages.append(Passage(chatter(random, int(shares[place + 1])), telling=False))
    return passages


def main() -> None:
    """Write the sets, one word a line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", nargs="?", type=Path, default=SETS)
    parser.add_argument("--long", action="store_true", help="make the recordings of hours")
    arguments = parser.parse_args()
    arguments.folder.mkdir(parents=True, exist_ok=True)
    for part in PARTS:
        made = long_set(part) if arguments.long else short_set(part)
        path = arguments.folder / f"{made['name']}.json"
        path.write_text(json.dumps(made, ensure_ascii=False) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
