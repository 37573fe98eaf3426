"""The generated pages, compared with the code."""

from __future__ import annotations

from difflib import ndiff
from pathlib import Path

import pytest

from cli.evaluation.model_config import KEYS
from functions.main import TOPOLOGY
from shared.settings.settings import Settings
from tools.docs.write import ROOT, flow_lines, pages, pipeline_page, settings_page, write_pages


@pytest.mark.parametrize("name", list(pages()))
def test_page_equals_the_one_made_from_the_code(name: str) -> None:
    """A page that differs from the code fails here; `make docs` mends it."""
    written = (ROOT / name).read_text(encoding="utf-8").splitlines()
    changed = [line for line in ndiff(written, pages()[name]().splitlines()) if line[0] in "+-"]
    assert changed == []


def test_pages_are_written_only_when_changed(tmp_path: Path) -> None:
    """The first run reports the changes; the second changes nothing."""
    assert len(write_pages(tmp_path)) == len(pages())
    assert write_pages(tmp_path) == []


def test_settings_page_has_every_setting_and_no_secret() -> None:
    """Each variable has a line with its values, default and meaning."""
    lines = settings_page().splitlines()
    for name in Settings.model_fields:
        assert sum(line.startswith(f"| `VIDEOMOMENTS_{name.upper()}` |") for line in lines) == 1
    assert (
        "| `VIDEOMOMENTS_DATABASE_POOL_SIZE` | whole number ≥ 1 ≤ 50 | `3` "
        "| Connections one process may hold. |"
    ) in lines


def test_settings_all_have_a_description() -> None:
    """No setting lacks a description."""
    assert [name for name, field in Settings.model_fields.items() if not field.description] == []


def test_diagram_shows_every_function_and_topic() -> None:
    """Each function is a node, and each of its messages an arrow to it."""
    picture = list(flow_lines(TOPOLOGY))
    for function in TOPOLOGY.functions:
        for message in function.consumes:
            assert any(
                line.endswith(f"-->|{message.topic}| {function.name}") for line in picture
            ), (function.name, message.topic)
    assert all(f"`{function.name}`" in pipeline_page(TOPOLOGY) for function in TOPOLOGY.functions)


def test_labelled_sets_page_describes_every_key_of_a_model() -> None:
    """The table of docs/labelled-sets.md, written by hand, has each key."""
    page = (ROOT / "docs/labelled-sets.md").read_text(encoding="utf-8")
    table = page.partition("| key of `model` |")[2].partition("\n\n")[0]
    named = "".join(line.split(" | ")[0] for line in table.splitlines())
    assert [key for key in KEYS if f"`{key}`" not in named] == []
