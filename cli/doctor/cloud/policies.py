"""Grants: who holds a role on a resource, and whether it is public."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from cli.doctor.checks import Check
from shared.domain.documents import Json

EVERYBODY = ("allUsers", "allAuthenticatedUsers")


@dataclass(frozen=True, slots=True)
class Policy:
    """The grants of one resource. `flags` belong to the gcloud commands that change it."""

    name: str
    group: str
    resource: str
    flags: str
    bindings: tuple[Json, ...]

    @classmethod
    def of(cls, found: Json, name: str, group: str, resource: str, flags: str = "") -> Policy:
        """`found` is the answer of getIamPolicy; `group` is gcloud's, such as `pubsub topics`."""
        return cls(name, group, resource, flags, tuple(found.get("bindings", ())))

    def holds(self, member: str, role: str) -> bool:
        """Whether the member has that role, with or without a condition."""
        return any(b["role"] == role and member in b.get("members", ()) for b in self.bindings)

    def lacking(self, wanted: Iterable[tuple[str, str]]) -> Iterator[Check]:
        """A problem for each (member, role) that is not granted."""
        for member, role in wanted:
            if not self.holds(member, role):
                yield Check(
                    self.name,
                    "problem",
                    f"{short(member)} lacks {role}",
                    self._command("add", member, role),
                )

    def open_to_all(self) -> Iterator[Check]:
        """A problem for each role granted to everybody."""
        for binding in self.bindings:
            for member in EVERYBODY:
                if member in binding.get("members", ()):
                    yield Check(
                        self.name,
                        "problem",
                        f"is public: {member} has {binding['role']}",
                        self._command("remove", member, binding["role"]),
                    )

    def _command(self, verb: str, member: str, role: str) -> str:
        binding = f"--member={member} --role={role}"
        words = [f"gcloud {self.group} {verb}-iam-policy-binding {self.resource}", self.flags]
        return " ".join([*filter(None, words), binding])


def short(member: str) -> str:
    """The member without its kind and domain."""
    return member.partition(":")[2].removesuffix(".iam.gserviceaccount.com")


def account(email: str) -> str:
    """A service account as a member."""
    return f"serviceAccount:{email}"
