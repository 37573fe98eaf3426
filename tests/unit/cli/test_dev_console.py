"""What `videomoments dev` prints of its functions' logs."""

from __future__ import annotations

import io
import json

from rich.console import Console

from cli.dev.console import DevConsole, read_record, render


def test_a_record_for_people() -> None:
    """The message, then what else is said; the cloud's fields and empty ones stay away."""
    record = {
        "message": "done",
        "severity": "INFO",
        "stage": "cut_clip",
        "seconds": 1.5,
        "reason": None,
        "logging.googleapis.com/trace": "abc",
    }
    assert render(record).plain == "done  seconds=1.5"


def test_an_error_with_its_trace() -> None:
    """A trace follows in lines of its own."""
    record = {"message": "failed", "severity": "ERROR", "stack_trace": "Traceback\n  here\nBoom"}
    assert render(record).plain.splitlines() == ["failed", "Traceback", "  here", "Boom"]


def test_what_is_no_record() -> None:
    """Only a JSON object with a message is a record."""
    for line in ("text", "{broken", '["message"]', '{"a": 1}'):
        assert read_record(line) is None


def test_lines_under_names() -> None:
    """Every line stands under its function's name, markup is text, and the file keeps JSON."""
    shown, kept = io.StringIO(), io.StringIO()
    console = DevConsole(Console(file=shown, width=40), kept, ["cut_clip", "sweep"])
    console.line("sweep", '{"message": "[bold]swept[/bold] ' + "x" * 60 + '"}')
    console.line("cut_clip", "Traceback (most recent call last):")
    lines = shown.getvalue().splitlines()
    assert lines == [
        "sweep    │ [bold]swept[/bold] " + "x" * 60,
        "cut_clip │ Traceback (most recent call last):",
    ]
    records = [json.loads(line) for line in kept.getvalue().splitlines()]
    assert records[1] == {
        "severity": "ERROR",
        "stage": "cut_clip",
        "message": "Traceback (most recent call last):",
    }


def test_what_no_terminal_can_print() -> None:
    """Half a surrogate pair and escape codes are written out, on screen and in the file."""
    shown, kept = io.BytesIO(), io.BytesIO()
    screen, file = (io.TextIOWrapper(one, "utf-8", write_through=True) for one in (shown, kept))
    console = DevConsole(Console(file=screen, width=80), file, ["sweep"])
    console.line("sweep", '{"message": "half \\ud800, \\u001b[31mred, \\u009b, 質問\\u00a0…"}')
    said = "half \\ud800, \\u001b[31mred, \\u009b, 質問\u00a0…"
    assert shown.getvalue().decode() == f"sweep │ {said}\n"
    assert json.loads(kept.getvalue())["message"] == json.loads(f'"{said}"')
