"""`videomoments status`: the state of runs, as a table or as JSON."""

from __future__ import annotations

import json

from rich.console import Console
from rich.table import Table
from rich.text import Text
from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from cli.insight.stage_facts import failures_outside, stages_of
from cli.local.database import database
from cli.local.home import Home
from cli.report.quantities import size_words
from cli.report.results import document
from shared.db.models import PipelineHistory, StageRun, Video
from shared.domain.documents import Json
from shared.settings.settings import Settings
from shared.videos.deletion_rows import unfinished_deletions
from shared.videos.lookup import unknown_video


def show_status(
    settings: Settings, home: Home, video: str | None, *, as_json: bool, forget: bool = False
) -> int:
    """Print all runs, or one video's. Raises `Reject` for an unknown video.

    `forget`: show failures outside any run once more, then delete them.
    """
    with database(settings, home) as engine, Session(engine) as session:
        found = document(session, pipelines_of(session, video))
        for pipeline in found["pipelines"]:
            pipeline["stages"] = stages_of(session, pipeline["identifier"])
        found["failures"] = failures_outside(session) if video is None else []
        found["deletions"] = _deletions(session) if video is None else []
        if forget:
            session.execute(delete(StageRun).where(StageRun.run_id.is_(None)))
            session.commit()
    if as_json:
        print(json.dumps(found, ensure_ascii=False, indent=2))  # noqa: T201
    else:
        _print(Console(), found, home, with_stages=video is not None)
    return 0


def pipelines_of(session: Session, video: str | None) -> list[str]:
    """The runs of a video, or all runs, oldest first. Raises `Reject` for an unknown video."""
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
        raise unknown_video(session, video)
    return found


def _deletions(session: Session) -> list[Json]:
    return [
        {
            "video": item.video,
            "requested_at": item.requested_at.isoformat(timespec="seconds"),
        }
        for item in unfinished_deletions(session)
    ]


def _print(console: Console, found: Json, home: Home, *, with_stages: bool) -> None:
    if not any(found.values()):
        console.print("Nothing has run yet. Begin with: videomoments run FILE")
    failed = [pipeline for pipeline in found["pipelines"] if pipeline["error_stage"]]
    if found["pipelines"]:
        _print_pipelines(console, found["pipelines"], with_stages=with_stages)
    if found["failures"]:
        console.print(Text("\nFailures outside any run, dead letters among them", style="bold"))
        _print_stages(console, found["failures"])
        _say(console, "Once seen to, forget them: videomoments status --forget-failures")
    for deletion in found["deletions"]:
        _say(console, f"Not deleted to the end: videomoments delete {deletion['video']}")
    if failed or found["failures"] or found["deletions"]:
        for line in home.reminder("videomoments "):
            _say(console, line)


def _say(console: Console, line: str) -> None:
    console.print(Text(line), soft_wrap=True)


def _print_pipelines(console: Console, pipelines: list[Json], *, with_stages: bool) -> None:
    """Print the table, then each reason on its own line, since a table has no room for it."""
    console.print(_pipelines_table(pipelines))
    for pipeline in pipelines:
        if pipeline["error_stage"]:
            video = pipeline["video"]["identifier"]
            _say(console, f"{video}: {pipeline['error_stage']}: {pipeline['error_message']}")
            _say(console, f"  more: videomoments explain {video}")
    for pipeline in pipelines if with_stages else ():
        console.print(Text(f"\n{pipeline['identifier']}", style="bold"))
        _print_stages(console, pipeline["stages"])


def _pipelines_table(pipelines: list[Json]) -> Table:
    table = Table(show_edge=False)
    # Never truncate an identifier that the user must type again.
    table.add_column("Video", overflow="fold")
    for column in ("Run", "Status", "Moments", "Clips"):
        table.add_column(column, no_wrap=True)
    for pipeline in pipelines:
        table.add_row(
            Text(pipeline["video"]["identifier"]),
            pipeline["pipeline_type"],
            pipeline["status"],
            str(len(pipeline["moments"])),
            str(len(pipeline["clips"])),
        )
    return table


def _print_stages(console: Console, stages: list[Json]) -> None:
    console.print(_stages_table(stages))
    for stage in stages:
        if stage["error_message"]:
            _say(console, f"{stage['stage']} {_subject(stage)}: {stage['error_message']}")


def _subject(stage: Json) -> str:
    return str(stage["subject"]).rpartition("/")[2]


def _stages_table(stages: list[Json]) -> Table:
    table = Table(show_edge=False)
    table.add_column("Stage", no_wrap=True)
    table.add_column("Subject")
    table.add_column("Status", no_wrap=True)
    for column in ("Attempt", "Seconds", "Read", "Written"):
        table.add_column(column, justify="right", no_wrap=True)
    for stage in stages:
        table.add_row(
            stage["stage"],
            Text(_subject(stage), overflow="ellipsis", no_wrap=True),
            stage["status"],
            str(stage["attempt"]),
            "" if stage["seconds"] is None else f"{stage['seconds']:.1f}",
            size_words(stage["bytes_read"]),
            size_words(stage["bytes_written"]),
        )
    return table
