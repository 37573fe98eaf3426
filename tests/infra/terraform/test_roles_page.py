"""docs/roles.md names every granted role and no other."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
ROLE = re.compile(r"roles/[a-zA-Z]+\.[a-zA-Z]+")


def section(title: str) -> set[str]:
    """The roles in one section of the page."""
    page = (ROOT / "docs/roles.md").read_text(encoding="utf-8")
    (found,) = [part for part in page.split("\n## ") if part.startswith(title)]
    return set(ROLE.findall(found))


def test_roles_page_explains_every_role_of_the_deployment() -> None:
    """The page gives a reason for each role that Terraform grants, and for no other."""
    folder = ROOT / "infra/terraform"
    texts = [path.read_text(encoding="utf-8") for path in folder.glob("*.tf")]
    granted = {role for text in texts for role in re.findall(r'role += "(roles/[\w.]+)"', text)}
    explained = section("A function's account") | section("The account that pushes")
    assert explained == granted


def test_roles_page_explains_every_role_of_the_deployer() -> None:
    """The page gives a reason for each role that bootstrap.sh grants, and for no other."""
    script = (ROOT / "infra/bootstrap.sh").read_text(encoding="utf-8").replace("\\\n", " ")
    (listed,) = re.findall(r"^for role in (.+?); do$", script, re.MULTILINE)
    assert section("The account that deploys") == {f"roles/{role}" for role in listed.split()}
