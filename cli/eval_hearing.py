"""Recordings heard through the ordinary stages, for `videomoments eval`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from sqlalchemy import select

from cli.home import Home
from cli.labelled_set import Item
from cli.local import local_cloud
from cli.requests import request_file, wait
from shared import log
from shared.db.models import PipelineHistory, Transcript, Video
from shared.db.transcripts import from_row
from shared.domain import transcript as domain
from shared.errors import Reject
from shared.messages import Options
from shared.pipeline.context import Context
from shared.settings import Settings

Heard = dict[str, tuple[domain.Transcript, float]]


def hear(
    settings: Settings,
    home: Home,
    items: Sequence[Item],
    folder: Path,
    on_notice: Callable[[str], None],
) -> Heard:
    """Each item's transcript and duration in seconds, by its name. Raises Reject."""
    home.root.mkdir(parents=True, exist_ok=True)
    with home.log.open("a", encoding="utf-8") as stream:
        log.configure("json", settings.log_level, settings.project, stream)
        with local_cloud(settings, home, on_notice=on_notice, on_wait=on_notice) as cloud:
            context = cloud.context
            options = settings.resolve(Options())
            runs = {i.name: _request(context, folder, i, options) for i in items}
            wait(context, list(runs.values()), lambda *_: None)
            return {name: _transcript(context, name, run) for name, run in runs.items()}


def _request(context: Context, folder: Path, item: Item, options: Options) -> str:
    path = folder / (item.media or "")
    if not path.is_file():
        raise Reject("media_not_heard", f"Item {item.name}: there is no file {path}.")
    run = request_file(context, path, "moments_only", options)
    if run.pipeline is None:
        reason = run.refusal.message if run.refusal else ""
        raise Reject("media_not_heard", f"Item {item.name}: {path.name} was refused. {reason}")
    return run.pipeline


def _transcript(context: Context, name: str, pipeline: str) -> tuple[domain.Transcript, float]:
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
            raise Reject(
                "media_not_heard",
                f"Item {name}: {history.error_stage} failed: {history.error_message}",
            )
        silent = domain.Transcript("und", (), ())
        return (silent if row is None else from_row(row)), video.duration_seconds or 0.0
