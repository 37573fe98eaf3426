"""Transcribe recordings through the ordinary stages, for `videomoments eval`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from sqlalchemy import select

from cli.evaluation.labelled_set import Item
from cli.evaluation.proposals import SILENT, Heard
from cli.local.cloud import local_cloud
from cli.local.home import Home
from cli.local.log_file import logged_to
from cli.run.requests import request_file, wait
from shared.db.models import PipelineHistory, Transcript, Video
from shared.error_codes.commands import MEDIA_NOT_HEARD
from shared.errors import Reject
from shared.messages.options import Options
from shared.pipeline.context import Context
from shared.settings.settings import Settings
from shared.transcripts.rows import from_row


def hear(
    settings: Settings,
    home: Home,
    items: Sequence[Item],
    folder: Path,
    on_notice: Callable[[str], None],
) -> dict[str, Heard | Reject]:
    """Each item's transcript and duration in seconds by name, or why it has none."""
    with (
        logged_to(settings, home),
        local_cloud(settings, home, on_notice=on_notice, on_wait=on_notice) as cloud,
    ):
        context = cloud.context
        # Only the transcript is needed, so pay no model to choose moments.
        options = settings.resolve(Options(model="extractive"))
        runs = {item.name: _request(context, folder, item, options) for item in items}
        wait(context, [run for run in runs.values() if isinstance(run, str)], lambda *_: None)
        return {
            name: run if isinstance(run, Reject) else _transcript(context, run)
            for name, run in runs.items()
        }


def _request(context: Context, folder: Path, item: Item, options: Options) -> str | Reject:
    path = folder / (item.media or "")
    if not path.is_file():
        return Reject(MEDIA_NOT_HEARD, f"The file {path} does not exist.")
    run = request_file(context, path, "moments_only", options)
    if run.pipeline is None:
        reason = run.refusal.message if run.refusal else ""
        return Reject(MEDIA_NOT_HEARD, f"{path.name} was refused. {reason}")
    return run.pipeline


def _transcript(context: Context, pipeline: str) -> Heard | Reject:
    with context.session() as session:
        history, video = session.execute(
            select(PipelineHistory, Video)
            .join(Video, Video.id == PipelineHistory.video_id)
            .where(PipelineHistory.identifier == pipeline)
        ).one()
        row = session.execute(
            select(Transcript).where(Transcript.video_id == video.id)
        ).scalar_one_or_none()
        if row is None and history.error_stage is not None:
            return Reject(MEDIA_NOT_HEARD, f"{history.error_stage} failed: {history.error_message}")
        return (SILENT if row is None else from_row(row)), video.duration_seconds or 0.0
