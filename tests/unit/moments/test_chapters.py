"""Chapters: runs of topics with a vocabulary of their own."""

from __future__ import annotations

import numpy as np

from shared.moments.rules.bounds import Bounds
from shared.moments.rules.extractive.chapters import find_chapters
from shared.moments.rules.extractive.cohesion import Topics
from shared.moments.rules.extractive.features import sentence_features
from shared.moments.rules.extractive.method import moments_and_topics
from tests.support.moments.corpus import FAMILIAR, spoken

BEES = "the bees carry nectar and pollen into the hive"
SAILS = "a keel under this hull keeps sailors upwind"
BREAD = "bakers fold their sourdough for hours"
CHESS = "his knight forked two rooks and won"


def _chapters(topics: list[str], sentences_each: int = 4) -> list[int]:
    """The first sentence of each chapter, for topics that each repeat one sentence."""
    texts = [text for text in topics for _ in range(sentences_each)]
    first = np.arange(0, len(texts), sentences_each)
    of = np.repeat(np.arange(len(topics)), sentences_each)
    strength = np.ones(len(topics))
    found = find_chapters(sentence_features(texts), Topics(first, of, strength))
    return [int(sentence) for sentence in found]


def test_chapters_begin_where_the_vocabulary_changes() -> None:
    """Topics with the same words are in the same chapter."""
    assert _chapters([BEES, BEES, SAILS, BREAD, BREAD, CHESS]) == [0, 8, 12, 20]


def test_chapters_are_at_least_three_when_all_topics_are_alike() -> None:
    """No chapter exceeds its largest share of the recording."""
    assert len(_chapters([BEES] * 12)) >= 3


def test_chapters_of_one_topic_are_one() -> None:
    """A single topic is a single chapter."""
    assert _chapters([BEES]) == [0]


def test_boundaries_lie_near_the_change_of_topic() -> None:
    """Most topics of a talk have a reported boundary within six seconds of their beginning."""
    talk = spoken(FAMILIAR, 3)
    _, boundaries = moments_and_topics(
        talk.transcript, duration_seconds=talk.duration_seconds, bounds=Bounds(5, 90, 1, 10)
    )
    begins = [topic.start_seconds for topic in talk.topics[1:]]
    near = sum(min(abs(b - begin) for b in boundaries) < 6 for begin in begins)
    assert near >= 0.7 * len(begins)
    assert len(boundaries) <= 1.3 * len(begins)
