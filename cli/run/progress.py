"""Progress of the runs on stderr: bars on a terminal, plain lines elsewhere."""

from __future__ import annotations

from collections.abc import Mapping

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

from cli.report.causes import without_types
from cli.run.requests import StageState
from shared.db.models import RunStatus, StageRunStatus

ENDED = (StageRunStatus.COMPLETED, StageRunStatus.FAILED, StageRunStatus.SKIPPED)


class ProgressDisplay:
    """A context manager that shows each stage of each run under its file's name."""

    def __init__(self, console: Console, names: Mapping[str, str]) -> None:
        self._console = console
        self._names = names
        self._tasks: dict[tuple[str, str], TaskID] = {}
        self._said: dict[tuple[str, str], str] = {}
        self._bars: Progress | None = None
        if console.is_terminal:
            self._bars = Progress(
                TextColumn("{task.fields[file]}", style="dim"),
                TextColumn("{task.description}"),
                BarColumn(bar_width=24),
                TextColumn("{task.fields[words]}"),
                TimeElapsedColumn(),
                console=console,
            )

    def __enter__(self) -> ProgressDisplay:
        if self._bars is not None:
            self._bars.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._bars is not None:
            self._bars.stop()

    def show(self, pipeline: str, status: str, stages: list[StageState]) -> None:
        """Show a run's new state."""
        for stage in stages:
            if self._bars is not None:
                self._move_bar(self._bars, pipeline, stage)
            else:
                self._say(pipeline, stage.stage, in_words(stage.counts))
            if stage.trouble is not None:
                reason = " ".join(without_types(stage.trouble).split())
                self._say(pipeline, f"{stage.stage} is tried again:", reason)
        if status != RunStatus.RUNNING and self._bars is None:
            self._say(pipeline, "pipeline", status)

    def _move_bar(self, bars: Progress, pipeline: str, stage: StageState) -> None:
        total = sum(stage.counts.values())
        done = sum(stage.counts.get(status, 0) for status in ENDED)
        key = (pipeline, stage.stage)
        if key not in self._tasks:
            self._tasks[key] = bars.add_task(
                stage.stage, total=total, file=self._names[pipeline], words=""
            )
        bars.update(self._tasks[key], total=total, completed=done, words=in_words(stage.counts))

    def _say(self, pipeline: str, what: str, words: str) -> None:
        if self._said.get((pipeline, what)) != words:
            self._said[pipeline, what] = words
            name = self._names[pipeline]
            self._console.print(f"{name}: {what} {words}", highlight=False, markup=False)


def in_words(counts: Mapping[str, int]) -> str:
    """`completed`, or `3 completed, 1 running` for several stage runs."""
    total = sum(counts.values())
    if total == 1:
        return next(iter(counts))
    order = (
        StageRunStatus.COMPLETED,
        StageRunStatus.SKIPPED,
        StageRunStatus.FAILED,
        StageRunStatus.RUNNING,
        StageRunStatus.QUEUED,
    )
    return ", ".join(f"{counts[status]} {status}" for status in order if counts.get(status))
