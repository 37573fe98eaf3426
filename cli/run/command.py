"""The `run` command."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from pydantic import ValidationError

from cli.arguments import AsJson, Data
from cli.local.home import Home
from shared.messages.base import PipelineType
from shared.messages.options import Options
from shared.settings.settings import Settings, load_settings

app = typer.Typer()


def _ordinary(files: list[Path]) -> list[Path]:
    for path in files:
        if not path.is_file():
            raise typer.BadParameter(f"{path} is a pipe or a device. Save it as a file first.")
    return files


@app.command(
    epilog="Example: videomoments run talk.mp4 --max-moments 5 --out results",
)
def run(
    files: Annotated[
        list[Path],
        typer.Argument(
            metavar="FILE…",
            exists=True,
            dir_okay=False,
            readable=True,
            callback=_ordinary,
            help="Videos or podcasts.",
        ),
    ],
    data: Data = None,
    out: Annotated[
        Path | None, typer.Option(file_okay=False, help="Folder to copy the results to.")
    ] = None,
    pipeline_type: Annotated[
        PipelineType,
        typer.Option(
            help="Everything; moments without clips; only missing clips; or new scores for "
            "existing moments."
        ),
    ] = "full",
    padding_left: Annotated[
        float | None, typer.Option(min=0, metavar="S", help="Seconds shown before a moment.")
    ] = None,
    padding_right: Annotated[
        float | None, typer.Option(min=0, metavar="S", help="Seconds shown after a moment.")
    ] = None,
    min_length: Annotated[
        float | None, typer.Option(metavar="S", help="Shortest moment, in seconds.")
    ] = None,
    max_length: Annotated[
        float | None, typer.Option(metavar="S", help="Longest moment, in seconds.")
    ] = None,
    min_moments: Annotated[int | None, typer.Option(min=0, help="Fewest moments.")] = None,
    max_moments: Annotated[int | None, typer.Option(min=1, help="Most moments.")] = None,
    prompt: Annotated[
        str | None,
        typer.Option(metavar="TEXT", help="The moments you want; needs a model."),
    ] = None,
    model: Annotated[
        str | None,
        typer.Option(
            metavar="NAME", help="Language model that finds moments; `extractive` uses none."
        ),
    ] = None,
    kind: Annotated[
        str | None,
        typer.Option(metavar="KIND", help="talk, podcast, lesson, meeting, sport or your own."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Find the moments of FILEs and cut them, on this machine.

    The command needs nothing else: database, bucket and topics are built in. Run it again on the
    same file to reuse finished work or to continue a killed run. Progress goes to stderr.
    Exit code 0: all runs completed; 1: a run is partial or failed; 2: the command line is wrong.
    """
    from cli.run.run import RunRequest
    from cli.run.run import run as run_files

    settings = load_settings()
    options = _options(
        settings,
        padding_left_seconds=padding_left,
        padding_right_seconds=padding_right,
        min_moment_length_seconds=min_length,
        max_moment_length_seconds=max_length,
        min_moments=min_moments,
        max_moments=max_moments,
        prompt=prompt,
        model=model,
        kind=kind,
    )
    request = RunRequest(files, Home.of(data), out, pipeline_type, options, as_json)
    raise typer.Exit(run_files(settings, request))


def _options(settings: Settings, **asked: float | str | None) -> Options:
    """The options as given. Raises `BadParameter` when the run could not be admitted with them."""
    try:
        options = Options.model_validate(asked)
        settings.resolve(options)
        return options
    except ValidationError as error:
        problems = "; ".join(
            f"{'.'.join(str(part) for part in problem['loc'])} {problem['msg']}".strip()
            for problem in error.errors()
        )
        raise typer.BadParameter(problems.replace("Value error, ", "")) from None
