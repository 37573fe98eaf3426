"""The ends of padding: at the next word, unless the run asked for padding."""

from __future__ import annotations

import math

import pytest
from sqlalchemy import Engine
from sqlalchemy.orm import Session

from shared.domain.spans import TimeSpan
from shared.domain.transcript import Segment, TimedTranscript, Word
from shared.messages.options import Options
from shared.settings.settings import Settings
from shared.transcripts.rows import silence_around, transcript_row
from tests.support.databases.rows import add_video

WORDS = (Word("one", 1.0, 1.5), Word("two", 2.0, 2.5), Word("three", 4.25, 5.0))


@pytest.mark.parametrize(
    ("span", "silence"),
    [
        (TimeSpan(1.9, 2.6), (1.5, 4.25)),
        (TimeSpan(2.0, 2.5), (1.5, 4.25)),
        (TimeSpan(0.9, 2.6), (0.0, 4.25)),
        (TimeSpan(4.0, 5.5), (2.5, math.inf)),
        (TimeSpan(1.5, 4.25), (1.5, 4.25)),
    ],
)
def test_padding_ends_at_the_neighbouring_words(
    engine: Engine, span: TimeSpan, silence: tuple[float, float]
) -> None:
    """It reaches from the last word before the span to the first one after it."""
    with Session(engine) as session:
        video = add_video(session)
        heard = TimedTranscript("en", WORDS, (Segment("one two three", 1.0, 5.0),))
        session.add(transcript_row(video.id, heard, service="test", seconds=0.0))
        session.flush()
        assert silence_around(session, video.id, span) == silence
        assert silence_around(session, video.id + 1, span) == (0.0, math.inf)


def test_padding_is_whole_when_the_run_or_the_setting_asks() -> None:
    """The deployment's default length alone does not count as asking."""
    deployment = Settings(padding_left_seconds=2)
    assert deployment.resolve(Options()).padding_over_words is False
    assert deployment.resolve(Options(padding_left_seconds=1)).padding_over_words is True
    assert deployment.resolve(Options(padding_right_seconds=0)).padding_over_words is True
    resolved = deployment.resolve(Options())
    assert deployment.resolve(resolved) == resolved
    asked = Options(padding_left_seconds=1, padding_over_words=False)
    assert deployment.resolve(asked).padding_over_words is False
    assert Settings(padding_over_words=True).resolve(Options()).padding_over_words is True
