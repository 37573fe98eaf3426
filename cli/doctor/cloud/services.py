"""Check Cloud Run services: ready, as deployed, and callable by the push account alone."""

from __future__ import annotations

from collections.abc import Iterator

from cli.doctor.checks import Check
from cli.doctor.cloud.policies import Policy, account
from cli.doctor.cloud.record import DeployedFunction
from cli.doctor.cloud.view import View, resource_id, summed
from shared.domain.documents import Json
from shared.pipeline.stage import Function

RUN = "https://run.googleapis.com/v2"
INTERNAL = "INGRESS_TRAFFIC_INTERNAL_ONLY"
INVOKER = "roles/run.invoker"
# A request may take slightly longer than its function: see services.tf.
GRACE_SECONDS = 30


def check_services(view: View) -> Iterator[Check]:
    """Each function's service and its callers."""
    well = f"{len(view.topology.functions)} are ready, and only the push account may call them"
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
            yield view.again(name, "is not there")
        else:
            yield from _service(view, name, function, wanted, there[wanted.service])


def _service(
    view: View, name: str, function: Function, wanted: DeployedFunction, found: Json
) -> Iterator[Check]:
    yield from _ready(view, name, wanted, found)
    for sentence in _differences(view, function, wanted, found):
        yield view.again(name, sentence)
    yield from _callers(view, name, wanted, found)


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


def _differences(
    view: View, function: Function, wanted: DeployedFunction, found: Json
) -> Iterator[str]:
    template = found.get("template", {})
    container = (template.get("containers") or [{}])[0]
    limits = container.get("resources", {}).get("limits", {})
    scaling = template.get("scaling", {})
    resources = function.resources
    for what, is_now, should_be in (
        ("runs the image", container.get("image"), view.deployment.images[resources.image]),
        ("runs as", template.get("serviceAccount"), wanted.account),
        ("takes traffic by", found.get("ingress"), INTERNAL),
        ("has memory", limits.get("memory"), f"{resources.memory_mib}Mi"),
        ("has processors", limits.get("cpu"), str(resources.cpu)),
        ("is cut off after", template.get("timeout"), f"{_request_seconds(function)}s"),
        (
            "takes requests at once",
            template.get("maxInstanceRequestConcurrency"),
            resources.concurrency,
        ),
        ("keeps instances", scaling.get("minInstanceCount", 0), wanted.min_instances),
        ("has at most instances", scaling.get("maxInstanceCount"), wanted.max_instances),
    ):
        if is_now != should_be:
            yield f"{what} {is_now}, not {should_be}"
    yield from _environment(view, function, wanted, container.get("env", []))


def _request_seconds(function: Function) -> int:
    return function.resources.timeout_seconds + GRACE_SECONDS


def _environment(
    view: View, function: Function, wanted: DeployedFunction, env: list[Json]
) -> Iterator[str]:
    values = {e["name"]: e.get("value", "") for e in env if "valueSource" not in e}
    for key, value in wanted.environment.items():
        if values.get(key) != value:
            yield f"has {key}={values.get(key, 'unset')}, not {value}"
    for key in sorted(values.keys() - wanted.environment.keys()):
        yield f"has {key}, which was not deployed"
    secret = {e["name"] for e in env if "valueSource" in e}
    for key, deployed in view.deployment.secrets.items():
        if (function.name in deployed.functions) != (key in secret):
            yield f"lacks the secret {key}" if key not in secret else f"has the secret {key}"


def _callers(view: View, name: str, wanted: DeployedFunction, found: Json) -> Iterator[Check]:
    answer = view.api.get(f"{RUN}/{view.place_path}/services/{wanted.service}:getIamPolicy")
    policy = Policy.of(answer, name, "run services", wanted.service, view.deployment.at)
    yield from policy.lacking([(account(view.deployment.push_account), INVOKER)])
    yield from policy.open_to_all()
    if found.get("invokerIamDisabled"):
        update = f"gcloud run services update {wanted.service} {view.deployment.at}"
        yield Check(
            name, "problem", "is public: it asks for no token", f"{update} --invoker-iam-check"
        )
