"""`videomoments gc`: delete leftovers of killed workers, and finish deletions."""

from __future__ import annotations

import json
from collections.abc import Iterable

from rich.console import Console

from cli.local.command_context import command_context
from cli.local.home import Home
from cli.local.log_file import logged_to
from cli.report.quantities import count_words, size_words
from cli.report.tables import location
from shared.domain.documents import Json
from shared.pipeline.context import Context
from shared.settings.settings import Settings
from shared.videos.deletion import resume_deletions
from shared.videos.deletion_rows import unfinished_deletions
from shared.videos.garbage import Garbage, collect, find_garbage


def collect_garbage(
    settings: Settings, home: Home, *, grace_hours: float, dry_run: bool, as_json: bool
) -> int:
    """Delete the garbage, or list it with `dry_run`; then print a summary.

    Exit code 1 if a deletion could not be finished.
    """
    seconds = grace_hours * 3600
    with logged_to(settings, home), command_context(settings, home) as context:
        deletions = [] if dry_run else resume_deletions(context)
        left = _unfinished(context)
        look = find_garbage if dry_run else collect
        found = [
            _printed(garbage, as_json=as_json) for garbage in look(context, grace_seconds=seconds)
        ]
    if as_json:
        document = {
            "dry_run": dry_run,
            "objects": [_json(garbage) for garbage in found],
            "deletions": left if dry_run else deletions,
            "unfinished": left,
        }
        print(json.dumps(document, ensure_ascii=False, indent=2))  # noqa: T201
    else:
        _summarize(found, deletions, left, dry_run=dry_run)
    return 1 if left and not dry_run else 0


def _unfinished(context: Context) -> list[str]:
    with context.session() as session:
        return [deletion.video for deletion in unfinished_deletions(session)]


def _printed(garbage: Garbage, *, as_json: bool) -> Garbage:
    """Print each object at once, to show the progress of a long clean-up."""
    if not as_json:
        line = f"{garbage.kind:<10} {size_words(garbage.size_bytes):>10}  {location(garbage.url)}"
        Console().print(line, highlight=False, markup=False, soft_wrap=True)
    return garbage


def _json(garbage: Garbage) -> Json:
    return {
        "url": garbage.url,
        "kind": garbage.kind,
        "size_bytes": garbage.size_bytes,
        "updated_at": garbage.updated_at.isoformat(timespec="seconds"),
    }


def _summarize(
    found: Iterable[Garbage], deletions: list[str], left: list[str], *, dry_run: bool
) -> None:
    sizes = [garbage.size_bytes for garbage in found]
    size = f" ({size_words(sum(sizes))})" if sum(sizes) else ""
    would = "would be" if dry_run else "were" if len(sizes) != 1 else "was"
    lines = [f"{count_words(len(sizes), 'object').capitalize()}{size} {would} deleted."]
    lines += [f"The deletion of {video} is now finished." for video in deletions]
    lines += [
        f"The deletion of {video} is not finished. To see why: videomoments delete {video}"
        for video in left
    ]
    for line in lines:
        Console().print(line, highlight=False, markup=False, soft_wrap=True)
