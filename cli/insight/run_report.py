"""A run in plain words: its state, its results, its failures and their remedies. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from textwrap import shorten

from cli.insight.advice import advice
from cli.report.causes import without_types
from cli.report.quantities import count_words, time_words
from cli.report.stage_words import stage_words
from cli.report.tables import clock_time
from shared.db.models import UNFINISHED, RunStatus, StageRunStatus
from shared.domain.documents import Json
from shared.error_codes import ERROR_CODES, ErrorCode, declared
from shared.error_codes.runs import ATTEMPTS_EXHAUSTED, PIPELINE_FAILED, TRANSIENT
from shared.pipeline.ledger.fail import LAST_ERROR_CODE

ENDS = {
    RunStatus.COMPLETED: "It is completed: every stage has finished.",
    RunStatus.PARTIAL: "It is partial: its results can be used, but some are missing.",
    RunStatus.FAILED: "It failed: it cannot continue without the stage that failed.",
    RunStatus.SUPERSEDED: "It was abandoned because its file was overwritten. The newer version "
    "has its own run.",
    RunStatus.SOURCE_GONE: "It was abandoned because its file was deleted or moved before the run "
    "ended.",
}
# The code says nothing that the message does not.
_SAYS_NOTHING = (TRANSIENT, ATTEMPTS_EXHAUSTED)


def run_lines(
    pipeline: Json,
    stages: Sequence[Json],
    video: str,
    *,
    notes: Sequence[str] = (),
    deserted: bool = False,
    noted: bool = False,
) -> Iterator[str]:
    """One run: its state, its results, each failure with its reason, and the remedy.

    `notes` are about its moments. `deserted`: no worker exists that could run it. `noted`: the
    lines before this run report a problem with the video's file.
    """
    yield f"Run of type {pipeline['pipeline_type']} ({pipeline['identifier']})"
    if pipeline["status"] == RunStatus.RUNNING:
        yield from _indent(_running_lines(stages, deserted))
    else:
        spent = pipeline["duration_seconds"]
        took = f" It took {time_words(spent)}." if spent is not None else ""
        end = ENDS.get(pipeline["status"], f"It ended as {pipeline['status']}.")
        yield f"  {end}{took}"
    yield f"  Results: {_results(pipeline)}."
    yield from _indent(iter(notes))
    yield from _indent(_failure_lines(pipeline, stages, video))
    yield from _indent(_skipped_lines(stages))
    yield from _indent(advice(pipeline, stages, video, deserted=deserted, noted=noted))


def _indent(lines: Iterator[str]) -> Iterator[str]:
    return (f"  {line}" for line in lines)


def _results(pipeline: Json) -> str:
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
    done = sum(stage["status"] not in UNFINISHED for stage in stages)
    state = "It was interrupted" if deserted else "It is running"
    yield f"{state}: {done} of {count_words(len(stages), 'known stage')} finished."
    for stage in stages:
        if stage["status"] == StageRunStatus.RUNNING:
            yield f"Interrupted: {stage_words(stage['stage'])}." if deserted else _at_work(stage)
        elif stage["status"] == StageRunStatus.QUEUED:
            yield _waiting(stage)


def _at_work(stage: Json) -> str:
    line = f"Running for {time_words(stage['seconds'] or 0)}: {stage_words(stage['stage'])}"
    line += f", attempt {stage['attempt']}" if stage["attempt"] > 1 else ""
    left = stage["lease_seconds_left"]
    if left is not None and left < 0:
        return (
            f"{line}. Its worker stopped responding {time_words(-left)} ago; another worker takes "
            "over within a minute."
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
    code = ERROR_CODES.get(stage["error_code"] or "")
    is_helpful = code is not None and code not in _SAYS_NOTHING
    return f"{line} {code.meaning} {code.remedy}" if code and is_helpful else line


def _failure_lines(pipeline: Json, stages: Sequence[Json], video: str) -> Iterator[str]:
    titles = {moment["identifier"]: moment for moment in pipeline["moments"]}
    groups: dict[tuple[str, ErrorCode, ErrorCode], list[Json]] = {}
    for stage in stages:
        if stage["status"] == StageRunStatus.FAILED:
            code = declared(stage["error_code"])
            groups.setdefault((stage["stage"], code, _cause(stage, code)), []).append(stage)
    for (name, code, cause), failed in groups.items():
        times = f", {len(failed)} times" if len(failed) > 1 else ""
        yield f"What failed: {stage_words(name)}{times}{_affected_moments(failed, titles)}"
        # The message of a permanent failure says why; that of the last attempt may not.
        why = f"{cause.meaning} " if code == ATTEMPTS_EXHAUSTED else ""
        yield f"  Why: {why}{_reasons(failed)} (code {code})"
        again = "" if cause == code else f" Then `videomoments retry {video}`."
        yield f"  What to do: {cause.remedy_for(video)}{again}"


def _cause(stage: Json, code: ErrorCode) -> ErrorCode:
    """The code of the last attempt, where attempts ran out and that code says more."""
    last = declared(stage["metrics"].get(LAST_ERROR_CODE, code))
    return code if last in _SAYS_NOTHING or code != ATTEMPTS_EXHAUSTED else last


def _reasons(failed: Sequence[Json]) -> str:
    """The first message, and the number of other messages."""
    texts = [without_types(stage["error_message"] or "No reason was recorded") for stage in failed]
    said = list(dict.fromkeys(_sentence(text) for text in texts))
    more = f" (And {len(said) - 1} similar.)" if len(said) > 1 else ""
    return f"{said[0]}{more}"


def _affected_moments(failed: Sequence[Json], moments: dict[str, Json]) -> str:
    """The moments whose stages failed; empty for a stage that is not about a moment."""
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
        if stage["status"] != StageRunStatus.SKIPPED:
            continue
        if stage["error_code"] == PIPELINE_FAILED:
            left_out[stage["stage"]] = None
        else:
            reason = _sentence(stage["error_message"] or "No reason")
            reasons[f"Skipped: {stage_words(stage['stage'])}. {reason}"] = None
    yield from reasons
    if left_out:
        yield f"Not started because of that: {', '.join(map(stage_words, left_out))}."


def _sentence(text: str) -> str:
    """The text on one line, ended by a full stop."""
    line = " ".join(text.split())
    return line if line.endswith((".", "!", "?")) else f"{line}."
