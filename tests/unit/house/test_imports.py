"""The product's import graph."""

from __future__ import annotations

from graphlib import TopologicalSorter

import grimp

PACKAGES = ("functions", "shared", "cli", "tools", "infra", "migrations")


def test_imports_form_no_circle() -> None:
    """No chain of imports leads back to its start, even counting imports for type checking."""
    graph = grimp.build_graph(*PACKAGES, cache_dir=None, exclude_type_checking_imports=False)
    assert len(graph.modules) > 300
    imports = {name: graph.find_modules_directly_imported_by(name) for name in graph.modules}
    TopologicalSorter(imports).prepare()
