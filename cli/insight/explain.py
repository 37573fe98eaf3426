"""`videomoments explain`: a video and its runs, in plain words."""

from __future__ import annotations

from collections.abc import Iterator

from rich.console import Console
from rich.text import Text
from sqlalchemy import select
from sqlalchemy.orm import Session

from cli.insight.run_report import run_lines
from cli.insight.stage_facts import stages_of
from cli.insight.status import pipelines_of
from cli.local.cloud import is_deserted
from cli.local.database import database
from cli.local.home import Home
from cli.report.results import file_notes, pipeline_json, without_the_model
from cli.report.tables import clock_time, location
from shared.db.models import Deletion, Video
from shared.settings.settings import Settings
from shared.videos.deletion_rows import find_deletion


def explain_video(settings: Settings, home: Home, video: str) -> int:
    """Print the explanation. Raises `Reject` for a video that does not exist and never did."""
    deserted = is_deserted(home, settings)
    with database(settings, home) as engine, Session(engine) as session:
        lines = list(_lines(session, video, deserted))
    console = Console()
    for line in [*lines, *home.reminder(*lines)]:
        console.print(Text(line), soft_wrap=True)
    return 0


def _lines(session: Session, video: str, deserted: bool) -> Iterator[str]:
    deletion = find_deletion(session, video)
    if deletion is not None:
        yield _deletion_line(deletion)
        return
    runs = pipelines_of(session, video)
    row = session.execute(select(Video).where(Video.identifier == video)).scalar_one()
    lasts = f", {clock_time(row.duration_seconds)} long" if row.duration_seconds else ""
    yield f"{video}: “{row.title or video}”{lasts}"
    yield f"Its file: {location(row.cloud_url)}"
    noted = file_notes(session, row.id)
    yield from noted
    if not runs:
        yield "It has no run yet."
    for identifier in runs:
        yield ""
        yield from run_lines(
            pipeline_json(session, identifier),
            stages_of(session, identifier),
            video,
            notes=without_the_model(session, identifier),
            deserted=deserted,
            noted=bool(noted),
        )


def _deletion_line(deletion: Deletion) -> str:
    if deletion.completed_at is None:
        # Functions in the cloud may not delete uploads.
        automatic = (
            ""
            if deletion.with_source
            else "Where functions run, it continues within a minute; otherwise finish it "
        )
        return (
            f"The deletion of {deletion.video} started at {deletion.requested_at:%Y-%m-%d %H:%M} "
            f"UTC and has not finished. {automatic or 'If it was interrupted, finish it '}with: "
            f"videomoments delete {deletion.video}"
        )
    return (
        f"{deletion.video} was deleted on {deletion.completed_at:%Y-%m-%d at %H:%M} UTC. "
        "Upload its file again to get a new run."
    )
