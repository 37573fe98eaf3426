"""Find the moments of a video without speech, or say why there are none."""

from __future__ import annotations

from dataclasses import dataclass

import structlog

from shared.domain.footage import Footage
from shared.media.probe import probe
from shared.media.survey import survey
from shared.moments.inputs import bounds_of
from shared.moments.moments_job import MomentsJob
from shared.moments.rules.bounds import Bounds
from shared.moments.rules.scene_moments import SceneMoment, find_scene_moments
from shared.moments.rules.signals import signals_of
from shared.videos.source import open_source

_log = structlog.get_logger(__name__)
_MOST_BY_SCENES = 10
"""The limit if the config sets none. With speech, the number of sentences is the limit."""


@dataclass(frozen=True, slots=True)
class SpeechlessMoments:
    """The moments of a video without speech; if there are none, `reason` says why."""

    moments: list[SceneMoment]
    reason: str


def moments_without_speech(job: MomentsJob) -> SpeechlessMoments:
    """Survey the video's keyframes and sound for moments. Raises as `open_source` and `probe`."""
    with open_source(job) as source:
        info = probe(source, sandbox=job.sandbox)
        found = survey(source, info, sandbox=job.sandbox)
    job.add_metric("media_seconds", info.duration_seconds)
    for problem in found.problems:
        _log.warning("the survey is incomplete", reason=problem)
    bounds = bounds_of(job.config, _MOST_BY_SCENES)
    moments = find_scene_moments(found.footage, bounds)
    reason = "" if moments else " ".join([why_none(found.footage, bounds), *found.problems])
    return SpeechlessMoments(moments, reason)


def why_none(footage: Footage, bounds: Bounds) -> str:
    """The reason, in plain words for the user, why a video without speech has no moments."""
    if footage.duration_seconds < bounds.min_length_seconds:
        return (
            f"There is no speech, and the video lasts {footage.duration_seconds:.1f} s, less than "
            f"the {bounds.min_length_seconds:g} s of the shortest moment."
        )
    if signals_of(footage).interest is not None:
        return "There is no speech, and no span of the video fits the bounds on moments."
    return f"There is no speech to find moments in, and {_missing_signals(footage)}."


def _missing_signals(footage: Footage) -> str:
    picture = "the picture does not change" if footage.pictures else "there is no picture"
    sound = "no sound stands out" if footage.loudness_db else "there is no sound"
    return f"{picture} and {sound}"
