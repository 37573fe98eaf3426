"""Moments of a video in which nobody speaks, and what is said about them."""

from __future__ import annotations

from dataclasses import dataclass

import structlog

from shared.domain.footage import Footage
from shared.media.probe import probe
from shared.media.survey import survey
from shared.moments.inputs import bounds_of
from shared.moments.moments_job import MomentsJob
from shared.moments.rules.activity import signals_of
from shared.moments.rules.bounds import Bounds
from shared.moments.rules.scene_moments import SceneMoment, find_scene_moments
from shared.videos.source import limits, open_source

_log = structlog.get_logger(__name__)
_MOST_BY_SCENES = 10
"""Where the config sets no limit: without words there is nothing to count moments by."""


@dataclass(frozen=True, slots=True)
class Speechless:
    """The moments; where there are none, `reason` says why in plain words."""

    moments: list[SceneMoment]
    reason: str


def moments_without_speech(job: MomentsJob) -> Speechless:
    """Looks at the source's keyframes and measures its sound. Raises `SourceGone` and the like."""
    with open_source(job) as source:
        info = probe(source, limits=limits(job), deadline_seconds=job.remaining_seconds)
        seen = survey(source, info, limits=limits(job), deadline_seconds=job.remaining_seconds)
    job.add_metric("media_seconds", info.duration_seconds)
    for problem in seen.problems:
        _log.warning("not all was seen", reason=problem)
    bounds = bounds_of(job.config, _MOST_BY_SCENES)
    moments = find_scene_moments(seen.footage, bounds)
    reason = "" if moments else " ".join([why_none(seen.footage, bounds), *seen.problems])
    return Speechless(moments, reason)


def why_none(footage: Footage, bounds: Bounds) -> str:
    """Plain words for whoever wonders why there are no moments."""
    if footage.duration_seconds < bounds.min_length_seconds:
        return (
            f"There is no speech, and all of it lasts {footage.duration_seconds:.1f} s, less than "
            f"the {bounds.min_length_seconds:g} s of the shortest moment."
        )
    if signals_of(footage).interest is not None:
        return "There is no speech, and no stretch of it fits the bounds on moments."
    return f"There is no speech to find moments in, and {_nothing_in(footage)}."


def _nothing_in(footage: Footage) -> str:
    picture = "the picture does not change" if footage.pictures else "there is no picture"
    sound = "no sound stands out" if footage.loudness_db else "there is no sound"
    return f"{picture} and {sound}"
