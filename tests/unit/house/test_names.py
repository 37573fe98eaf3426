"""Each name in `shared` means one thing."""

from __future__ import annotations

import ast
from collections import defaultdict
from pathlib import Path

SHARED = Path(__file__).resolve().parents[3] / "shared"


def _public_classes(path: Path) -> list[str]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    return [
        node.name
        for node in tree.body
        if isinstance(node, ast.ClassDef) and not node.name.startswith("_")
    ]


def test_public_class_name_is_defined_once() -> None:
    """No two modules of `shared` define public classes of the same name."""
    modules: dict[str, list[str]] = defaultdict(list)
    for path in sorted(SHARED.rglob("*.py")):
        for name in _public_classes(path):
            modules[name].append(str(path.relative_to(SHARED)))
    assert len(modules) > 100
    assert {name: where for name, where in modules.items() if len(where) > 1} == {}
