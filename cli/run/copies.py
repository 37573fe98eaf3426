"""`--out`: copies of the results under readable names."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryFile

from cli.run.requests import RequestedRun
from shared.domain.documents import Json
from shared.domain.names import slug
from shared.pipeline.context import Context


def check_out(out: Path) -> None:
    """Make the folder if it is missing. Raises OSError if it cannot be written."""
    out.mkdir(parents=True, exist_ok=True)
    with TemporaryFile(dir=out):
        pass


def folder_names(runs: Sequence[RequestedRun]) -> list[str]:
    """Each run's folder name: its file's name, numbered if another run has it."""
    owners: dict[str, str | None] = {}
    names: list[str] = []
    for run in runs:
        name, number = run.path.stem, 1
        if run.pipeline is None:
            # A refused file has no results, so it takes no name.
            names.append(name)
            continue
        while owners.setdefault(name, run.pipeline) != run.pipeline:
            number += 1
            name = f"{run.path.stem}-{number}"
        names.append(name)
    return names


def copy_results(context: Context, pipeline: Json, folder: Path) -> None:
    """Copy clips, thumbnails and `result.json` into the folder, over older copies."""
    if pipeline["video"] is None:
        return
    folder.mkdir(parents=True, exist_ok=True)
    numbers = {
        moment["identifier"]: f"{number:02d}-{slug(moment['title'])}"
        for number, moment in enumerate(pipeline["moments"], start=1)
    }
    for clip in pipeline["clips"]:
        _copy(context, clip["cloud_url"], folder / numbers[clip["moment"]])
    for picture in pipeline["thumbnails"]:
        name = numbers[picture["clip"]] if "clip" in picture else "thumbnail"
        _copy(context, picture["cloud_url"], folder / name)
    text = json.dumps(pipeline, ensure_ascii=False, indent=2)
    (folder / "result.json").write_text(text + "\n", encoding="utf-8")


def _copy(context: Context, url: str, target: Path) -> None:
    suffix = url.rpartition(".")[2]
    context.storage.download(url, target.with_name(f"{target.name}.{suffix}"))
