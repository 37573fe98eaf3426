"""What the commands' signatures share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

Data = Annotated[
    Path | None,
    typer.Option("--data", help="Folder for database and buckets; by default one of your own."),
]
AsJson = Annotated[bool, typer.Option("--json", help="One JSON document on stdout.")]
Video = Annotated[str, typer.Argument(help="A video's identifier, as `status` lists it.")]
