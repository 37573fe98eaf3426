"""Plant a fault in the answers of a healthy deployment, with the expected report."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from shared.domain.documents import Json
from tests.support.google.place import PUBSUB, RUN, member

Answers = dict[str, Json]
BUILD = "gcloud builds submit"


@dataclass(frozen=True)
class Fault:
    """One fault. `name`, `said` and `remedy` are those of the expected line."""

    plant: Callable[[Answers], object]
    name: str
    said: str
    remedy: str = BUILD
    state: str = "problem"


def gone(address: str) -> Callable[[Answers], object]:
    """Remove the resource at that address."""
    return lambda answers: answers.pop(address)


def item(answers: Answers, address: str, field: str, name: str) -> Json:
    """The list's item whose name ends so."""
    items: list[Json] = answers[address][field]
    return next(item for item in items if item["name"].endswith(name))


def without(address: str, field: str, name: str) -> Callable[[Answers], object]:
    """Remove that item from the list."""
    return lambda a: a[address][field].remove(item(a, address, field, name))


def subscription(name: str, **values: Any) -> Callable[[Answers], object]:
    """Set values of the subscription."""
    address = f"{PUBSUB}/subscriptions"
    return lambda a: item(a, address, "subscriptions", name).update(values)


def service(function: str, change: Callable[[Json], object]) -> Callable[[Answers], object]:
    """Change the service."""
    return lambda a: change(item(a, f"{RUN}/services", "services", f"/{function}"))


def container(service: Json) -> Json:
    """The service's only container."""
    found: Json = service["template"]["containers"][0]
    return found


def variable(service: Json, name: str) -> Json:
    """One variable of its environment."""
    found: Json = next(e for e in container(service)["env"] if e["name"] == name)
    return found


def ungrant(address: str, role: str, who: str) -> Callable[[Answers], object]:
    """Take the role from that member."""

    def plant(answers: Answers) -> None:
        for binding in answers[address]["bindings"]:
            if binding["role"] == role:
                binding["members"].remove(who)

    return plant


def grant(address: str, role: str, who: str) -> Callable[[Answers], object]:
    """Grant the role to that member, too."""
    return lambda a: a[address].setdefault("bindings", []).append({"role": role, "members": [who]})


def push(a: Answers, name: str) -> Json:
    """The push address and account of a subscription."""
    found: Json = item(a, f"{PUBSUB}/subscriptions", "subscriptions", name)["pushConfig"]
    return found


def execution(a: Answers, name: str) -> Json:
    """One execution of the migration job."""
    return item(a, f"{RUN}/jobs/vm-migrate/executions", "executions", name)


CLIP = "moment-found.cut_clip"
OTHER = "https://elsewhere.example"
CUT = member("vm-cut-clip")
PROBE = member("vm-probe-video")
