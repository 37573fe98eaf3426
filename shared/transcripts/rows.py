"""Convert transcripts to and from their row and JSON, and write and query the rows."""

from __future__ import annotations

import math

from sqlalchemy import Float, cast, func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from shared.db import models
from shared.db.text import without_unstorable
from shared.domain.documents import Json
from shared.domain.spans import TimeSpan
from shared.domain.transcript import Segment, TimedTranscript, Word

_ROUNDING_SECONDS = 0.001
"""Word times are stored to the millisecond."""


def to_json(transcript: TimedTranscript) -> Json:
    """Language, words and segments as the two arrays of the transcripts table."""
    return {
        "language": transcript.language,
        "words": [_word_json(word) for word in transcript.words],
        "segments": [_segment_json(segment) for segment in transcript.segments],
    }


def from_json(stored: Json) -> TimedTranscript:
    """The inverse of `to_json`."""
    return TimedTranscript(
        stored["language"],
        tuple(
            Word(word["word"], word["start"], word["end"], word.get("probability"))
            for word in stored["words"]
        ),
        tuple(
            Segment(
                segment["text"],
                segment["start"],
                segment["end"],
                segment.get("suspect"),
                segment.get("loudness"),
            )
            for segment in stored["segments"]
        ),
    )


def transcript_row(
    video_id: int, transcript: TimedTranscript, *, service: str, seconds: float
) -> models.Transcript:
    """A new row. Its text loses the characters that PostgreSQL cannot store."""
    stored = to_json(transcript)
    return models.Transcript(
        video_id=video_id,
        full_text=without_unstorable(transcript.full_text),
        word_timestamps=stored["words"],
        segment_timestamps=stored["segments"],
        language=transcript.language[:10],
        number_of_words=len(transcript.words),
        number_of_segments=len(transcript.segments),
        transcription_service=service[:50],
        processing_time_seconds=round(seconds, 3),
    )


def write_once(session: Session, row: models.Transcript) -> None:
    """Insert the row unless the video already has a transcript.

    Two runs of one video may transcribe it at the same time; the first to finish writes the row.
    """
    columns = models.Transcript.__table__.columns
    values = {column.name: getattr(row, column.name) for column in columns}
    given = {name: value for name, value in values.items() if value is not None}
    statement = insert(models.Transcript).values(given)
    session.execute(statement.on_conflict_do_nothing(index_elements=["video_id"]))


def has_speech(session: Session, video_id: int) -> bool | None:
    """Whether the video's transcript has words. None when it has no transcript yet."""
    return session.execute(
        select(models.Transcript.number_of_words > 0).where(models.Transcript.video_id == video_id)
    ).scalar_one_or_none()


def from_row(row: models.Transcript) -> TimedTranscript:
    """The transcript in a row."""
    return from_json(
        {
            "language": row.language or "und",
            "words": row.word_timestamps,
            "segments": row.segment_timestamps,
        }
    )


def silence_around(session: Session, video_id: int, span: TimeSpan) -> tuple[float, float]:
    """The end of the last word before the span and the start of the first word after it.

    In seconds; 0 and infinity if there is no such word.
    """
    word = func.jsonb_array_elements(models.Transcript.word_timestamps).column_valued(
        "word", joins_implicitly=True
    )
    # The operator ->> yields text.
    starts = cast(word.op("->>")("start"), Float)
    ends = cast(word.op("->>")("end"), Float)
    before, after = session.execute(
        select(
            func.max(ends).filter(ends <= span.start_seconds + _ROUNDING_SECONDS),
            func.min(starts).filter(starts >= span.end_seconds - _ROUNDING_SECONDS),
        )
        .select_from(models.Transcript)
        .where(models.Transcript.video_id == video_id)
    ).one()
    return (
        0.0 if before is None else min(before, span.start_seconds),
        math.inf if after is None else max(after, span.end_seconds),
    )


def _word_json(word: Word) -> Json:
    stored: Json = {
        "word": without_unstorable(word.text),
        "start": round(word.start_seconds, 3),
        "end": round(word.end_seconds, 3),
    }
    if word.probability is not None:
        stored["probability"] = round(word.probability, 3)
    return stored


def _segment_json(segment: Segment) -> Json:
    stored: Json = {
        "text": without_unstorable(segment.text),
        "start": round(segment.start_seconds, 3),
        "end": round(segment.end_seconds, 3),
    }
    if segment.suspect is not None:
        stored["suspect"] = segment.suspect
    if segment.loudness_db is not None:
        stored["loudness"] = round(segment.loudness_db, 1)
    return stored
