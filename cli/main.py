"""The `videomoments` command."""

from __future__ import annotations

import io
import sys
from typing import Annotated, Literal

import typer

from cli.arguments import Data
from cli.evaluation import command as commands_eval
from cli.failures import one_line
from cli.insight import command as commands_insight
from cli.local.home import Home
from cli.models import command as commands_models
from cli.repair import command as commands_repair
from cli.run import command as commands_run
from shared.errors import VideoMomentsError
from shared.settings.settings import load_settings

app = typer.Typer(
    name="videomoments",
    help="Drop a video in; get its transcript, its best moments, a clip of each and thumbnails.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)

INTERRUPTED = 130
"""Typer's exit code for Ctrl-C."""


def main() -> None:
    """The entry point. An error that the user can fix is one line on stderr and exit code 1."""
    _write_everything()
    try:
        app()
    except VideoMomentsError as error:
        print(f"videomoments: {error}", file=sys.stderr)  # noqa: T201
        sys.exit(1)
    except SystemExit as ended:
        if ended.code == INTERRUPTED:
            print("videomoments: stopped; the same command goes on.", file=sys.stderr)  # noqa: T201
        raise
    except Exception as error:
        line = one_line(error)
        if line is None:
            raise
        print(f"videomoments: {line}", file=sys.stderr)  # noqa: T201
        sys.exit(1)


def _write_everything() -> None:
    """Escape characters that the terminal cannot show, and file names that are not text."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


@app.command(epilog="Example: videomoments dev --data ./local-cloud")
def dev(
    data: Data = None,
    port_base: Annotated[
        int | None,
        typer.Option(min=1, max=65000, metavar="N", help="First of the functions' ports."),
    ] = None,
    emulator: Annotated[
        Literal["auto", "never", "always"],
        typer.Option(help="The official Pub/Sub emulator: where found, never, or an error."),
    ] = "auto",
) -> None:
    """Run the local cloud until Ctrl-C: every function is a server, fed by topics.

    Copying a video into the upload folder is its finalize event. Messages go through the official
    Pub/Sub emulator if it is installed or PUBSUB_EMULATOR_HOST names one, else through topics
    inside this process.
    """
    from cli.dev.command import DevRequest
    from cli.dev.command import dev as run_dev

    request = DevRequest(Home.of(data), port_base, emulator)
    raise typer.Exit(run_dev(load_settings(), request))


app.add_typer(commands_run.app)
app.add_typer(commands_insight.app)
app.add_typer(commands_eval.app)
app.add_typer(commands_models.app)
app.add_typer(commands_models.models_app, name="models")
app.add_typer(commands_repair.app)
app.add_typer(commands_repair.database_app, name="db")
