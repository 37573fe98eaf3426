"""Runs the `videomoments` command as a user does: in a process of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from urllib.parse import unquote

from shared.domain.documents import Json
from shared.domain.media_info import MediaInfo
from shared.media.input import LocalInput
from shared.media.probe import probe
from shared.media.sandbox.runner import Limits, Sandbox
from tests.support.patience import PATIENCE_SECONDS

SAMPLE = Path(__file__).parents[3] / "tools" / "sample" / "three-topics.mp4"
CUES = (
    (0.5, 5.5, "The tide turns twice a day because the moon pulls the sea."),
    (5.6, 11.0, "Sailors read the tide tables before they leave the harbour."),
)


def environment(**settings: str) -> dict[str, str]:
    """This process's environment with these settings only and offline speech."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith("VIDEOMOMENTS_")}
    return {
        **kept,
        "VIDEOMOMENTS_SPEECH_ENGINE": "offline",
        **{f"VIDEOMOMENTS_{name.upper()}": value for name, value in settings.items()},
    }


def command(*arguments: str | Path) -> list[str]:
    """The command line of the installed command."""
    return [
        str(Path(sys.executable).with_name("videomoments")),
        *(str(argument) for argument in arguments),
    ]


def videomoments(
    *arguments: str | Path, env: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """Run the command to its end."""
    return subprocess.run(
        command(*arguments),
        capture_output=True,
        text=True,
        check=False,
        stdin=subprocess.DEVNULL,
        env=dict(env or environment()),
    )


def run_json(
    *arguments: str | Path, env: Mapping[str, str] | None = None, expect: int = 0
) -> list[Json]:
    """The pipelines of `videomoments run --json …`; asserts the exit code."""
    done = videomoments("run", "--json", *arguments, env=env)
    assert done.returncode == expect, done.stderr
    pipelines: list[Json] = json.loads(done.stdout)["pipelines"]
    return pipelines


def local_file(url: str) -> Path:
    """The file of a file:// URL."""
    assert url.startswith("file:///"), url
    return Path(unquote(url.removeprefix("file://")))


def probed(url: str) -> MediaInfo:
    """The media facts of the file at that URL."""
    path = local_file(url)
    assert path.stat().st_size > 0
    return probe(LocalInput(path), sandbox=Sandbox(Limits(), PATIENCE_SECONDS))


def write_cues(path: Path, cues: Iterable[tuple[float, float, str]] = CUES) -> None:
    """An .srt file with these cues."""
    blocks = [
        f"{number}\n{_stamp(start)} --> {_stamp(end)}\n{text}\n"
        for number, (start, end, text) in enumerate(cues, start=1)
    ]
    path.write_text("\n".join(blocks), encoding="utf-8")


def _stamp(seconds: float) -> str:
    milliseconds = round(seconds * 1000)
    minutes, milliseconds = divmod(milliseconds, 60_000)
    hours, minutes = divmod(minutes, 60)
    return f"{hours:02d}:{minutes:02d}:{milliseconds // 1000:02d},{milliseconds % 1000:03d}"


def check_outputs(pipeline: Json) -> None:
    """Assert that every clip and thumbnail exists and equals its row."""
    moments = {moment["identifier"]: moment for moment in pipeline["moments"]}
    duration = pipeline["video"]["duration_seconds"]
    for clip in pipeline["clips"]:
        moment, info = moments[clip["moment"]], probed(clip["cloud_url"])
        length = clip["end_time"] - clip["start_time"]
        assert abs(info.duration_seconds - length) < 0.15, (clip, info)
        assert 0 <= clip["start_time"] <= moment["start_time"] + 0.05
        assert moment["end_time"] - 0.05 <= clip["end_time"] <= duration + 0.05
        assert abs(moment["start_time"] - clip["start_time"] - clip["padding_left"]) < 0.05
        assert abs(clip["end_time"] - moment["end_time"] - clip["padding_right"]) < 0.05
        assert info.resolution == clip["resolution"]
    for thumbnail in pipeline["thumbnails"]:
        assert local_file(thumbnail["cloud_url"]).read_bytes()[:3] == b"\xff\xd8\xff"
