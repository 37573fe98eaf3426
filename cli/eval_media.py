"""Transcripts of the recordings of a labelled set, heard through the ordinary stages."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from sqlalchemy import select

from cli.eval_configs import Recording
from cli.home import Home
from cli.labelled_set import Item
from cli.local import local_cloud
from cli.requests import Run, request_file, wait
from shared import log
from shared.db.models import PipelineHistory, Transcript, Video
from shared.db.transcripts import from_row
from shared.domain import transcript as domain
from shared.errors import Reject
from shared.messages import Options
from shared.pipeline.context import Context
from shared.settings import Settings


def recordings(
    settings: Settings,
    home: Home,
    items: Sequence[Item],
    *,
    folder: Path,
    on_notice: Callable[[str], None],
) -> list[Recording]:
    """Each item's transcript as given, or heard; what an earlier call heard is not heard again.

    `folder` is what paths of media are relative to. Raises Reject("media_not_heard").
    """
    unheard = [item for item in items if item.transcript() is None]
    heard = _heard(settings, home, unheard, folder, on_notice) if unheard else {}
    return [_recording(item, heard) for item in items]


Heard = dict[str, tuple[domain.Transcript, float]]


def _recording(item: Item, heard: Heard) -> Recording:
    given = item.transcript()
    transcript, seconds = (given, 0.0) if given is not None else heard[item.name]
    seconds = item.duration_seconds or seconds
    # A duration that was not given is that of all that is spoken or marked.
    times = [w.end_seconds for w in transcript.words[-1:]] + item.reference.edges[-1:]
    return Recording(item.name, transcript, max([seconds, *times]), item.reference)


def _heard(
    settings: Settings,
    home: Home,
    items: Sequence[Item],
    folder: Path,
    on_notice: Callable[[str], None],
) -> Heard:
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
    run: Run = request_file(context, path, "moments_only", options)
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
