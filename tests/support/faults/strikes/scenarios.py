"""Scenarios that lead every function through all of its points, and those points."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from shared.messages.options import Options
from shared.messages.upkeep import SweepRequested
from shared.messages.videos import PipelineRequested
from shared.messaging.protocol import Outgoing
from tests.support.faults.small_media import not_a_video, odd_video, tiny_video, wordless_video
from tests.support.faults.strikes import injection as sabotage
from tests.support.faults.unfinished_work import STAKES, make_unfinished_work
from tests.support.faults.world import FaultWorld

MOMENTS = 2
TWO_MOMENTS: Mapping[str, Any] = {"min_moments": MOMENTS, "max_moments": MOMENTS}
ONE_MOMENT: Mapping[str, Any] = {"min_moments": 1, "max_moments": 1}
# Of a real source two slices; fake ones come in two anyway.
SLICES = {"slice_seconds": 10.0}
OTHER_PADDING = Options(padding_left_seconds=4.0, padding_right_seconds=4.0)
GARBAGE = b"no message at all"
FAKE = "version 1\n"

Act = Callable[[FaultWorld, str | Path], None]
Points = Mapping[str, int]


def drop(world: FaultWorld, source: str | Path) -> None:
    """Upload a source."""
    world.drop(content=source)


def _complete(world: FaultWorld, source: str | Path) -> None:
    world.drop(content=source)
    world.broker.run(2)


def _ask_again(world: FaultWorld, source: str | Path) -> None:
    """Request other padding: each clip is cut again, and earlier ones go."""
    (stat,) = world.files.list(f"{world.context.upload_url}/")
    world.say(PipelineRequested(source_url=stat.url, options=OTHER_PADDING))


def _publish_garbage(world: FaultWorld, source: str | Path) -> None:
    world.drop(content=source)
    world.broker.publish([Outgoing("moment-found", GARBAGE)])


def _sweep(world: FaultWorld, source: str | Path) -> None:
    world.say(SweepRequested())


@dataclass(frozen=True, slots=True)
class Scenario:
    """`points`: the least number of times that each function reaches each of its points.

    `then` is the part that may go wrong, after `first` did not. `media` makes a real source, if the
    scenario is `real`. `asks`: a model is asked. `ends`: how the runs end.
    """

    points: Mapping[str, Points]
    then: Act = drop
    first: Act | None = None
    settings: Mapping[str, Any] = field(default_factory=lambda: TWO_MOMENTS)
    media: Callable[[Path], Path] | None = None
    real: bool = False
    asks: bool = False
    ends: tuple[str, ...] = ("completed",)
    clips: int = MOMENTS


def _points(
    times: int = 1,
    *,
    others: int = 0,
    publishes: int = 1,
    downloads: int = 0,
    uploads: int = 0,
    deletions: int = 0,
    children: Mapping[str, int] | None = None,
) -> Points:
    """The points of a stage that runs so many times, with so many other commits, and so on."""
    found = {
        sabotage.AFTER_CLAIM: times,
        sabotage.DURING_DOWNLOAD: downloads,
        sabotage.DURING_UPLOAD: uploads,
        sabotage.AFTER_UPLOAD: uploads,
        sabotage.BEFORE_COMMIT: times,
        sabotage.AFTER_COMMIT: times,
        sabotage.BEFORE_OTHER_COMMIT: others,
        sabotage.AFTER_OTHER_COMMIT: others,
        sabotage.AFTER_PUBLISH: publishes,
        sabotage.BEFORE_DELETION: deletions,
        sabotage.BEFORE_ACK: times,
    }
    found |= {sabotage.IN_CHILD + name: count for name, count in (children or {}).items()}
    return {point: count for point, count in found.items() if count}


_TASK = {
    sabotage.AFTER_CLAIM: 1,
    sabotage.BEFORE_COMMIT: 1,
    sabotage.AFTER_COMMIT: 1,
    sabotage.BEFORE_ACK: 1,
}
_SWEEP = {
    sabotage.AFTER_CLAIM: 1,
    sabotage.BEFORE_COMMIT: STAKES.commits,
    sabotage.AFTER_COMMIT: STAKES.commits,
    sabotage.AFTER_PUBLISH: 1,
    sabotage.BEFORE_DELETION: STAKES.deletions,
    sabotage.BEFORE_ACK: 1,
}
_REJECTED = {
    sabotage.AFTER_CLAIM: 1,
    sabotage.DURING_DOWNLOAD: 1,
    sabotage.IN_CHILD + "probe": 1,
    sabotage.BEFORE_OTHER_COMMIT: 3,
    sabotage.AFTER_OTHER_COMMIT: 3,
    sabotage.BEFORE_ACK: 1,
}
_EXACT = {
    "probe": 1,
    "frame_before": 1,
    "ffmpeg encode": 1,
    "copy": 1,
    "merge": 1,
    "verify": 1,
}

SCENARIOS: dict[str, Scenario] = {
    "talk": Scenario(
        {
            "probe_video": _points(others=2, downloads=1, children={"probe": 1}),
            "split_audio": _points(
                others=1, downloads=2, uploads=2, children={"probe": 1, "ffmpeg sound": 1}
            ),
            "transcribe_audio": _points(2, others=2, downloads=2, publishes=1),
            "generate_moments": _points(others=1),
            "cut_clip": _points(
                2,
                others=2,
                publishes=2,
                downloads=4,
                uploads=2,
                children={"probe": 2, "copy": 2, "verify": 2},
            ),
            # The last of them ends the run and cleans up.
            "make_thumbnail": _points(
                3,
                others=5,
                publishes=0,
                downloads=4,
                uploads=3,
                deletions=2,
                children={"probe": 3, "thumbnail": 3},
            ),
        },
        media=lambda folder: tiny_video(folder, seconds=18),
    ),
    "again": Scenario(
        {
            "start_pipeline": _points(others=2),
            "cut_clip": _points(2, others=2, publishes=2, downloads=2, uploads=2, deletions=2),
            "make_thumbnail": _points(
                3, others=5, publishes=0, downloads=2, uploads=2, deletions=2
            ),
        },
        first=_complete,
        then=_ask_again,
        clips=2 * MOMENTS,
    ),
    "model": Scenario(
        {
            "generate_moments": _points(others=1),
            "generate_window": _points(others=1),
            "choose_moments": _points(others=1),
            "refine_moments": _points(others=3, publishes=0),
            "score_moments": _points(others=3, publishes=0),
        },
        settings={**TWO_MOMENTS, "min_moments": 1},
        asks=True,
        clips=1,
    ),
    "wordless": Scenario(
        {
            "generate_moments": _points(
                others=1, downloads=2, children={"probe": 1, "ffmpeg sound": 1, "survey": 1}
            )
        },
        settings=ONE_MOMENT,
        media=wordless_video,
        real=True,
        clips=1,
    ),
    "exact": Scenario(
        {"cut_clip": _points(others=1, downloads=2, uploads=1, children=_EXACT)},
        settings={**ONE_MOMENT, "clip_mode": "exact"},
        media=tiny_video,
        real=True,
        clips=1,
    ),
    "subtitled": Scenario(
        {
            "split_audio": _points(
                others=1,
                downloads=2,
                uploads=2,
                children={"probe": 1, "ffmpeg text": 1, "ffmpeg sound": 1},
            )
        },
        settings=ONE_MOMENT,
        media=odd_video,
        real=True,
        clips=1,
    ),
    "damaged": Scenario(
        {"probe_video": _REJECTED}, media=not_a_video, real=True, ends=("failed",), clips=0
    ),
    "dead letter": Scenario({"record_failure": _TASK}, then=_publish_garbage),
    "stakes": Scenario(
        {"sweep": _SWEEP},
        first=make_unfinished_work,
        then=_sweep,
        ends=STAKES.ends,
        clips=STAKES.clips,
    ),
}
