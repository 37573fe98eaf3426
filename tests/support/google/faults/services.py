"""Faults of services and secrets."""

from __future__ import annotations

from tests.support.google.place import KEY, RUN, SECRETS, member
from tests.support.google.planting import (
    Fault,
    container,
    grant,
    service,
    ungrant,
    variable,
    without,
)

SERVICES: dict[str, Fault] = {
    "service is missing": Fault(
        without(f"{RUN}/services", "services", "/vm-cut-clip"),
        "service vm-cut-clip",
        "is not there",
    ),
    "service is not ready": Fault(
        service(
            "vm-cut-clip",
            lambda s: s["terminalCondition"].update(
                state="CONDITION_FAILED", message="The container failed to start."
            ),
        ),
        "service vm-cut-clip",
        "is not ready: The container failed to start.",
        "gcloud run services logs read vm-cut-clip",
    ),
    "revision of before": Fault(
        service(
            "vm-cut-clip",
            lambda s: s.update(
                trafficStatuses=[
                    {
                        "type": "TRAFFIC_TARGET_ALLOCATION_TYPE_REVISION",
                        "revision": "vm-cut-clip-00001",
                        "percent": 100,
                    }
                ]
            ),
        ),
        "service vm-cut-clip",
        "requests go to vm-cut-clip-00001",
        state="warning",
    ),
    "another image": Fault(
        service("vm-cut-clip", lambda s: container(s).update(image="media:old")),
        "service vm-cut-clip",
        "runs the image media:old",
    ),
    "another account": Fault(
        service("vm-cut-clip", lambda s: s["template"].update(serviceAccount="me@example.com")),
        "service vm-cut-clip",
        "runs as me@example.com",
    ),
    "another function": Fault(
        service("vm-cut-clip", lambda s: variable(s, "FUNCTION_TARGET").update(value="sweep")),
        "service vm-cut-clip",
        "has FUNCTION_TARGET=sweep, not cut_clip",
    ),
    "setting is missing": Fault(
        service(
            "vm-cut-clip",
            lambda s: container(s)["env"].remove(variable(s, "VIDEOMOMENTS_DERIVED_URL")),
        ),
        "service vm-cut-clip",
        "has VIDEOMOMENTS_DERIVED_URL=unset",
    ),
    "setting by hand": Fault(
        service(
            "vm-cut-clip",
            lambda s: container(s)["env"].append({"name": "EXTRA", "value": "1"}),
        ),
        "service vm-cut-clip",
        "has EXTRA, which was not deployed",
    ),
    "secret is missing": Fault(
        service("vm-score-moments", lambda s: container(s)["env"].remove(variable(s, KEY))),
        "service vm-score-moments",
        f"lacks the secret {KEY}",
    ),
    "too many instances": Fault(
        service("vm-cut-clip", lambda s: s["template"]["scaling"].update(maxInstanceCount=100)),
        "service vm-cut-clip",
        "has at most instances 100, not 2",
    ),
    "little memory": Fault(
        service(
            "vm-cut-clip", lambda s: container(s)["resources"]["limits"].update(memory="512Mi")
        ),
        "service vm-cut-clip",
        "has memory 512Mi",
    ),
    "open to the internet": Fault(
        service("vm-cut-clip", lambda s: s.update(ingress="INGRESS_TRAFFIC_ALL")),
        "service vm-cut-clip",
        "takes traffic by INGRESS_TRAFFIC_ALL",
    ),
    "nobody may push": Fault(
        ungrant(
            f"{RUN}/services/vm-cut-clip:getIamPolicy",
            "roles/run.invoker",
            member("vm-push-invoker"),
        ),
        "service vm-cut-clip",
        "lacks roles/run.invoker",
        "gcloud run services add-iam-policy-binding vm-cut-clip",
    ),
    "service is public": Fault(
        grant(f"{RUN}/services/vm-cut-clip:getIamPolicy", "roles/run.invoker", "allUsers"),
        "service vm-cut-clip",
        "is public: allUsers has roles/run.invoker",
        "gcloud run services remove-iam-policy-binding vm-cut-clip",
    ),
    "no token is asked": Fault(
        service("vm-cut-clip", lambda s: s.update(invokerIamDisabled=True)),
        "service vm-cut-clip",
        "it asks for no token",
        "--invoker-iam-check",
    ),
    "secret is empty": Fault(
        lambda a: a.update({f"{SECRETS}/versions": {}}),
        f"secret {KEY}",
        "is empty",
        "gcloud secrets versions add vm-videomoments-llm-api-key",
    ),
    "secret cannot be read": Fault(
        ungrant(
            f"{SECRETS}:getIamPolicy",
            "roles/secretmanager.secretAccessor",
            member("vm-score-moments"),
        ),
        f"secret {KEY}",
        "lacks roles/secretmanager.secretAccessor",
        "gcloud secrets add-iam-policy-binding",
    ),
}
