"""gcloud's commands and flags, from the tree that it ships for completion."""

from __future__ import annotations

import importlib.util
import shutil
from functools import cache
from pathlib import Path
from typing import Any

import pytest


def known_flags(words: list[str]) -> set[str]:
    """The flags of the command that these words begin with. Fails for an unknown command."""
    node = _tree()
    flags = set(node.get("flags", {}))
    path: list[str] = []
    for word in words:
        if word not in node.get("commands", {}):
            break
        node = node["commands"][word]
        flags |= set(node.get("flags", {}))
        path.append(word)
    if not path or node.get("commands"):
        pytest.fail(f"gcloud has no command {' '.join(words)}")
    return flags


@cache
def _tree() -> dict[str, Any]:
    found = shutil.which("gcloud")
    if found is None:
        pytest.skip("gcloud is not installed: https://cloud.google.com/sdk/docs/install")
    roots = [Path(found).resolve().parent.parent, Path("/usr/lib/google-cloud-sdk")]
    for root in roots:
        path = root / "data/cli/gcloud_completions.py"
        if path.exists():
            spec = importlib.util.spec_from_file_location("gcloud_completions", path)
            assert spec is not None
            assert spec.loader is not None
            module = importlib.util.module_from_spec(spec)
            spec.loader.exec_module(module)
            tree: dict[str, Any] = module.STATIC_COMPLETION_CLI_TREE
            return tree
    pytest.skip("gcloud is not installed with its tree of commands (data/cli)")
