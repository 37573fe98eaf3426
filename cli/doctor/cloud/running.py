"""Check the schedule, the secrets' contents, the subscriptions, and waiting or dead messages."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from cli.doctor.checks import Check
from cli.doctor.cloud.google_rest import NoSuchResource
from cli.doctor.cloud.view import PUBSUB, SECRETS, View, resource_id, summed
from cli.report.quantities import count_words
from shared.domain.documents import Json

SCHEDULER = "https://cloudscheduler.googleapis.com/v1"
MONITORING = "https://monitoring.googleapis.com/v3"
# The schedule may be late, and Monitoring lags by some minutes.
LATE = timedelta(minutes=15)
OLD_SECONDS = 1800
DEAD_SINCE = timedelta(days=1)
METRIC = "pubsub.googleapis.com/subscription"


def check_schedule(view: View) -> Iterator[Check]:
    """The sweep's schedule; without it, lost work never resumes."""
    yield from summed("schedule", "it is enabled, and its last attempt succeeded", _schedule(view))


def check_secrets(view: View) -> Iterator[Check]:
    """Each secret has a version that is enabled."""
    count = len(view.deployment.secrets)
    yield from summed("secrets", f"{count} have a version" if count else "none", _secrets(view))


def check_messages(view: View) -> Iterator[Check]:
    """Subscriptions that get no messages, messages that wait too long, and dead letters."""
    yield from summed("messages", "none waits for long, none died in a day", _messages(view))


def _schedule(view: View) -> Iterator[Check]:
    job = view.deployment.sweep_job
    at = f"--project={view.deployment.project} --location={view.deployment.region}"
    found = view.api.find(f"{SCHEDULER}/{view.place_path}/jobs/{job}")
    if found is None:
        yield view.again("schedule", f"the job {job} does not exist")
        return
    if found.get("state") != "ENABLED":
        resume = f"gcloud scheduler jobs resume {job} {at}"
        yield Check("schedule", "problem", f"{job} is {found.get('state')}", resume)
        return
    if (wrong := _last_attempt(found)) is not None:
        yield Check("schedule", "problem", wrong, f"gcloud scheduler jobs run {job} {at}")


def _last_attempt(found: Json) -> str | None:
    status = found.get("status", {})
    if status.get("code"):
        return f"its last attempt failed: {status.get('message') or status['code']}"
    last = found.get("lastAttemptTime")
    if last is None:
        return "it has never run"
    if datetime.fromisoformat(last) < datetime.now(UTC) - LATE:
        return f"it last ran at {last}"
    return None


def _secrets(view: View) -> Iterator[Check]:
    project = view.deployment.project
    for variable, secret in view.deployment.secrets.items():
        name = f"secret {variable}"
        path = f"{SECRETS}/{view.project_path}/secrets/{secret.id}"
        versions = view.api.every(f"{path}/versions", "versions", filter="state:ENABLED")
        try:
            filled = next(versions, None) is not None
        except NoSuchResource:
            yield view.again(name, "does not exist")
            continue
        if not filled:
            fill = f"gcloud secrets versions add {secret.id} --project={project} --data-file=-"
            yield Check(name, "problem", "is empty", f'printf %s "$VALUE" | {fill}')


def _messages(view: View) -> Iterator[Check]:
    yield from _subscriptions(view)
    dead = f"{view.topology.dead_letter_topic}."
    ages = _series(view, "oldest_unacked_message_age", LATE, by=timedelta(minutes=1))
    for name, seconds in ages.items():
        function = next(s.function for s in view.topology.subscriptions if s.name == name)
        if seconds > OLD_SECONDS and function in view.deployment.functions:
            service = view.deployment.functions[function].service
            logs = f"gcloud run services logs read {service} {view.deployment.at} --limit=50"
            what = "dead letter" if name.startswith(dead) else "message"
            yield Check(
                f"subscription {name}",
                "problem",
                f"a {what} waits for {seconds / 60:.0f} minutes",
                logs,
            )
    died = _series(view, "dead_letter_message_count", DEAD_SINCE, by=DEAD_SINCE)
    if total := sum(died.values()):
        job = view.deployment.migration_job
        status = f"gcloud run jobs execute {job} {view.deployment.at} --wait --args=status"
        where = ", ".join(name for name, count in died.items() if count)
        said = f"{count_words(int(total), 'message')} became dead letters in a day: {where}"
        yield Check("dead letters", "warning", said, f"{status}   (writes why into its log)")


def _subscriptions(view: View) -> Iterator[Check]:
    """Each is there and active. Terraform does not see the state of a subscription."""
    url = f"{PUBSUB}/{view.project_path}/subscriptions"
    found = view.api.every(url, "subscriptions", pageSize=500)
    there = {resource_id(subscription["name"]): subscription for subscription in found}
    for name in (subscription.name for subscription in view.topology.subscriptions):
        if name not in there:
            yield view.again(f"subscription {name}", "does not exist")
        elif there[name].get("detached") or there[name].get("state", "ACTIVE") != "ACTIVE":
            said = "is detached or in error: it gets no messages"
            yield view.again(f"subscription {name}", said)


def _series(view: View, metric: str, period: timedelta, *, by: timedelta) -> dict[str, float]:
    """The metric's newest value for each of our subscriptions; its sum if `by` is a period."""
    now = datetime.now(UTC).replace(microsecond=0, tzinfo=None)
    ours = {subscription.name for subscription in view.topology.subscriptions}
    found = view.api.every(
        f"{MONITORING}/{view.project_path}/timeSeries",
        "timeSeries",
        filter=f'metric.type="{METRIC}/{metric}" AND resource.type="pubsub_subscription"',
        **{
            "interval.startTime": f"{(now - period).isoformat()}Z",
            "interval.endTime": f"{now.isoformat()}Z",
            "aggregation.alignmentPeriod": f"{by.total_seconds():.0f}s",
            "aggregation.perSeriesAligner": "ALIGN_MAX" if by < period else "ALIGN_SUM",
        },
    )
    values: dict[str, float] = {}
    for series in found:
        name = series["resource"]["labels"]["subscription_id"]
        if name in ours and series.get("points"):
            value = series["points"][0]["value"]
            number = float(value.get("int64Value", value.get("doubleValue", 0)))
            values[name] = values.get(name, 0.0) + number
    return values
