"""The progress lines of `run` when there is no terminal to draw bars on."""

from __future__ import annotations

import io

from rich.console import Console

from cli.run.progress import ProgressDisplay
from cli.run.requests import StageState


def test_progress_prints_each_reason_for_waiting_once() -> None:
    """Each state and each reason is one line, without the names of Python errors."""
    written = io.StringIO()
    refused = "ModelUnavailable: The model x\ngave no answer."
    with ProgressDisplay(Console(file=written, width=200), {"p": "talk.mp4"}) as display:
        display.show("p", "running", [StageState("cut_clip", {"completed": 2, "queued": 1})])
        display.show("p", "running", [StageState("score_moments", {"running": 1})])
        for _ in range(2):
            display.show("p", "running", [StageState("score_moments", {"queued": 1}, refused)])
        display.show("p", "failed", [StageState("score_moments", {"failed": 1})])
    assert written.getvalue().splitlines() == [
        "talk.mp4: cut_clip 2 completed, 1 queued",
        "talk.mp4: score_moments running",
        "talk.mp4: score_moments queued",
        "talk.mp4: score_moments is tried again: The model x gave no answer.",
        "talk.mp4: score_moments failed",
        "talk.mp4: pipeline failed",
    ]
