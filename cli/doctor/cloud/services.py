"""Check Cloud Run services: ready, and serving the newest revision of the deployed image."""

from __future__ import annotations

from collections.abc import Iterator

from cli.doctor.checks import Check
from cli.doctor.cloud.record import DeployedFunction
from cli.doctor.cloud.view import RUN, View, resource_id, summed
from shared.domain.documents import Json
from shared.pipeline.stage import Function


def check_services(view: View) -> Iterator[Check]:
    """Each function's service."""
    well = f"{len(view.topology.functions)} are ready, with the images that were deployed"
    yield from summed("services", well, _services(view))


def _services(view: View) -> Iterator[Check]:
    url = f"{RUN}/{view.place_path}/services"
    there = {resource_id(service["name"]): service for service in view.api.every(url, "services")}
    for function in view.topology.functions:
        wanted = view.deployment.functions.get(function.name)
        name = f"service {wanted.service if wanted else function.name}"
        if wanted is None:
            yield view.again(name, "this version's function was never deployed")
        elif wanted.service not in there:
            yield view.again(name, "does not exist")
        else:
            yield from _service(view, name, function, wanted, there[wanted.service])


def _service(
    view: View, name: str, function: Function, wanted: DeployedFunction, found: Json
) -> Iterator[Check]:
    yield from _ready(view, name, wanted, found)
    containers = found.get("template", {}).get("containers") or [{}]
    image, deployed = containers[0].get("image"), view.deployment.images[function.resources.image]
    if image != deployed:
        yield view.again(name, f"runs the image {image}, not {deployed}")


def _ready(view: View, name: str, wanted: DeployedFunction, found: Json) -> Iterator[Check]:
    condition = found.get("terminalCondition", {})
    if condition.get("state") != "CONDITION_SUCCEEDED":
        reason = condition.get("message") or condition.get("state") or "it does not say why"
        yield Check(
            name,
            "problem",
            f"is not ready: {reason}",
            f"gcloud run services logs read {wanted.service} {view.deployment.at} --limit=50",
        )
        return
    serving = [t for t in found.get("trafficStatuses", []) if t.get("percent")]
    newest = resource_id(found.get("latestCreatedRevision"))
    behind = [r for t in serving if (r := resource_id(t.get("revision"))) not in ("", newest)]
    if behind:
        # A build that rolled itself back leaves this state.
        found_there = f"requests go to {', '.join(behind)}, not to the newest revision {newest}"
        yield Check(name, "warning", found_there, view.deployment.deploy_again)
