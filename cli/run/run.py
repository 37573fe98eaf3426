"""`videomoments run`: from files to moments and clips, on this machine."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from pathlib import Path

from rich.console import Console

from cli.local.cloud import local_cloud
from cli.local.home import Home
from cli.local.log_file import logged_to
from cli.report import results, tables
from cli.run.copies import check_out, copy_results, folder_names
from cli.run.progress import ProgressDisplay
from cli.run.requests import DELETED, RequestedRun, StageState, request_file, wait
from shared.domain.documents import Json
from shared.error_codes.runs import VIDEO_DELETED
from shared.errors import Reject
from shared.messages.base import PipelineType
from shared.messages.options import Options
from shared.moments.generation_config import is_extractive
from shared.pipeline.context import Context
from shared.settings.settings import Settings

PROMPT_UNUSED = (
    "The prompt is not used: no language model is named to read it (--model or VIDEOMOMENTS_MODEL)."
)


@dataclass(frozen=True, slots=True)
class RunRequest:
    """The command line's request."""

    files: list[Path]
    home: Home
    out: Path | None
    pipeline_type: PipelineType
    options: Options
    as_json: bool


def run(settings: Settings, request: RunRequest) -> int:
    """Exit code 0 when every pipeline completed, else 1. Raises `SettingsError`."""
    if request.out is not None:
        check_out(request.out)
    stderr = Console(stderr=True)
    stderr.soft_wrap = True

    def say(text: str) -> None:
        stderr.print(text, highlight=False, markup=False)

    if request.options.prompt and is_extractive(request.options.model or settings.model):
        say(PROMPT_UNUSED)
    with (
        logged_to(settings, request.home),
        local_cloud(settings, request.home, on_notice=say, on_wait=say) as cloud,
    ):
        context = cloud.context
        runs = [
            request_file(context, path, request.pipeline_type, request.options)
            for path in request.files
        ]
        for advice in dict.fromkeys(run.advice for run in runs if run.advice):
            say(advice)
        runs = _wait(context, stderr, runs)
        found = _results(context, runs, request.pipeline_type)
        notes = [] if request.as_json else _notes(context, runs)
        if request.out is not None:
            for name, pipeline in zip(folder_names(runs), found, strict=True):
                copy_results(context, pipeline, request.out / name)
    if request.as_json:
        print(json.dumps({"pipelines": found}, ensure_ascii=False, indent=2))  # noqa: T201
    else:
        stdout = Console()
        for run, pipeline, said in zip(runs, found, notes, strict=True):
            tables.show(stdout, run.path.name, pipeline, said)
    return _exit_code(stderr, runs, found, request.home)


def _wait(context: Context, console: Console, runs: list[RequestedRun]) -> list[RequestedRun]:
    """Wait for the runs. Returns them; a run whose video was deleted meanwhile is refused."""
    names = {run.pipeline: run.path.name for run in runs if run.pipeline is not None}
    deleted: set[str | None] = set()

    def on_change(pipeline: str, status: str, stages: list[StageState]) -> None:
        display.show(pipeline, status, stages)
        if status == DELETED:
            deleted.add(pipeline)

    with ProgressDisplay(console, names) as display:
        wait(context, list(names), on_change)
    refusal = Reject(
        VIDEO_DELETED, "The video was deleted during the run. Run the file again if you need it."
    )
    return [
        replace(run, pipeline=None, refusal=refusal) if run.pipeline in deleted else run
        for run in runs
    ]


def _results(context: Context, runs: list[RequestedRun], pipeline_type: PipelineType) -> list[Json]:
    with context.session() as session:
        return [
            results.pipeline_json(session, run.pipeline)
            if run.pipeline is not None
            else results.refused_json(pipeline_type, run.refusal.message if run.refusal else "")
            for run in runs
        ]


def _notes(context: Context, runs: list[RequestedRun]) -> list[list[str]]:
    with context.session() as session:
        return [
            results.notes(session, run.pipeline) if run.pipeline is not None else [] for run in runs
        ]


def _exit_code(console: Console, runs: list[RequestedRun], found: list[Json], home: Home) -> int:
    """Print one line for each run that did not complete. Returns 1 if there is one, else 0."""
    reasons = [
        reason
        for run, pipeline in zip(runs, found, strict=True)
        if (reason := tables.reason_line(run.path.name, pipeline)) is not None
    ]
    for reason in [*reasons, *home.reminder(*reasons)]:
        console.print(reason, style="red", highlight=False, markup=False)
    return 1 if reasons else 0
