"""Commands that change things: publish, retry, delete, gc and db."""

from __future__ import annotations

from typing import Annotated

import typer

from cli.arguments import AsJson, Data, Video
from cli.local.home import Home
from shared.settings.settings import load_settings

app = typer.Typer()
database_app = typer.Typer(help="The database and its migrations.", no_args_is_help=True)


@app.command(
    epilog="Example: videomoments publish pipeline-requested "
    """'{"video": "talk-1a2b3c4d5e", "pipeline_type": "moments_only"}'"""
)
def publish(
    topic: Annotated[str, typer.Argument(help="The topic's name.")],
    message: Annotated[str, typer.Argument(metavar="JSON", help="The message, as JSON.")],
    data: Data = None,
) -> None:
    """Publish a message to Pub/Sub if a project is set, else to this machine's functions."""
    from cli.repair.publish import publish_message

    raise typer.Exit(publish_message(load_settings(), Home.of(data), topic, message))


@app.command(epilog="Example: videomoments retry talk-1a2b3c4d5e --stage cut_clip")
def retry(
    video: Video,
    stage: Annotated[
        str | None, typer.Option(metavar="STAGE", help="Only repeat this stage.")
    ] = None,
    data: Data = None,
) -> None:
    """Repeat the failed steps of a video's ended runs, and no completed ones.

    The command returns at once if functions run elsewhere. Otherwise it waits, and exit code 1
    says that a run is still partial or failed.
    """
    from cli.repair.retry import retry_video

    raise typer.Exit(retry_video(load_settings(), Home.of(data), video, stage))


@app.command(epilog="Example: videomoments delete talk-1a2b3c4d5e --with-source")
def delete(
    video: Video,
    with_source: Annotated[
        bool,
        typer.Option(
            "--with-source",
            help="Also delete the uploaded file and the subtitles beside it.",
        ),
    ] = False,
    data: Data = None,
) -> None:
    """Delete a video: its runs, transcript, moments, clips and thumbnails.

    Running stages stop. Run the command again to continue an interrupted deletion.
    """
    from cli.repair.delete import delete_one

    raise typer.Exit(delete_one(load_settings(), Home.of(data), video, with_source=with_source))


@app.command(epilog="Example: videomoments gc --dry-run --grace-hours 48")
def gc(
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="List the objects, delete nothing.")
    ] = False,
    grace_hours: Annotated[
        float, typer.Option(min=0, metavar="N", help="Keep objects younger than N hours.")
    ] = 24.0,
    data: Data = None,
    as_json: AsJson = False,
) -> None:
    """Delete clips, thumbnails and slices in the derived bucket that no row names.

    Killed workers leave such objects. The command never touches objects with other names than
    the functions give.
    """
    from cli.repair.gc import collect_garbage

    home = Home.of(data)
    code = collect_garbage(
        load_settings(), home, grace_hours=grace_hours, dry_run=dry_run, as_json=as_json
    )
    raise typer.Exit(code)


@database_app.command("upgrade", epilog="Example: videomoments db upgrade")
def database_upgrade(
    data: Data = None,
    grant_to: Annotated[
        list[str] | None,
        typer.Option(metavar="USER", help="Let this database user read and write; repeatable."),
    ] = None,
) -> None:
    """Migrate the database to this version's schema."""
    from cli.local.database import upgrade_database

    upgrade_database(load_settings(), Home.of(data), grant_to or ())


@database_app.command("current", epilog="Example: videomoments db current")
def database_current(data: Data = None) -> None:
    """Show the database's schema revision and the newest one."""
    from cli.local.database import show_revision

    show_revision(load_settings(), Home.of(data))
