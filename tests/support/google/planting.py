"""Plant a fault in the answers of a healthy deployment, with the expected report."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from shared.domain.documents import Json
from tests.support.google.place import RUN, policy

Answers = dict[str, Json]


@dataclass(frozen=True)
class Fault:
    """One fault. `name`, `said` and `remedy` are those of the expected line."""

    plant: Callable[[Answers], object]
    name: str
    said: str
    remedy: str = "gcloud builds submit"
    state: str = "problem"


def gone(*addresses: str) -> Callable[[Answers], object]:
    """Remove the resources at these addresses."""
    return lambda answers: [answers.pop(address) for address in addresses]


def item(answers: Answers, address: str, field: str, name: str) -> Json:
    """The list's item whose name ends so."""
    items: list[Json] = answers[address][field]
    return next(item for item in items if item["name"].endswith(name))


def without(address: str, field: str, name: str) -> Callable[[Answers], object]:
    """Remove that item from the list."""
    return lambda a: a[address][field].remove(item(a, address, field, name))


def service(change: Callable[[Json], object]) -> Callable[[Answers], object]:
    """Change the service of cut_clip."""
    return lambda a: change(item(a, f"{RUN}/services", "services", "/vm-cut-clip"))


def execution(a: Answers, name: str) -> Json:
    """One execution of the migration job."""
    return item(a, f"{RUN}/jobs/vm-migrate/executions", "executions", name)


def public(address: str, name: str, remedy: str, member: str = "allUsers") -> Fault:
    """Grant a role on the resource to everybody."""
    return Fault(
        lambda a: a.update({f"{address}:getIamPolicy": policy("roles/x", member)}),
        name,
        f"is public: {member} has roles/x",
        f"gcloud {remedy}",
    )
