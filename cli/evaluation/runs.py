"""One run of the functions over a given transcript, for `videomoments eval`."""

from __future__ import annotations

import uuid

from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from cli.evaluation.measuring.measures import Proposal
from cli.evaluation.proposals import Attempt, Recording
from cli.run.requests import START
from functions.main import TOPOLOGY
from shared.db.models import (
    AiRequest,
    Moment,
    PipelineHistory,
    Run,
    RunStatus,
    StageRun,
    StageRunStatus,
    Video,
)
from shared.domain.names import pipeline_identifier, video_identifier
from shared.domain.spans import TimeSpan
from shared.messages.options import Options
from shared.messages.transcripts import VideoTranscribed
from shared.messages.videos import PipelineRequested
from shared.messaging.outgoing import outgoing
from shared.moments.generation_config import ensure_config, generator_of
from shared.moments.rules.bounds import Bounds
from shared.pipeline.context import Context
from shared.pipeline.ledger.claim import queue
from shared.transcripts.rows import transcript_row
from shared.videos.history import open_video_run

GENERATE = TOPOLOGY.stage("generate_moments")
_SHORTEST_SECONDS = 0.001


def begin(context: Context, model: str, recording: Recording, bounds: Bounds) -> str:
    """Start a run over the transcript, as if just transcribed. Returns its identifier.

    Raises `Reject` like the admission of a run.
    """
    settings, clock = context.settings, context.clock
    options = settings.resolve(
        Options(
            model=model,
            min_moment_length_seconds=max(_SHORTEST_SECONDS, bounds.min_length_seconds),
            max_moment_length_seconds=bounds.max_length_seconds,
            min_moments=bounds.min_moments,
            max_moments=bounds.max_moments,
        )
    )
    name = video_identifier(context.upload_url, uuid.uuid4().hex, recording.name)
    with context.session() as session, session.begin():
        generator = generator_of(session, settings, options, "moments_only")
        config = ensure_config(session, options, generator)
        video = Video(
            identifier=name,
            title=recording.name[:500],
            cloud_url=f"{context.upload_url}/{name}",
            duration_seconds=recording.duration_seconds,
        )
        session.add(video)
        session.flush()
        given = transcript_row(video.id, recording.transcript, service="labelled set", seconds=0.0)
        session.add(given)
        run = open_video_run(
            session,
            identifier=pipeline_identifier(name, {"model": model}),
            video_id=video.id,
            generation_config_id=config.id,
            pipeline_type="moments_only",
            clock=clock,
        )
        asked = PipelineRequested(
            video=name,
            pipeline_type="moments_only",
            options=options,
            pipeline=run.identifier,
        )
        # The first message of a run carries its options.
        queue(session, run.id, START, asked, parent_id=None, clock=clock)
        session.execute(
            update(StageRun)
            .where(StageRun.run_id == run.id)
            .values(status=StageRunStatus.COMPLETED, completed_at=clock.now())
        )
        heard = VideoTranscribed(pipeline=run.identifier, video=name, has_speech=True)
        queue(session, run.id, GENERATE, heard, parent_id=None, clock=clock)
    context.publisher.publish([outgoing(heard)])
    return str(heard.pipeline)


def result(session: Session, identifier: str, seconds: float, *, refined: bool) -> Attempt:
    """The findings and cost of an ended run. A failed run found nothing."""
    pipeline = session.execute(
        select(PipelineHistory).where(PipelineHistory.identifier == identifier)
    ).scalar_one()
    input_tokens, output_tokens, cost, unpriced = session.execute(
        select(
            func.coalesce(func.sum(AiRequest.input_tokens), 0),
            func.coalesce(func.sum(AiRequest.output_tokens), 0),
            func.coalesce(func.sum(AiRequest.cost), 0.0),
            func.count().filter(AiRequest.cost.is_(None), AiRequest.outcome != "failed"),
        )
        .join(Run, Run.id == AiRequest.run_id)
        .where(Run.pipeline_history_id == pipeline.id)
    ).one()
    failed = pipeline.status == RunStatus.FAILED
    proposal = Proposal(
        () if failed else _spans(session, pipeline, refined=refined),
        tokens=int(input_tokens + output_tokens),
        cost=None if unpriced else float(cost or 0.0),
        seconds=seconds,
    )
    if pipeline.status == RunStatus.COMPLETED:
        return Attempt(proposal)
    return Attempt(proposal, f"{pipeline.error_stage}: {pipeline.error_message}")


def _spans(session: Session, pipeline: PipelineHistory, *, refined: bool) -> tuple[TimeSpan, ...]:
    """The root moments, with refined bounds if requested and present."""
    moments = list(
        session.execute(
            select(Moment).where(Moment.video_id == pipeline.video_id).order_by(Moment.id)
        ).scalars()
    )
    child = {m.parent_id: m for m in moments if m.parent_id is not None}
    shown = [child.get(m.id, m) if refined else m for m in moments if m.parent_id is None]
    return tuple(sorted(TimeSpan(m.start_time, m.end_time) for m in shown))
