"""Check the two buckets: private, cleaned, granted, and notifying of uploads."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from cli.doctor.checks import Check
from cli.doctor.cloud.policies import Policy, account
from cli.doctor.cloud.view import View, summed
from shared.domain.documents import Json
from shared.messages.videos import VideoUploaded
from shared.pipeline.stage import Need

STORAGE = "https://storage.googleapis.com/storage/v1"
TEMPORARY = "temporary/"


def check_buckets(view: View) -> Iterator[Check]:
    """Functions read uploads and write derived objects."""
    yield from summed("buckets", "both are private, and kept clean", _buckets(view))


def check_notification(view: View) -> Iterator[Check]:
    """The bucket must notify its topic of uploads, or no run starts."""
    well = f"uploads are told to {VideoUploaded.topic}"
    yield from summed("notification", well, _notification(view))


def _buckets(view: View) -> Iterator[Check]:
    deployment = view.deployment
    needs: tuple[tuple[str, Need, str], ...] = (
        (deployment.upload_bucket, "uploads", "roles/storage.objectViewer"),
        (deployment.derived_bucket, "derived", "roles/storage.objectUser"),
    )
    for bucket, need, role in needs:
        name = f"bucket {bucket}"
        found = view.api.find(f"{STORAGE}/b/{bucket}")
        if found is None:
            yield view.again(name, "is not there")
            continue
        yield from _closed(name, bucket, found)
        if bucket == deployment.derived_bucket and not _is_cleaned(found):
            yield view.again(name, f"what is left under {TEMPORARY} is never deleted")
        members = [
            account(deployment.functions[function.name].account)
            for function in view.deployed()
            if need in function.needs
        ]
        yield from _granted(view, name, bucket, ((member, role) for member in members))


def _closed(name: str, bucket: str, found: Json) -> Iterator[Check]:
    update = f"gcloud storage buckets update gs://{bucket}"
    access = found.get("iamConfiguration", {})
    if not access.get("uniformBucketLevelAccess", {}).get("enabled"):
        command = f"{update} --uniform-bucket-level-access"
        yield Check(name, "problem", "lets single objects have access lists of their own", command)
    if access.get("publicAccessPrevention") != "enforced":
        command = f"{update} --public-access-prevention"
        yield Check(name, "problem", "may be made public", command)


def _is_cleaned(found: Json) -> bool:
    rules = found.get("lifecycle", {}).get("rule", [])
    return any(
        rule.get("action", {}).get("type") == "Delete"
        and TEMPORARY in rule.get("condition", {}).get("matchesPrefix", [])
        for rule in rules
    )


def _granted(
    view: View, name: str, bucket: str, wanted: Iterable[tuple[str, str]]
) -> Iterator[Check]:
    answer = view.api.get(f"{STORAGE}/b/{bucket}/iam", optionsRequestedPolicyVersion=3)
    policy = Policy.of(answer, name, "storage buckets", f"gs://{bucket}")
    yield from policy.lacking(wanted)
    yield from policy.open_to_all()


def _notification(view: View) -> Iterator[Check]:
    bucket = view.deployment.upload_bucket
    found = view.api.find(f"{STORAGE}/b/{bucket}/notificationConfigs")
    if found is None:
        return  # another check reports the missing bucket
    topic = f"//pubsub.googleapis.com/{view.project_path}/topics/{VideoUploaded.topic}"
    ours = [item for item in found.get("items", []) if item.get("topic") == topic]
    if not any(_tells_all(item) for item in ours):
        what = "tell only of some objects" if ours else "are told to nobody"
        yield view.again("notification", f"uploads to {bucket} {what}")


def _tells_all(item: Json) -> bool:
    kinds = item.get("event_types")
    return (not kinds or "OBJECT_FINALIZE" in kinds) and not item.get("object_name_prefix")
