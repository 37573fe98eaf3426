"""Request runs and wait until they end."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import select

from cli.run.drops import drop
from functions.main import TOPOLOGY
from shared.db.models import Moment, Run, RunStatus, StageRun, StageRunStatus, Transcript, Video
from shared.domain.names import digest
from shared.error_codes.commands import NO_VIDEO
from shared.errors import Reject
from shared.messages.base import PipelineType
from shared.messages.options import Options
from shared.messages.videos import PipelineRequested
from shared.messaging.delivery import Ignored
from shared.messaging.outgoing import outgoing
from shared.moments.admission import admit_request
from shared.pipeline.context import Context
from shared.pipeline.upkeep.retry import retry
from shared.storage.protocol import ObjectStat
from shared.videos.deletion import forget_deletion
from shared.videos.registration import identifier_of

POLL_SECONDS = 0.1
START = TOPOLOGY.stage("start_pipeline")
DELETED = "deleted"
"""The status of a run whose video another command deleted."""


@dataclass(frozen=True, slots=True)
class RequestedRun:
    """One file's run: its pipeline, or why it was refused. `advice` is printed for the user."""

    path: Path
    pipeline: str | None
    refusal: Reject | None = None
    advice: str | None = None


@dataclass(frozen=True, slots=True)
class StageState:
    """Progress of one stage of one run: how many stage runs are in each status.

    `trouble`: why the last attempt of a waiting stage run failed.
    """

    stage: str
    counts: dict[str, int]
    trouble: str | None = None


def request_file(
    context: Context, path: Path, pipeline_type: PipelineType, options: Options
) -> RequestedRun:
    """Drop the file and request its run. Finished work of earlier runs is reused."""
    stat, subtitles = drop(context, path)
    advice = _advice(context, identifier_of(stat), subtitles)
    try:
        forget_deletion(context, identifier_of(stat))
    except Reject as reject:
        return RequestedRun(path, None, reject)
    message = PipelineRequested(
        source_url=stat.url,
        pipeline_type=pipeline_type,
        options=options,
        request_id=_moments_there(context, stat) if pipeline_type == "clips_only" else None,
    )
    try:
        admitted = admit_request(context, START, message)
    except Reject as reject:
        return RequestedRun(path, None, reject)
    if isinstance(admitted, Ignored):
        return RequestedRun(
            path, None, Reject(NO_VIDEO, f"This is not a video: {admitted.reason}.")
        )
    if admitted.pipeline is None:
        raise TypeError("an admitted request names its pipeline")
    if not retry(context, admitted.pipeline):
        context.publisher.publish([outgoing(admitted)])
    return RequestedRun(path, admitted.pipeline, advice=advice)


def _advice(context: Context, video: str, subtitles: list[str]) -> str | None:
    """A warning if the subtitles are newer than the transcript, else None."""
    if not subtitles or context.settings.subtitles == "never":
        return None
    with context.session() as session:
        found = select(Transcript.id).join(Video, Video.id == Transcript.video_id)
        if session.execute(found.where(Video.identifier == video)).first() is None:
            return None
    return (
        f"{' and '.join(subtitles)}: the transcript is older, and subtitles are read only once. "
        f"To use them, run `videomoments delete {video}`, then run the file again."
    )


def _moments_there(context: Context, stat: ObjectStat) -> str | None:
    """A digest of the moments whose clips are requested: other moments make another run."""
    query = (
        select(Moment.identifier)
        .join(Video, Video.id == Moment.video_id)
        .where(Video.identifier == identifier_of(stat))
        .order_by(Moment.identifier)
    )
    with context.session() as session:
        moments = list(session.execute(query).scalars())
    return digest(*moments)[:12] if moments else None


def wait(
    context: Context,
    identifiers: list[str],
    on_change: Callable[[str, str, list[StageState]], None],
) -> None:
    """Wait until every run has ended or is DELETED.

    Calls `on_change` with a run's identifier, its status and its stages after each change.
    """
    waiting = list(identifiers)
    seen: dict[str, tuple[str, list[StageState]]] = {}
    while waiting:
        for identifier in list(waiting):
            now = state(context, identifier)
            if seen.get(identifier) != now:
                seen[identifier] = now
                on_change(identifier, *now)
            if now[0] != RunStatus.RUNNING:
                waiting.remove(identifier)
        if waiting:
            time.sleep(POLL_SECONDS)


def state(context: Context, identifier: str) -> tuple[str, list[StageState]]:
    """The run's status, or DELETED, and its stages in the order of the flow."""
    with context.session() as session:
        found = session.execute(
            select(Run.id, Run.status).where(Run.identifier == identifier)
        ).one_or_none()
        if found is None:
            return DELETED, []
        run_id, status = found
        rows = session.execute(
            select(StageRun.stage, StageRun.status, StageRun.error_message)
            .where(StageRun.run_id == run_id)
            .order_by(StageRun.id)
        ).all()
    counts: dict[str, dict[str, int]] = {}
    troubles: dict[str, str] = {}
    for row in rows:
        of_stage = counts.setdefault(row.stage, {})
        of_stage[row.status] = of_stage.get(row.status, 0) + 1
        if row.status == StageRunStatus.QUEUED and row.error_message:
            troubles.setdefault(row.stage, row.error_message)
    return status, [
        StageState(stage.name, counts[stage.name], troubles.get(stage.name))
        for stage in TOPOLOGY.stages
        if stage.name in counts
    ]
