"""The `eval` command."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from cli.arguments import AsJson, Data
from cli.local.home import Home
from shared.settings.settings import load_settings

app = typer.Typer()


@app.command(
    name="eval",
    epilog="Example: videomoments eval set.json --config short=extractive,max_length=60 "
    "--fail-under recall@0.5=0.6",
)
def evaluate(
    labelled_set: Annotated[
        Path,
        typer.Argument(
            metavar="SET.json",
            exists=True,
            dir_okay=False,
            readable=True,
            help="Recordings or transcripts with people's labels (docs/labelled-sets.md).",
        ),
    ],
    config: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME=METHOD[,KEY=VALUE…]",
            help="A generator: extractive, or model with model=NAME and, as you like, prompt_set, "
            "prompt, window_tokens, overlap_tokens, temperature, refine=yes and more "
            "(docs/labelled-sets.md); for both min_length, max_length, min_moments, max_moments. "
            "May be given more than once.",
        ),
    ] = None,
    fail_under: Annotated[
        list[str] | None,
        typer.Option(
            metavar="[NAME:]METRIC=VALUE", help="Exit with code 1 if a total is worse than this."
        ),
    ] = None,
    diff: Annotated[
        tuple[str, str] | None,
        typer.Option(metavar="NAME NAME", help="Also show how the second differs from the first."),
    ] = None,
    baselines: Annotated[
        bool, typer.Option(help="Equal cuts, random cuts and TextTiling in the same table.")
    ] = True,
    data: Data = None,
    as_json: AsJson = False,
) -> None:
    """Measure generators on a labelled set: recall, precision, IoU, Pk, WindowDiff, cost, time.

    The ordinary stages transcribe media first, and the functions themselves ask models, within the
    budget. Only equal and random cuts know the true number of topics. Exit code 1 if a limit is
    broken or an item failed.
    """
    from cli.evaluation.evaluate import EvalRequest
    from cli.evaluation.evaluate import evaluate as run_eval

    request = EvalRequest(
        labelled_set, config or [], fail_under or [], diff, baselines, as_json, Home.of(data)
    )
    raise typer.Exit(run_eval(load_settings(), request))
