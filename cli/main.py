"""The `videomoments` command."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Literal

import typer
from pydantic import ValidationError

from cli.home import Home
from shared.errors import VideoMomentsError
from shared.messages import Options, PipelineType
from shared.settings import Settings, load_settings

app = typer.Typer(
    name="videomoments",
    help="Drop a video in; get its transcript, its best moments, a clip of each and thumbnails.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
database_app = typer.Typer(help="The database and its migrations.", no_args_is_help=True)
app.add_typer(database_app, name="db")

Data = Annotated[
    Path | None,
    typer.Option("--data", help="Folder for database and buckets; by default one of your own."),
]
AsJson = Annotated[bool, typer.Option("--json", help="One JSON document on stdout.")]


def main() -> None:
    """The entry point: an error raised on purpose is one line on stderr and exit code 1."""
    try:
        app()
    except VideoMomentsError as error:
        print(f"videomoments: {error}", file=sys.stderr)  # noqa: T201
        sys.exit(1)
    except KeyboardInterrupt:
        print("videomoments: stopped; the same command goes on.", file=sys.stderr)  # noqa: T201
        sys.exit(130)


def settings_or_exit() -> Settings:
    """The settings of this environment; the command ends when they are wrong."""
    return load_settings()


@app.command(
    epilog="Example: videomoments run talk.mp4 --max-moments 5 --out results",
)
def run(
    files: Annotated[
        list[Path],
        typer.Argument(
            metavar="FILE…", exists=True, dir_okay=False, readable=True, help="Videos or podcasts."
        ),
    ],
    data: Data = None,
    out: Annotated[
        Path | None, typer.Option(file_okay=False, help="Folder to copy the results to.")
    ] = None,
    pipeline_type: Annotated[
        Literal["full", "moments_only", "clips_only"],
        typer.Option(help="Everything, no clips, or only the clips that are missing."),
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
    as_json: AsJson = False,
) -> None:
    """Find the moments of FILEs and cut them, on this machine.

    Nothing else is needed: database, bucket and topics are inside. The same file again reuses
    what is done; a run that was killed goes on. Progress goes to stderr. Exit code 0: all
    completed; 1: one is partial or failed; 2: the command line is wrong.
    """
    from cli.run import RunRequest
    from cli.run import run as run_files

    settings = settings_or_exit()
    options = _options(
        settings,
        padding_left_seconds=padding_left,
        padding_right_seconds=padding_right,
        min_moment_length_seconds=min_length,
        max_moment_length_seconds=max_length,
        min_moments=min_moments,
        max_moments=max_moments,
    )
    request = RunRequest(files, Home.of(data), out, _type(pipeline_type), options, as_json)
    raise typer.Exit(run_files(settings, request))


def _type(name: str) -> PipelineType:
    return "full" if name == "full" else "clips_only" if name == "clips_only" else "moments_only"


def _options(settings: Settings, **asked: float | None) -> Options:
    """The options with every gap filled; a clash is a wrong command line."""
    try:
        return settings.resolve(Options.model_validate(asked))
    except ValidationError as error:
        problems = "; ".join(
            f"{'.'.join(str(part) for part in problem['loc'])} {problem['msg']}".strip()
            for problem in error.errors()
        )
        raise typer.BadParameter(problems.replace("Value error, ", "")) from None


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
    """Run the local cloud: every function a server, fed by topics, until Ctrl-C.

    Copying a video into the upload folder is its finalize event. Messages go through the official
    Pub/Sub emulator where it is installed (or PUBSUB_EMULATOR_HOST names one), else through topics
    inside this process.
    """
    from cli.dev import DevRequest
    from cli.dev import dev as run_dev

    request = DevRequest(Home.of(data), port_base, emulator)
    raise typer.Exit(run_dev(settings_or_exit(), request))


@app.command(epilog="Example: videomoments status talk-1a2b3c4d5e --json")
def status(
    video: Annotated[
        str | None, typer.Argument(help="A video's identifier; without it, all runs.")
    ] = None,
    data: Data = None,
    as_json: AsJson = False,
) -> None:
    """Show how runs stand: all of them, or one video's with each of its stages."""
    from cli.status import show_status

    raise typer.Exit(show_status(settings_or_exit(), Home.of(data), video, as_json=as_json))


@app.command(
    epilog="Example: videomoments publish pipeline-requested "
    """'{"video": "talk-1a2b3c4d5e", "pipeline_type": "moments_only"}'"""
)
def publish(
    topic: Annotated[str, typer.Argument(help="The topic's name.")],
    message: Annotated[str, typer.Argument(metavar="JSON", help="The message, as JSON.")],
    data: Data = None,
) -> None:
    """Publish a message: to Pub/Sub where a project is set, else to this machine's functions."""
    from cli.publish import publish_message

    raise typer.Exit(publish_message(settings_or_exit(), Home.of(data), topic, message))


@app.command(epilog="Example: videomoments topology --markdown")
def topology(
    as_json: AsJson = False,
    markdown: Annotated[bool, typer.Option("--markdown", help="As docs/pipeline.md.")] = False,
    terraform: Annotated[
        bool, typer.Option("--terraform", help="As infra/terraform/topology.auto.tfvars.json.")
    ] = False,
) -> None:
    """Show every function: what it consumes and emits, and what it may take."""
    from cli.topology import show_topology

    show_topology(as_json=as_json, as_markdown=markdown, as_terraform=terraform)


@database_app.command("upgrade", epilog="Example: videomoments db upgrade")
def database_upgrade(data: Data = None) -> None:
    """Bring the database to this version's schema."""
    from cli.status import upgrade_database

    upgrade_database(settings_or_exit(), Home.of(data))


@database_app.command("current", epilog="Example: videomoments db current")
def database_current(data: Data = None) -> None:
    """Show the database's schema version, and this version's."""
    from cli.status import show_revision

    show_revision(settings_or_exit(), Home.of(data))
