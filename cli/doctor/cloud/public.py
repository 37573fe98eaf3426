"""Find what is granted to everybody. Terraform does not see grants that it did not make."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from cli.doctor.checks import Check
from cli.doctor.cloud.google_rest import NoSuchResource
from cli.doctor.cloud.view import PUBSUB, RUN, SECRETS, View, summed
from shared.domain.documents import Json

IAM = "https://iam.googleapis.com/v1"
RESOURCES = "https://cloudresourcemanager.googleapis.com/v3"
EVERYBODY = ("allUsers", "allAuthenticatedUsers")


class _Place(NamedTuple):
    """A resource with a policy: our name, gcloud's group, resource and flags, and its address."""

    name: str
    group: str
    resource: str
    flags: str
    url: str


def check_public(view: View) -> Iterator[Check]:
    """Grants to everybody. The buckets refuse such grants, as Terraform declares them."""
    yield from summed("public access", "nothing is granted to everybody", _public(view))


def _public(view: View) -> Iterator[Check]:
    for place in _places(view):
        for role, member in _grants_to_everybody(view, place):
            command = f"gcloud {place.group} remove-iam-policy-binding {place.resource}"
            remedy = " ".join([*filter(None, [command, place.flags]), f"--member={member}"])
            found = f"is public: {member} has {role}"
            yield Check(place.name, "problem", found, f"{remedy} --role={role}")


def _places(view: View) -> Iterator[_Place]:
    deployment, path = view.deployment, view.project_path
    flags = f"--project={deployment.project}"
    yield _Place("project", "projects", deployment.project, "", f"{RESOURCES}/{path}")
    push = deployment.push_account
    url = f"{IAM}/{path}/serviceAccounts/{push}"
    yield _Place(f"account {push.partition('@')[0]}", "iam service-accounts", push, flags, url)
    for topic in view.topology.messages:
        url = f"{PUBSUB}/{path}/topics/{topic}"
        yield _Place(f"topic {topic}", "pubsub topics", topic, flags, url)
    for subscription in view.topology.subscriptions:
        name = subscription.name
        url = f"{PUBSUB}/{path}/subscriptions/{name}"
        yield _Place(f"subscription {name}", "pubsub subscriptions", name, flags, url)
    for variable, secret in deployment.secrets.items():
        url = f"{SECRETS}/{path}/secrets/{secret.id}"
        yield _Place(f"secret {variable}", "secrets", secret.id, flags, url)
    for function in deployment.functions.values():
        name = function.service
        url = f"{RUN}/{view.place_path}/services/{name}"
        yield _Place(f"service {name}", "run services", name, deployment.at, url)


def _grants_to_everybody(view: View, place: _Place) -> Iterator[tuple[str, str]]:
    """(role, member). A missing resource has none."""
    address = f"{place.url}:getIamPolicy"
    # These two APIs answer a POST only.
    posts = place.url.startswith((RESOURCES, IAM))
    try:
        policy: Json = view.api.query(address, {}) if posts else view.api.get(address)
    except NoSuchResource:
        return
    for binding in policy.get("bindings", ()):
        for member in EVERYBODY:
            if member in binding.get("members", ()):
                yield binding["role"], member
