"""Advice about a run, in plain words. Pure: facts in, lines out."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from shared.db.models import RunStatus, StageRunStatus
from shared.domain.documents import Json
from shared.error_codes import declared

STALLED_SECONDS = 300.0


def advice(
    pipeline: Json, stages: Sequence[Json], video: str, *, deserted: bool, noted: bool
) -> Iterator[str]:
    """What the user can do now. `deserted` and `noted` are as in `run_lines`."""
    if pipeline["status"] in {RunStatus.FAILED, RunStatus.PARTIAL}:
        if any(_can_be_retried(stage) for stage in stages):
            yield f"Then: videomoments retry {video}   (runs only the failed stages again)"
    elif pipeline["status"] == RunStatus.RUNNING and deserted:
        yield (
            "What to do: no worker is running. Give the `videomoments run` command again, or start "
            "`videomoments dev`; the run continues where it stopped."
        )
    elif pipeline["status"] == RunStatus.RUNNING and _is_stalled(stages):
        yield (
            "What to do: no worker has touched this run for a while. `videomoments doctor` finds "
            "out why; add `--cloud` for a deployment."
        )
    elif pipeline["status"] == RunStatus.RUNNING:
        yield "What to do: wait."
    elif pipeline["status"] == RunStatus.COMPLETED and not pipeline["moments"]:
        yield f"What to do: nothing, if you expected no moments. {_more_moments(pipeline, stages)}"
    elif pipeline["status"] == RunStatus.COMPLETED:
        unless = ", unless you want to repair the file (see above)" if noted else ""
        yield f"What to do: nothing{unless}."


def _more_moments(pipeline: Json, stages: Sequence[Json]) -> str:
    bounds = "`videomoments run --help` lists the limits for moments."
    if not (pipeline["transcript"] or {}).get("number_of_words"):
        return f"If the video has speech, `videomoments doctor` tests the speech engine; {bounds}"
    if any(stage["stage"] == "choose_moments" for stage in stages):
        return f"Otherwise run it again with another `--prompt` or `--model`; {bounds}"
    return f"Otherwise run it again with other limits; {bounds}"


def _can_be_retried(stage: Json) -> bool:
    failed = stage["status"] == StageRunStatus.FAILED
    return failed and "videomoments retry" in declared(stage["error_code"]).remedy


def _is_stalled(stages: Sequence[Json]) -> bool:
    alive = any(
        stage["status"] == StageRunStatus.RUNNING
        and (stage["lease_seconds_left"] or 0) > -STALLED_SECONDS
        for stage in stages
    )
    overdue = all(
        stage["waited_seconds"] > STALLED_SECONDS
        for stage in stages
        if stage["status"] == StageRunStatus.QUEUED
    )
    return not alive and overdue
