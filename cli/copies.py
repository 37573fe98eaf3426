"""`--out`: copies of the results, named for people."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from shared.domain.names import slug
from shared.pipeline.context import Context

Json = dict[str, Any]


def copy_results(context: Context, pipeline: Json, out: Path, stem: str) -> None:
    """Clips, thumbnails and `result.json` into `out/<name of the file>/`; older copies give way."""
    if pipeline["video"] is None:
        return
    folder = out / stem
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
