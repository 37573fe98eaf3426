"""What to do about a run, in plain words. Pure: facts in, lines out."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from shared.error_codes import remedy_of

Json = dict[str, Any]

STALLED_SECONDS = 300.0


def advice(
    pipeline: Json, stages: Sequence[Json], video: str, *, deserted: bool, noted: bool
) -> Iterator[str]:
    """What helps, or that there is nothing to do. `deserted` and `noted` are as in `run_lines`."""
    if pipeline["status"] in {"failed", "partial"}:
        if any(_can_be_retried(stage) for stage in stages):
            yield f"Then: videomoments retry {video}   (does again only what failed)"
    elif pipeline["status"] == "running" and deserted:
        yield (
            "What to do: nobody is at work on it. Give the `videomoments run` command again, or "
            "start `videomoments dev`: it goes on where it stopped."
        )
    elif pipeline["status"] == "running" and _is_stalled(stages):
        yield (
            "Nobody has worked on it for a while: `videomoments doctor` says what is wrong, of a "
            "deployment with `--cloud`."
        )
    elif pipeline["status"] == "running":
        yield "What to do: nothing but wait."
    elif pipeline["status"] == "completed" and not pipeline["moments"]:
        yield f"What to do: nothing, if that is as it should be. {_more_moments(pipeline, stages)}"
    elif pipeline["status"] == "completed":
        unless = ", unless what is said of its file above is to be mended" if noted else ""
        yield f"What to do: nothing{unless}."


def _more_moments(pipeline: Json, stages: Sequence[Json]) -> str:
    bounds = "`videomoments run --help` has the bounds that moments are chosen by."
    if not (pipeline["transcript"] or {}).get("number_of_words"):
        return f"If there is speech in it, `videomoments doctor` says what listens; {bounds}"
    if any(stage["stage"] == "choose_moments" for stage in stages):
        return f"Else run it again with another `--prompt` or `--model`; {bounds}"
    return f"Else run it again with other bounds: {bounds}"


def _can_be_retried(stage: Json) -> bool:
    failed = stage["status"] == "failed"
    return failed and "videomoments retry" in remedy_of(stage["error_code"] or "")


def _is_stalled(stages: Sequence[Json]) -> bool:
    alive = any(
        stage["status"] == "running" and (stage["lease_seconds_left"] or 0) > -STALLED_SECONDS
        for stage in stages
    )
    overdue = all(
        stage["waited_seconds"] > STALLED_SECONDS for stage in stages if stage["status"] == "queued"
    )
    return not alive and overdue
