"""The recordings of a labelled set, with given or transcribed words."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from cli.evaluation.labelled_set import Item
from cli.evaluation.proposals import SILENT, Heard, Recording
from cli.local.home import Home
from shared.errors import Reject
from shared.settings.settings import Settings
from shared.transcripts.rows import from_json, to_json


def recordings(
    settings: Settings,
    home: Home,
    items: Sequence[Item],
    *,
    folder: Path,
    on_notice: Callable[[str], None],
) -> list[Recording | Reject]:
    """Each item's given or new transcript. Earlier transcripts are reused.

    Media paths are relative to `folder`. Reject(MEDIA_NOT_HEARD) replaces a recording that
    could not be transcribed.
    """
    unheard = [item for item in items if item.transcript() is None]
    heard: dict[str, Heard | Reject] = {}
    if unheard:
        # Importing every function takes time; transcripts do not need them.
        from cli.evaluation.transcribe import hear

        heard = hear(settings, home, unheard, folder, on_notice)
    return [_recording(item, heard.get(item.name)) for item in items]


def _recording(item: Item, heard: Heard | Reject | None) -> Recording | Reject:
    if isinstance(heard, Reject):
        return heard
    given = item.transcript()
    transcript, seconds = heard or (given or SILENT, 0.0)
    # Round to the millisecond, like stored transcripts.
    transcript = from_json(to_json(transcript))
    seconds = item.duration_seconds or seconds
    # Without a duration, use the last word or label.
    times = [w.end_seconds for w in transcript.words[-1:]] + item.reference.edges[-1:]
    return Recording(item.name, transcript, max([seconds, *times]), item.reference)
