"""`videomoments doctor`: check everything a run needs, and name a remedy for each fault."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator
from dataclasses import asdict

from rich.console import Console
from rich.text import Text

from cli.doctor.buckets import check_buckets
from cli.doctor.checks import Check, checked
from cli.doctor.database import check_database, is_embedded
from cli.doctor.models import check_models
from cli.doctor.tools import check_disk, check_ffmpeg, check_speech
from cli.doctor.topics import check_topics
from cli.local.home import Home
from cli.report.quantities import count_words
from shared.errors import SettingsError
from shared.settings.settings import PREFIX, Settings, load_settings

STYLES = {"ok": "green", "warning": "yellow", "problem": "bold red"}


def show_checks(checks: Iterable[Check], *, as_json: bool) -> int:
    """Print each check when it is done. Exit code 1 if there is a problem."""
    console = Console()
    found: list[Check] = []
    for check in checks:
        found.append(check)
        if not as_json:
            _show(console, check)
    problems = sum(check.state == "problem" for check in found)
    if as_json:
        document = {"ok": problems == 0, "checks": [asdict(check) for check in found]}
        print(json.dumps(document, ensure_ascii=False, indent=2))  # noqa: T201
    else:
        console.print(_summary(found), highlight=False)
    return 1 if problems else 0


def _summary(found: list[Check]) -> str:
    counts = [
        count_words(sum(check.state == state for check in found), state)
        for state in ("problem", "warning")
    ]
    return f"{count_words(len(found), 'check')}: {', '.join(counts)}."


def _show(console: Console, check: Check) -> None:
    line = Text(f"{check.state:<8}", style=STYLES[check.state])
    found = check.found.replace("\n", f"\n{' ' * 9}")
    console.print(line + Text(f" {check.name}: {found}", style=""), soft_wrap=True)
    if check.remedy and check.state != "ok":
        console.print(Text(f"         what to do: {check.remedy}"), soft_wrap=True)


def check_machine(home: Home) -> Iterator[Check]:
    """The checks of a run on this machine with its settings."""
    try:
        settings = load_settings()
    except SettingsError as error:
        yield Check(
            "settings", "problem", str(error), "Correct these variables; see docs/settings.md."
        )
        return
    yield _settings(settings)
    local = home.settings(settings)
    yield from checked("disk", "Choose another --data.", lambda: [check_disk(home)])
    database = checked(
        "database",
        "The usual causes are a full disk, or a folder of another account."
        if is_embedded(local)
        else f"Check {PREFIX}DATABASE_URL or {PREFIX}CLOUD_SQL_INSTANCE, and that the server runs.",
        lambda: check_database(local, home),
    )
    found = list(database)
    yield from found
    yield from check_buckets(local)
    yield from checked(
        "topics",
        "Log in (gcloud auth application-default login) or give this account roles/pubsub.viewer, "
        f"and check {PREFIX}PROJECT.",
        lambda: check_topics(settings, home),
    )
    yield from checked(
        "speech",
        f"Set {PREFIX}WHISPER_MODEL to the folder of a Whisper model.",
        lambda: [check_speech(local)],
    )
    unreachable = any(check.name == "database" and check.state == "problem" for check in found)
    yield from _language_models(local, home, unreachable)
    yield from checked("ffmpeg", "Install ffmpeg 5 or newer.", lambda: [check_ffmpeg(local)])


def _language_models(local: Settings, home: Home, unreachable: bool) -> Iterator[Check]:
    name = "language model"
    if unreachable:
        found = "not checked, because the database that lists the models does not answer"
        yield Check(name, "warning", found, "Repair the database first.")
        return
    yield from checked(
        name,
        f"Correct {PREFIX}MODEL and {PREFIX}LLM_URL, or a row that videomoments models list shows.",
        lambda: check_models(local, home),
    )


def _settings(settings: Settings) -> Check:
    given = sorted(name for name in os.environ if name.startswith(PREFIX))
    known = {f"{PREFIX}{name.upper()}" for name in type(settings).model_fields}
    unknown = [name for name in given if name.upper() not in known and "_TEST_" not in name]
    if unknown:
        remedy = "Correct the name, or unset it; docs/settings.md lists all settings."
        return Check("settings", "warning", f"not known: {', '.join(unknown)}", remedy)
    said = ", ".join(name.removeprefix(PREFIX) for name in given) or "all at their defaults"
    return Check("settings", "ok", said)
