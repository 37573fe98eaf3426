"""Commands that only read: status, explain, doctor, topology."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from cli.arguments import AsJson, Data, Video
from cli.local.home import Home
from shared.settings.settings import load_settings

app = typer.Typer()


@app.command(epilog="Example: videomoments status talk-1a2b3c4d5e --json")
def status(
    video: Annotated[
        str | None, typer.Argument(help="A video's identifier; without it, all runs.")
    ] = None,
    data: Data = None,
    as_json: AsJson = False,
    forget: Annotated[
        bool,
        typer.Option("--forget-failures", help="Delete failures outside any run once shown."),
    ] = False,
) -> None:
    """Show the state of all runs, or of one video's runs and their stages.

    Without a video, also show failures outside any run, including dead letters, and unfinished
    deletions.
    """
    from cli.insight.status import show_status

    if video is not None and forget:
        raise typer.BadParameter("--forget-failures goes without a video")
    home = Home.of(data)
    code = show_status(load_settings(), home, video, as_json=as_json, forget=forget)
    raise typer.Exit(code)


@app.command(epilog="Example: videomoments explain talk-1a2b3c4d5e")
def explain(video: Video, data: Data = None) -> None:
    """Explain in plain words where a video stands, what failed, why, and what to do."""
    from cli.insight.explain import explain_video

    raise typer.Exit(explain_video(load_settings(), Home.of(data), video))


@app.command(epilog="Example: videomoments doctor --cloud --project my-project")
def doctor(
    data: Data = None,
    as_json: AsJson = False,
    cloud: Annotated[
        bool, typer.Option("--cloud", help="Check a deployment on Google Cloud instead.")
    ] = False,
    project: Annotated[
        str | None,
        typer.Option(help="Its project; default: that of the settings, else of the credentials."),
    ] = None,
    name: Annotated[
        str | None, typer.Option(help="The prefix of its deployment; default: vm.")
    ] = None,
    outputs: Annotated[
        Path | None,
        typer.Option(help="File that `terraform output -json` wrote; default: read its bucket."),
    ] = None,
) -> None:
    """Check everything a run needs, and name a remedy for each fault.

    Settings, disk, database, buckets, topics, dead letters, speech model, language models, ffmpeg.
    With --cloud, by application-default credentials: Cloud SQL, migration, services, secrets,
    schedule, messages that wait or died, public access, and the configuration by `terraform plan`.
    The command installs, migrates, downloads and changes nothing. Exit code 1 if there is a fault.
    """
    from cli.doctor.machine import check_machine, show_checks

    if not cloud:
        for option, value in (("--project", project), ("--name", name), ("--outputs", outputs)):
            if value is not None:
                raise typer.BadParameter(f"{option} goes with --cloud")
        raise typer.Exit(show_checks(check_machine(Home.of(data)), as_json=as_json))
    if data is not None:
        raise typer.BadParameter("--data goes without --cloud")
    from cli.doctor.cloud.examine import CloudRequest, examine

    if outputs is None:
        project = project or load_settings().project
    elif name is not None:
        raise typer.BadParameter("--name goes without --outputs, which say it themselves")
    request = CloudRequest(project, name or "vm", outputs)
    raise typer.Exit(show_checks(examine(request), as_json=as_json))


@app.command(epilog="Example: videomoments topology --markdown")
def topology(
    as_json: AsJson = False,
    markdown: Annotated[bool, typer.Option("--markdown", help="As docs/pipeline.md.")] = False,
    terraform: Annotated[
        bool, typer.Option("--terraform", help="As infra/terraform/topology.auto.tfvars.json.")
    ] = False,
) -> None:
    """Show every function: its messages and its resources."""
    from cli.insight.topology import show_topology

    show_topology(as_json=as_json, as_markdown=markdown, as_terraform=terraform)
