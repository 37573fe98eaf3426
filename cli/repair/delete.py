"""`videomoments delete`: delete a video and everything made from it."""

from __future__ import annotations

from rich.console import Console

from cli.local.command_context import command_context
from cli.local.home import Home
from cli.local.log_file import logged_to
from cli.report.quantities import count_words
from shared.settings.settings import Settings
from shared.videos.deletion import DeletionReport, delete_video


def delete_one(settings: Settings, home: Home, video: str, *, with_source: bool) -> int:
    """Delete the video and print what was deleted. Raises `Reject` for an unknown video."""
    with logged_to(settings, home), command_context(settings, home) as context:
        deleted = delete_video(context, video, with_source=with_source)
    for line in _lines(deleted, with_source=with_source):
        Console().print(line, highlight=False, markup=False, soft_wrap=True)
    return 0


def _lines(deleted: DeletionReport, *, with_source: bool) -> list[str]:
    runs, objects = count_words(deleted.pipelines, "run"), count_words(deleted.objects, "object")
    lines = [f"Deleted {deleted.video}: {runs} and {objects}."]
    if deleted.source:
        beside = ", and so are the subtitles beside it" if deleted.subtitles else ""
        lines.append(f"The uploaded file is deleted too{beside}.")
    elif with_source:
        lines.append("The uploaded file was gone already, or is a newer version.")
    else:
        lines.append("The uploaded file stays; --with-source deletes it too.")
    return lines
