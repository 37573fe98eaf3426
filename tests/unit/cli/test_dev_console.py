"""The lines that `videomoments dev` prints of its functions' logs."""

from __future__ import annotations

import io
import json

from rich.console import Console

from cli.dev.console import DevConsole, read_record, render


def test_console_prints_a_record_for_people() -> None:
    """The message comes first, then the other fields without the cloud's and empty ones."""
    record = {
        "message": "done",
        "severity": "INFO",
        "stage": "cut_clip",
        "seconds": 1.5,
        "reason": None,
        "logging.googleapis.com/trace": "abc",
    }
    assert render(record).plain == "done  seconds=1.5"


def test_console_prints_a_trace_below_its_error() -> None:
    """A trace follows its error on lines of its own."""
    record = {"message": "failed", "severity": "ERROR", "stack_trace": "Traceback\n  here\nBoom"}
    assert render(record).plain.splitlines() == ["failed", "Traceback", "  here", "Boom"]


def test_console_passes_on_a_line_that_is_not_a_record() -> None:
    """Only a JSON object with a message is a record."""
    for line in ("text", "{broken", '["message"]', '{"a": 1}'):
        assert read_record(line) is None


def test_console_prefixes_each_line_with_its_function() -> None:
    """Each line carries its function's name, markup is printed as text, and the file keeps JSON."""
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


def test_console_escapes_unprintable_characters() -> None:
    """Lone surrogates and escape codes are written out, on screen and in the file."""
    shown, kept = io.BytesIO(), io.BytesIO()
    screen, file = (io.TextIOWrapper(one, "utf-8", write_through=True) for one in (shown, kept))
    console = DevConsole(Console(file=screen, width=80), file, ["sweep"])
    console.line("sweep", '{"message": "half \\ud800, \\u001b[31mred, \\u009b, 質問\\u00a0…"}')
    said = "half \\ud800, \\u001b[31mred, \\u009b, 質問\u00a0…"
    assert shown.getvalue().decode() == f"sweep │ {said}\n"
    assert json.loads(kept.getvalue())["message"] == json.loads(f'"{said}"')
