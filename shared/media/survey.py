"""Survey a video's pictures and loudness, without its words."""

from __future__ import annotations

from dataclasses import dataclass

from shared.domain.footage import STEP_SECONDS, Footage, Picture
from shared.domain.media_info import MediaInfo
from shared.errors import Reject
from shared.media.input import MediaInput
from shared.media.loudness import loudness
from shared.media.sandbox.runner import Sandbox, run_operation

_SHARE_OF_TIME = 0.4
"""The share of the deadline that the picture and the sound get each."""
_LEAST_BETWEEN_SECONDS = 0.5
_MOST_PICTURES = 8000


@dataclass(frozen=True, slots=True)
class Survey:
    """`problems` says what could not be read, a sentence each; the rest of the footage is valid."""

    footage: Footage
    problems: tuple[str, ...] = ()


def survey(source: MediaInput, info: MediaInfo, *, sandbox: Sandbox) -> Survey:
    """Compare the keyframes and measure the sound, each once and for a bounded time.

    A picture or sound that cannot be decoded is reported in `problems` and raises nothing.
    Raises MediaError.
    """
    problems: list[str] = []
    work = _SHARE_OF_TIME * sandbox.deadline_seconds
    try:
        levels = loudness(
            source,
            info,
            step_seconds=STEP_SECONDS,
            sandbox=sandbox,
            work_seconds=work,
        )
    except Reject as reject:
        levels = []
        problems.append(f"The sound could not be measured: {reject.message}")
    heard = len(levels) * STEP_SECONDS
    if levels and heard < info.duration_seconds - 60:
        problems.append(f"Only the first {heard:.0f} s of the sound could be heard in time.")
    try:
        remaining = sandbox.within(sandbox.deadline_seconds - work)
        pictures = _pictures(source, info, remaining, work, problems)
    except Reject as reject:
        pictures = ()
        problems.append(f"The picture could not be looked at: {reject.message}")
    return Survey(Footage(info.duration_seconds, pictures, tuple(levels)), tuple(problems))


def _pictures(
    source: MediaInput,
    info: MediaInfo,
    sandbox: Sandbox,
    work_seconds: float,
    problems: list[str],
) -> tuple[Picture, ...]:
    if info.video is None:
        return ()
    request = {
        "location": source.location,
        "seconds": work_seconds,
        "step": max(_LEAST_BETWEEN_SECONDS, info.duration_seconds / _MOST_PICTURES),
        "threads": sandbox.limits.threads,
    }
    reply = run_operation("survey", request, sandbox=sandbox)
    if reply["until"] is not None:
        problems.append(f"Only the first {reply['until']:.0f} s could be looked at in time.")
    return tuple(Picture(*one) for one in reply["pictures"] if one[0] < info.duration_seconds)
