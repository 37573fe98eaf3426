"""Says in plain words what `status` says in figures. Pure: facts in, lines out."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from textwrap import shorten
from typing import Any

from cli.insight.advice import advice
from cli.report.causes import cause_of, without_types
from cli.report.quantities import count_words, time_words
from cli.report.stage_words import stage_words
from cli.report.tables import clock_time
from shared.error_codes import meaning_of, remedy_of
from shared.pipeline.ledger.fail import EXHAUSTED
from shared.pipeline.ledger.pipeline_state import PIPELINE_FAILED

Json = dict[str, Any]

ENDS = {
    "completed": "It is completed: everything that was to be done is done.",
    "partial": "It is partial: what there is can be used, but a part of it could not be made.",
    "failed": "It failed: a step that the others need could not be done.",
    "superseded": "It was given up, because its file was overwritten; the newer version has a run "
    "of its own.",
    "source_gone": "It was given up, because its file was deleted or moved before it was done.",
}


def run_lines(
    pipeline: Json,
    stages: Sequence[Json],
    video: str,
    *,
    notes: Sequence[str] = (),
    deserted: bool = False,
    noted: bool = False,
) -> Iterator[str]:
    """One run: where it stands, what was made, what failed and why, what to do.

    `notes` are about its moments. `deserted`: there is nobody who could be at work on it. `noted`:
    something was said of the video's file before.
    """
    yield f"Run of type {pipeline['pipeline_type']} ({pipeline['identifier']})"
    if pipeline["status"] == "running":
        yield from _indented(_running_lines(stages, deserted))
    else:
        spent = pipeline["duration_seconds"]
        took = f" It took {time_words(spent)}." if spent is not None else ""
        end = ENDS.get(pipeline["status"], f"It ended as {pipeline['status']}.")
        yield f"  {end}{took}"
    yield f"  Made so far: {_made(pipeline)}."
    yield from _indented(iter(notes))
    yield from _indented(_failure_lines(pipeline, stages, video))
    yield from _indented(_skipped_lines(stages))
    yield from _indented(advice(pipeline, stages, video, deserted=deserted, noted=noted))


def _indented(lines: Iterator[str]) -> Iterator[str]:
    return (f"  {line}" for line in lines)


def _made(pipeline: Json) -> str:
    transcript = pipeline["transcript"]
    said = "no transcript"
    if transcript is not None:
        words = transcript["number_of_words"] or 0
        said = f"a transcript of {count_words(words, 'word')}" if words else "no speech was found"
    counts = [
        count_words(len(pipeline[name]), name.removesuffix("s"))
        for name in ("moments", "clips", "thumbnails")
    ]
    return ", ".join([said, *counts])


def _running_lines(stages: Sequence[Json], deserted: bool) -> Iterator[str]:
    done = sum(stage["status"] in {"completed", "skipped", "failed"} for stage in stages)
    stands = "It was interrupted" if deserted else "It is under way"
    yield f"{stands}: {done} of {count_words(len(stages), 'known step')} ended."
    for stage in stages:
        if stage["status"] == "running":
            yield f"Broken off: {stage_words(stage['stage'])}." if deserted else _at_work(stage)
        elif stage["status"] == "queued":
            yield _waiting(stage)


def _at_work(stage: Json) -> str:
    line = f"At work for {time_words(stage['seconds'] or 0)}: {stage_words(stage['stage'])}"
    line += f", attempt {stage['attempt']}" if stage["attempt"] > 1 else ""
    left = stage["lease_seconds_left"]
    if left is not None and left < 0:
        return (
            f"{line}, but its worker was not heard of for {time_words(-left)}: the step is given "
            "to another within a minute."
        )
    return f"{line}."


def _waiting(stage: Json) -> str:
    if stage["waited_seconds"] < 0:
        line = f"Due in {time_words(-stage['waited_seconds'])}: {stage_words(stage['stage'])} again"
    else:
        line = f"Waiting for {time_words(stage['waited_seconds'])}: {stage_words(stage['stage'])}"
    message = stage["error_message"]
    if not message:
        return f"{line}."
    line += f". Attempt {stage['attempt']} failed: {_sentence(without_types(message))}"
    cause = cause_of(message)
    return f"{line} {cause.meaning} {cause.remedy}" if cause else line


def _failure_lines(pipeline: Json, stages: Sequence[Json], video: str) -> Iterator[str]:
    titles = {moment["identifier"]: moment for moment in pipeline["moments"]}
    groups: dict[tuple[str, str], list[Json]] = {}
    for stage in stages:
        if stage["status"] == "failed":
            groups.setdefault((stage["stage"], stage["error_code"] or ""), []).append(stage)
    for (name, code), failed in groups.items():
        times = f", {len(failed)} times" if len(failed) > 1 else ""
        yield f"What failed: {stage_words(name)}{times}{_about(failed, titles)}"
        cause = cause_of(failed[0]["error_message"]) if code == EXHAUSTED else None
        # What fails at once says why in its own words; what was tried again and again does not.
        why = f"{cause.meaning if cause else meaning_of(code)} " if code == EXHAUSTED else ""
        yield f"  Why: {why}{_reasons(failed)} (code {code})"
        again = f"Then `videomoments retry {video}`."
        remedy = f"{cause.remedy} {again}" if cause else remedy_of(code, video)
        yield f"  What to do: {remedy}"


def _reasons(failed: Sequence[Json]) -> str:
    """The messages, each once; of many, the first."""
    texts = [without_types(stage["error_message"] or "No reason was kept") for stage in failed]
    said = list(dict.fromkeys(_sentence(text) for text in texts))
    more = f" ({len(said) - 1} more like it.)" if len(said) > 1 else ""
    return f"{said[0]}{more}"


def _about(failed: Sequence[Json], moments: dict[str, Json]) -> str:
    """Which moments it was about, where it was about moments."""
    names = [
        f"“{shorten(moment['title'], 48, placeholder='…')}” at {clock_time(moment['start_time'])}"
        for stage in failed
        if (moment := moments.get(stage["subject"])) is not None
    ]
    if not names:
        return ""
    more = f" and {len(names) - 3} more" if len(names) > 3 else ""
    return f", for the moment{'s' * (len(names) > 1)} {', '.join(names[:3])}{more}"


def _skipped_lines(stages: Sequence[Json]) -> Iterator[str]:
    left_out: dict[str, None] = {}
    reasons: dict[str, None] = {}
    for stage in stages:
        if stage["status"] != "skipped":
            continue
        if stage["error_code"] == PIPELINE_FAILED:
            left_out[stage["stage"]] = None
        else:
            reason = _sentence(stage["error_message"] or "No reason")
            reasons[f"Left out: {stage_words(stage['stage'])}. {reason}"] = None
    yield from reasons
    if left_out:
        yield f"Not begun because of that: {', '.join(map(stage_words, left_out))}."


def _sentence(text: str) -> str:
    """The text on one line, ended by a full stop."""
    line = " ".join(text.split())
    return line if line.endswith((".", "!", "?")) else f"{line}."
