"""Runs of the real functions over a given transcript, with a scripted model behind real HTTP."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

from sqlalchemy import select, update

from cli.local.cloud import wire_topics
from cli.local.home import Home
from cli.run.requests import wait
from functions.main import TOPOLOGY
from functions.wiring import Models, make_context
from shared.db.engine import make_engine
from shared.db.models import Base, Moment, PipelineHistory, StageRun, Video
from shared.domain.names import pipeline_identifier
from shared.domain.transcript import Segment, TimedTranscript, Word
from shared.messages.base import Message, PipelineType
from shared.messages.moments import ScoringRequested
from shared.messages.options import Options
from shared.messages.transcripts import VideoTranscribed
from shared.messaging.in_process.broker import MemoryBroker
from shared.messaging.outgoing import outgoing
from shared.moments.generation_config import ensure_config, generator_of
from shared.pipeline.ledger.claim import queue
from shared.pipeline.runtime import Runtime
from shared.settings.settings import Settings
from shared.transcripts.rows import transcript_row
from shared.videos.history import open_video_run

Row = TypeVar("Row", bound=Base)
CHOICE_ONLY: dict[str, bool] = {"llm_refine": False, "llm_score": False}
"""Settings of a run that only chooses moments, without refinement and scoring."""
WORDS = (
    *("river", "stone", "garden", "window", "teacher", "bridge", "market", "winter", "copper"),
    *("letter", "engine", "harbour", "silver", "mountain", "orange", "pencil", "summer", "ticket"),
    *("village", "yellow", "candle", "doctor", "forest", "island", "kitchen", "ladder", "museum"),
)


def talk(sentences: Sequence[str] | int, *, seed: int = 0, language: str = "en") -> TimedTranscript:
    """A transcript with a word every 0.4 s and half a second between sentences."""
    random_words = random.Random(seed)
    texts = (
        [
            " ".join(random_words.choices(WORDS, k=random_words.randint(6, 12))).capitalize() + "."
            for _ in range(sentences)
        ]
        if isinstance(sentences, int)
        else list(sentences)
    )
    words: list[Word] = []
    segments: list[Segment] = []
    at = 0.5
    for text in texts:
        first = len(words)
        for word in text.split():
            words.append(Word(word, round(at, 3), round(at + 0.35, 3)))
            at += 0.4
        segments.append(Segment(text, words[first].start_seconds, words[-1].end_seconds))
        at += 0.5
    return TimedTranscript(language, tuple(words), tuple(segments))


class LlmRuns:
    """The functions in this process. `url` is the model's; `settings` override the defaults."""

    def __init__(self, database_url: str, folder: Path, url: str | None, **settings: Any) -> None:
        base: dict[str, Any] = {
            "model": "scripted",
            "llm_url": url,
            "llm_api_key": "secret-key-1",
            "retry_base_seconds": 0.02,
            "min_moment_length_seconds": 3,
            "max_moment_length_seconds": 60,
            "max_moments": 5,
        }
        self.settings = Home(folder).settings(Settings(**{**base, **settings}))
        self.engine = make_engine(database_url, pool_size=20)
        self.broker = MemoryBroker(workers=4)
        self.models = Models()
        self.context = make_context(
            self.settings, TOPOLOGY, engine=self.engine, publisher=self.broker, llm=self.models
        )
        wire_topics(self.broker, TOPOLOGY, self.settings, Runtime(self.context))
        self._numbers = iter(range(1, 1000))

    def close(self) -> None:
        """Stop the workers and close every connection."""
        self.broker.close()
        self.models.close()
        self.engine.dispose()

    def begin(
        self,
        transcript: TimedTranscript | None,
        *,
        pipeline_type: PipelineType = "moments_only",
        video: str | None = None,
        **options: Any,
    ) -> str:
        """Begin a run that already has its transcript, over a new video or the given one."""
        context = self.context
        resolved = self.settings.resolve(Options(**options))
        with context.session() as session, session.begin():
            generator = generator_of(session, self.settings, resolved, pipeline_type)
            config = ensure_config(session, resolved, generator)
            row = self._video(session, transcript, video)
            identifier = pipeline_identifier(
                row.identifier, {"config": config.config_hash, "number": next(self._numbers)}
            )
            run = open_video_run(
                session,
                identifier=identifier,
                video_id=row.id,
                generation_config_id=config.id,
                pipeline_type=pipeline_type,
                clock=context.clock,
            )
            message: Message = VideoTranscribed(
                pipeline=identifier, video=row.identifier, has_speech=True
            )
            stage = TOPOLOGY.stage("generate_moments")
            if pipeline_type == "scores_only":
                message = ScoringRequested(pipeline=identifier, video=row.identifier)
                stage = TOPOLOGY.stage("score_moments")
            queue(session, run.id, stage, message, parent_id=None, clock=context.clock)
            session.execute(
                update(StageRun)
                .where(StageRun.run_id == run.id)
                .values(
                    message={
                        **message.model_dump(mode="json"),
                        "options": resolved.model_dump(mode="json"),
                    }
                )
            )
        context.publisher.publish([outgoing(message)])
        return identifier

    def _video(self, session: Any, transcript: TimedTranscript | None, video: str | None) -> Video:
        if video is not None:
            found: Video = session.execute(
                select(Video).where(Video.identifier == video)
            ).scalar_one()
            return found
        assert transcript is not None
        name = f"talk-{next(self._numbers)}"
        duration = (transcript.words[-1].end_seconds if transcript.words else 0.0) + 1.0
        row = Video(
            identifier=name,
            cloud_url=f"{self.context.upload_url}/{name}.mp4",
            duration_seconds=duration,
        )
        session.add(row)
        session.flush()
        session.add(transcript_row(row.id, transcript, service="test", seconds=0.0))
        return row

    def run(self, transcript: TimedTranscript, **options: Any) -> PipelineHistory:
        """Begin a run and wait for its end."""
        return self.wait(self.begin(transcript, **options))

    def wait(self, identifier: str) -> PipelineHistory:
        """Wait for the run's end and return its row."""
        wait(self.context, [identifier], lambda *_: None)
        with self.context.session() as session:
            return session.execute(
                select(PipelineHistory).where(PipelineHistory.identifier == identifier)
            ).scalar_one()

    def rows(self, model: type[Row]) -> list[Row]:
        """All rows of a table, in the order they were written."""
        with self.context.session() as session:
            key: Any = model.__table__.c.id
            return list(session.execute(select(model).order_by(key)).scalars())

    def moments(self, *, refined: bool = False) -> list[Moment]:
        """Root moments, or refined ones, in order of time."""
        rows = [row for row in self.rows(Moment) if bool(row.is_refined) is refined]
        return sorted(rows, key=lambda row: (row.start_time, row.end_time))


@contextmanager
def llm_runs(
    database_url: str, folder: Path, url: str | None, **settings: Any
) -> Iterator[LlmRuns]:
    """Runs that are closed when the block ends."""
    runs = LlmRuns(database_url, folder, url, **settings)
    try:
        yield runs
    finally:
        runs.close()
