"""docs/roles.md names every role that is granted anywhere, and no other."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
ROLE = re.compile(r"roles/[a-zA-Z]+\.[a-zA-Z]+")


def section(title: str) -> set[str]:
    """The roles in one part of the page."""
    page = (ROOT / "docs/roles.md").read_text(encoding="utf-8")
    (found,) = [part for part in page.split("\n## ") if part.startswith(title)]
    return set(ROLE.findall(found))


def test_every_role_of_the_deployment_is_explained() -> None:
    """What Terraform grants is what the page gives reasons for."""
    folder = ROOT / "infra/terraform"
    texts = [path.read_text(encoding="utf-8") for path in folder.glob("*.tf")]
    granted = {role for text in texts for role in re.findall(r'role += "(roles/[\w.]+)"', text)}
    explained = section("A function's account") | section("The account that pushes")
    assert explained == granted


def test_every_role_of_the_deployer_is_explained() -> None:
    """What bootstrap.sh grants is what the page gives reasons for."""
    script = (ROOT / "infra/bootstrap.sh").read_text(encoding="utf-8").replace("\\\n", " ")
    (listed,) = re.findall(r"^for role in (.+?); do$", script, re.MULTILINE)
    assert section("The account that deploys") == {f"roles/{role}" for role in listed.split()}
