"""`videomoments status`: how runs stand, as a table or as JSON."""

from __future__ import annotations

import json
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text
from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from cli.database import database
from cli.home import Home
from cli.quantities import size_words
from cli.results import document
from cli.stage_facts import failures_outside, stages_of
from shared.db.deletions import unfinished
from shared.db.models import PipelineHistory, StageRun, Video
from shared.errors import Reject
from shared.settings import Settings

Json = dict[str, Any]


def show_status(
    settings: Settings, home: Home, video: str | None, *, as_json: bool, forget: bool = False
) -> int:
    """Print all runs, or one video's. Raises `Reject` for a video that is not there.

    `forget`: failures outside any run are shown once more, and no longer kept.
    """
    with database(settings, home) as engine, Session(engine) as session:
        found = document(session, pipelines_of(session, video))
        for pipeline in found["pipelines"]:
            pipeline["stages"] = stages_of(session, pipeline["identifier"])
        found["failures"] = failures_outside(session) if video is None else []
        found["deletions"] = _deletions(session) if video is None else []
        if forget:
            session.execute(delete(StageRun).where(StageRun.pipeline_id.is_(None)))
            session.commit()
    if as_json:
        print(json.dumps(found, ensure_ascii=False, indent=2))  # noqa: T201
    else:
        _print(Console(), found, with_stages=video is not None)
    return 0


def pipelines_of(session: Session, video: str | None) -> list[str]:
    """The runs of a video, or all; the oldest first. Raises `Reject` for an unknown video."""
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


def _deletions(session: Session) -> list[Json]:
    return [
        {"video": stone.video, "requested_at": stone.requested_at.isoformat(timespec="seconds")}
        for stone in unfinished(session)
    ]


def _print(console: Console, found: Json, *, with_stages: bool) -> None:
    if not any(found.values()):
        console.print("Nothing has run yet. Begin with: videomoments run FILE")
    if found["pipelines"]:
        console.print(_pipelines_table(found["pipelines"]))
    if with_stages:
        for pipeline in found["pipelines"]:
            console.print(Text(f"\n{pipeline['identifier']}", style="bold"))
            console.print(_stages_table(pipeline["stages"]))
    if found["failures"]:
        console.print(Text("\nFailures outside any run, dead letters among them", style="bold"))
        console.print(_stages_table(found["failures"]))
        console.print("Once seen to, forget them: videomoments status --forget-failures")
    for deletion in found["deletions"]:
        line = f"Not deleted to the end: videomoments delete {deletion['video']}"
        console.print(Text(line), soft_wrap=True)


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
    table = Table(show_edge=False)
    for column in ("Stage", "Subject", "Status"):
        table.add_column(column)
    for column in ("Attempt", "Seconds", "Read", "Written"):
        table.add_column(column, justify="right")
    table.add_column("Reason")
    for stage in stages:
        table.add_row(
            stage["stage"],
            Text(stage["subject"].rpartition("/")[2], overflow="ellipsis", no_wrap=True),
            stage["status"],
            str(stage["attempt"]),
            "" if stage["seconds"] is None else f"{stage['seconds']:.1f}",
            size_words(stage["bytes_read"]),
            size_words(stage["bytes_written"]),
            Text(stage["error_message"] or ""),
        )
    return table
