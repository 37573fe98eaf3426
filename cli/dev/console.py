"""The output of `videomoments dev`: the functions' log lines, in colour, under their names."""

from __future__ import annotations

import io
import json
import re
import threading
from collections.abc import Mapping
from datetime import datetime
from typing import Any, TextIO

from rich.console import Console
from rich.text import Text

_COLORS = (
    *("cyan", "green", "magenta", "blue", "yellow", "bright_cyan", "bright_green"),
    *("bright_magenta", "bright_blue", "bright_yellow"),
)
_STYLES = {"WARNING": "yellow", "ERROR": "red", "CRITICAL": "bold red", "DEBUG": "dim"}
# The prefix shows these already, or only machines need them.
_HIDDEN = {"message", "severity", "time", "stage", "logger", "stack_trace", "error_type", "@type"}
_HIDDEN |= {"message_id", "topic", "lineno", "delivery_attempt", "schema_version"}
_CLOUD = "logging.googleapis.com/"
_UNPRINTABLE = re.compile("[\x00-\x08\x0a-\x1f\x7f-\x9f\ud800-\udfff]")
OWN = "dev"


class DevConsole:
    """Print whole lines from any thread, and keep the functions' JSON lines in a file."""

    def __init__(self, console: Console, log: TextIO, names: list[str]) -> None:
        self._console = console
        self._console.soft_wrap = True
        self._log = log
        self._lock = threading.Lock()
        self._width = max(len(name) for name in [OWN, *names])
        self._colors = {name: _COLORS[i % len(_COLORS)] for i, name in enumerate(names)}

    def say(self, text: str, style: str = "bold") -> None:
        """Print a sentence from `dev` itself."""
        self._print(OWN, Text(text, style))

    def notice(self, name: str, text: str) -> None:
        """Print a sentence about a function that the user should read."""
        self._print(name, Text(text, "bold red"))

    def address(self, name: str, url: str) -> None:
        """Print the address at which a function takes pushes."""
        self._print(name, Text(url, "underline"))

    def line(self, name: str, line: str) -> None:
        """Print a line that a function wrote, a log record or not."""
        record = read_record(line)
        kept = record or {"severity": "ERROR", "stage": name, "message": line}
        with self._lock:
            self._log.write(printable(json.dumps(kept, ensure_ascii=False)) + "\n")
            self._log.flush()
        self._print(name, render(record) if record else Text(line))

    def _print(self, name: str, text: Text) -> None:
        prefix = Text(f"{name:<{self._width}} │ ", self._colors.get(name, "bold white"))
        with self._lock:
            for part in text.split("\n"):
                part.plain = printable(part.plain)
                self._console.print(prefix + part, highlight=False)


class OwnLines(io.TextIOBase):
    """A stream for this process's own log; its lines are printed like the functions'."""

    def __init__(self, console: DevConsole) -> None:
        self._console = console

    def write(self, text: str) -> int:
        """Print each line of the log."""
        for line in text.splitlines():
            self._console.line(OWN, line)
        return len(text)


def printable(text: str) -> str:
    """Escape lone surrogates and control codes, as JSON does."""
    return _UNPRINTABLE.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


def read_record(line: str) -> dict[str, Any] | None:
    """Parse a line as a log record; None if it is not one."""
    if not line.startswith("{"):
        return None
    try:
        record = json.loads(line)
    except ValueError:
        return None
    return record if isinstance(record, dict) and "message" in record else None


def render(record: Mapping[str, Any]) -> Text:
    """One line for people: time, message and the other fields; an error's trace follows."""
    text = Text()
    if clock := _clock(record.get("time")):
        text.append(f"{clock} ", "dim")
    text.append(str(record["message"]), _STYLES.get(str(record.get("severity")), ""))
    for key, value in record.items():
        if value is not None and key not in _HIDDEN and not key.startswith(_CLOUD):
            text.append(f"  {key}=", "dim").append(str(value), "dim")
    if stack := record.get("stack_trace"):
        text.append(f"\n{stack}".rstrip(), "red")
    return text


def _clock(value: object) -> str | None:
    try:
        return datetime.fromisoformat(str(value)).astimezone().strftime("%H:%M:%S")
    except ValueError:
        return None
