"""Check Cloud SQL: running, backed up last time, and migrated by this deployment."""

from __future__ import annotations

from collections.abc import Iterator

from cli.doctor.checks import Check
from cli.doctor.cloud.view import RUN, View, resource_id, summed
from shared.domain.documents import Json

SQL = "https://sqladmin.googleapis.com/v1"
MIGRATES = ["db", "upgrade"]


def check_database(view: View) -> Iterator[Check]:
    """The instance and its last backup."""
    instance = view.deployment.database_instance
    well = f"{instance} runs, and its last backup did not fail"
    yield from summed("database", well, _database(view))


def check_migration(view: View) -> Iterator[Check]:
    """The schema is at head if this deployment's migration job succeeded."""
    well = "the job has ended well with the images that run"
    yield from summed("migration", well, _migration(view))


def _database(view: View) -> Iterator[Check]:
    instance = view.deployment.database_instance
    url = f"{SQL}/{view.project_path}/instances/{instance}"
    found = view.api.find(url)
    if found is None:
        yield view.again("database", f"the instance {instance} does not exist")
        return
    settings = found.get("settings", {})
    stopped = settings.get("activationPolicy", "ALWAYS") != "ALWAYS"
    if stopped or found.get("state") != "RUNNABLE":
        yield _stopped(view, found, stopped=stopped)
        return
    yield from _last_backup(view, url)


def _stopped(view: View, found: Json, *, stopped: bool) -> Check:
    instance, project = view.deployment.database_instance, view.deployment.project
    if stopped:
        start = (
            f"gcloud sql instances patch {instance} --project={project} --activation-policy=ALWAYS"
        )
        return Check("database", "problem", f"{instance} was stopped", start)
    state = found.get("state", "UNKNOWN")
    look = f"gcloud sql operations list --instance={instance} --project={project}"
    return Check("database", "problem", f"{instance} does not run: {state}", look)


def _last_backup(view: View, url: str) -> Iterator[Check]:
    runs = view.api.get(f"{url}/backupRuns", maxResults=1).get("items", [])
    if runs and runs[0].get("status") == "FAILED":
        instance = view.deployment.database_instance
        at = f"--instance={instance} --project={view.deployment.project}"
        why = runs[0].get("error", {}).get("message", "it does not say why")
        remedy = f"gcloud sql backups create {at}"
        yield Check("database", "warning", f"its last backup failed: {why}", remedy)


def _migration(view: View) -> Iterator[Check]:
    job = view.deployment.migration_job
    command = f"gcloud run jobs execute {job} {view.deployment.at} --wait"
    path = f"{RUN}/{view.place_path}/jobs/{job}"
    if view.api.find(path) is None:
        yield view.again("migration", f"the job {job} does not exist")
        return
    # The same job also runs `status`; only the newest execution that migrated counts.
    runs = (run for run in view.api.every(f"{path}/executions", "executions") if _migrates(run))
    newest = max(runs, key=lambda run: str(run.get("createTime")), default=None)
    if newest is None:
        yield Check("migration", "problem", "was never run: the database has no tables", command)
        return
    yield from _last_run(view, newest, command)


def _last_run(view: View, newest: Json, command: str) -> Iterator[Check]:
    name = resource_id(newest["name"])
    state, why = _ended(newest)
    image = newest["template"]["containers"][0].get("image")
    if state == "CONDITION_FAILED":
        look = f"gcloud run jobs executions describe {name} {view.deployment.at}"
        said = f"{name} failed: {why or 'it does not say why'}"
        yield Check("migration", "problem", said, f"{look}   then: {command}")
    elif state != "CONDITION_SUCCEEDED":
        yield Check("migration", "warning", f"{name} is not done yet", "Wait, then check again.")
    elif image != view.deployment.images["media"]:
        said = f"last ran with {image}, not with the image of the services"
        yield Check("migration", "problem", said, command)


def _migrates(execution: Json) -> bool:
    containers = execution.get("template", {}).get("containers") or [{}]
    return bool(containers[0].get("args", [])[:2] == MIGRATES)


def _ended(execution: Json) -> tuple[str | None, str | None]:
    for condition in execution.get("conditions", []):
        if condition.get("type") == "Completed":
            return condition.get("state"), condition.get("message")
    return None, None
