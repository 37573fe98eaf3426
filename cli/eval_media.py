"""The recordings of a labelled set: what was said in them, as given or as heard."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from cli.eval_configs import Recording
from cli.home import Home
from cli.labelled_set import Item
from shared.domain.transcript import Transcript
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
    heard: dict[str, tuple[Transcript, float]] = {}
    if unheard:
        # Importing every function takes time, and transcripts need none of them.
        from cli.eval_hearing import hear

        heard = hear(settings, home, unheard, folder, on_notice)
    return [_recording(item, heard) for item in items]


def _recording(item: Item, heard: dict[str, tuple[Transcript, float]]) -> Recording:
    given = item.transcript()
    transcript, seconds = (given, 0.0) if given is not None else heard[item.name]
    seconds = item.duration_seconds or seconds
    # A duration that was not given is that of all that is spoken or marked.
    times = [w.end_seconds for w in transcript.words[-1:]] + item.reference.edges[-1:]
    return Recording(item.name, transcript, max([seconds, *times]), item.reference)
