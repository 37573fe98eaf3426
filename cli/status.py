"""`videomoments status` and `videomoments db`: what the database says."""

from __future__ import annotations

import json
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text
from sqlalchemy import select
from sqlalchemy.orm import Session

from cli.database import database
from cli.home import Home
from cli.results import document
from shared.db.models import PipelineHistory, StageRun, Video
from shared.errors import Reject
from shared.settings import Settings

Json = dict[str, Any]


def show_status(settings: Settings, home: Home, video: str | None, *, as_json: bool) -> int:
    """Print all runs, or one video's. Raises `Reject` for a video that is not there."""
    with database(settings, home) as engine, Session(engine) as session:
        identifiers = _pipelines(session, video)
        found = document(session, identifiers)
        for pipeline in found["pipelines"]:
            pipeline["stages"] = _stages(session, pipeline["identifier"])
        found["failures"] = _orphans(session) if video is None else []
    if as_json:
        print(json.dumps(found, ensure_ascii=False, indent=2))  # noqa: T201
    else:
        _print(Console(), found, with_stages=video is not None)
    return 0


def _pipelines(session: Session, video: str | None) -> list[str]:
    query = (
        select(PipelineHistory.identifier)
        .join(Video, Video.id == PipelineHistory.video_id)
        .order_by(PipelineHistory.started_at, PipelineHistory.id)
    )
    if video is None:
        return list(session.execute(query).scalars())
    found = list(session.execute(query.where(Video.identifier == video)).scalars())
    known = session.execute(select(Video.id).where(Video.identifier == video)).first()
    if known is None:
        raise Reject(
            "unknown_video",
            f"There is no video {video!r}. `videomoments status` lists those there are.",
        )
    return found


def _stages(session: Session, pipeline: str) -> list[Json]:
    rows = session.execute(
        select(StageRun)
        .join(PipelineHistory, PipelineHistory.id == StageRun.pipeline_id)
        .where(PipelineHistory.identifier == pipeline)
        .order_by(StageRun.id)
    ).scalars()
    return [_stage_json(row) for row in rows]


def _orphans(session: Session) -> list[Json]:
    """Failures that belong to no pipeline: what could not be read, or named no source."""
    rows = session.execute(
        select(StageRun).where(StageRun.pipeline_id.is_(None)).order_by(StageRun.id)
    ).scalars()
    return [_stage_json(row) for row in rows]


def _stage_json(row: StageRun) -> Json:
    return {
        "stage": row.stage,
        "subject": row.subject,
        "status": row.status,
        "attempt": row.attempt,
        "error_code": row.error_code,
        "error_message": row.error_message,
        "metrics": row.metrics,
    }


def _print(console: Console, found: Json, *, with_stages: bool) -> None:
    if not found["pipelines"] and not found["failures"]:
        console.print("Nothing has run yet. Begin with: videomoments run FILE")
    if found["pipelines"]:
        console.print(_pipelines_table(found["pipelines"]))
    if with_stages:
        for pipeline in found["pipelines"]:
            console.print(Text(f"\n{pipeline['identifier']}", style="bold"))
            console.print(_stages_table(pipeline["stages"]))
    if found["failures"]:
        console.print(Text("\nFailures outside any run", style="bold"))
        console.print(_stages_table(found["failures"]))


def _pipelines_table(pipelines: list[Json]) -> Table:
    table = Table("Video", "Run", "Status", "Moments", "Clips", "Reason", show_edge=False)
    for pipeline in pipelines:
        reason = f"{pipeline['error_stage']}: {pipeline['error_message']}"
        table.add_row(
            Text(pipeline["video"]["identifier"]),
            pipeline["pipeline_type"],
            pipeline["status"],
            str(len(pipeline["moments"])),
            str(len(pipeline["clips"])),
            Text(reason if pipeline["error_stage"] else ""),
        )
    return table


def _stages_table(stages: list[Json]) -> Table:
    table = Table("Stage", "Subject", "Status", "Attempt", "Seconds", "Reason", show_edge=False)
    for stage in stages:
        table.add_row(
            stage["stage"],
            Text(stage["subject"], overflow="ellipsis", no_wrap=True),
            stage["status"],
            str(stage["attempt"]),
            f"{stage['metrics'].get('seconds', 0):.1f}",
            Text(stage["error_message"] or ""),
        )
    return table
