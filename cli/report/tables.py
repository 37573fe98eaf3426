"""Results for people: a table of moments, and the paths of clips and thumbnails."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console
from rich.table import Table
from rich.text import Text

from shared.db.models import RunStatus
from shared.domain.documents import Json
from shared.storage.urls import path_of


def clock_time(seconds: float) -> str:
    """`1:02:03.4`, or `2:03.4` within the first hour."""
    tenths = round(seconds * 10)
    minutes, rest = divmod(tenths, 600)
    hours, minutes = divmod(minutes, 60)
    tail = f"{minutes:02d}:{rest / 10:04.1f}" if hours else f"{minutes}:{rest / 10:04.1f}"
    return f"{hours}:{tail}" if hours else tail


def location(url: str) -> str:
    """An object's path if it lies on this machine, else its URL."""
    path = path_of(url)
    return str(path) if path is not None else url


def show(console: Console, name: str, pipeline: Json, notes: Sequence[str]) -> None:
    """Print one run: its summary and notes, its moments with clips, and its other files."""
    clips = {clip["moment"]: clip for clip in pipeline["clips"]}
    console.print(Text(f"{name}: {_headline(pipeline)}", style="bold"))
    for note in notes:
        console.print(Text(note), soft_wrap=True)
    if pipeline["moments"]:
        table = Table(show_edge=False, pad_edge=False)
        for column, justify in (("Time", "right"), ("Score", "right"), ("Title", "left")):
            table.add_column(column, justify="right" if justify == "right" else "left")
        for moment in pipeline["moments"]:
            span = f"{clock_time(moment['start_time'])}–{clock_time(moment['end_time'])}"
            score = "" if moment["score"] is None else str(moment["score"])
            # A refined moment stands beside its parent, which has the clip.
            title = f"↳ {moment['title']}" if moment["is_refined"] else moment["title"]
            table.add_row(span, score, Text(title))
        console.print(table)
    thumbnails = {picture.get("clip"): picture for picture in pipeline["thumbnails"]}
    lines = []
    for moment in pipeline["moments"]:
        clip, picture = clips.get(moment["identifier"]), thumbnails.get(moment["identifier"])
        lines += [f"clip       {location(clip['cloud_url'])}"] if clip else []
        lines += [f"thumbnail  {location(picture['cloud_url'])}"] if picture else []
    if None in thumbnails:
        lines.append(f"thumbnail  {location(thumbnails[None]['cloud_url'])}")
    for line in lines:
        console.print(Text(line), soft_wrap=True)


def _headline(pipeline: Json) -> str:
    video, transcript = pipeline["video"], pipeline["transcript"]
    parts = [pipeline["status"]]
    if video is not None and video["duration_seconds"] is not None:
        parts.append(clock_time(video["duration_seconds"]))
    if transcript is not None:
        service, words = transcript["transcription_service"], transcript["number_of_words"]
        parts.append(f"{words} words ({transcript['language']}, by {service})")
    moments = sum(not moment["is_refined"] for moment in pipeline["moments"])
    clips = len(pipeline["clips"])
    parts.append(f"{moments} moment{'s' * (moments != 1)}, {clips} clip{'s' * (clips != 1)}")
    return ", ".join(parts)


def reason_line(name: str, pipeline: Json) -> str | None:
    """Why a run did not complete, in one line; None if it did."""
    if pipeline["status"] == RunStatus.COMPLETED:
        return None
    stage = pipeline["error_stage"] or "pipeline"
    message = " ".join((pipeline["error_message"] or "unknown reason").split())
    return f"{name}: {pipeline['status']} at {stage}: {message}"
