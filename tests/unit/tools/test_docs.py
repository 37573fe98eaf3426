"""The generated pages, held against the code."""

from __future__ import annotations

from difflib import ndiff
from pathlib import Path

import pytest

from cli.evaluation.model_config import KEYS
from functions.main import TOPOLOGY
from shared.settings.settings import Settings
from tools.docs.write import ROOT, flow_lines, pages, pipeline_page, settings_page, write_pages


@pytest.mark.parametrize("name", list(pages()))
def test_the_page_is_what_the_code_says(name: str) -> None:
    """A page that no longer fits the code fails here; `make docs` mends it."""
    written = (ROOT / name).read_text(encoding="utf-8").splitlines()
    changed = [line for line in ndiff(written, pages()[name]().splitlines()) if line[0] in "+-"]
    assert changed == []


def test_pages_are_written_once(tmp_path: Path) -> None:
    """Writing them tells what changed, and a second time nothing does."""
    assert len(write_pages(tmp_path)) == len(pages())
    assert write_pages(tmp_path) == []


def test_every_setting_is_there_with_its_bounds_and_no_secret() -> None:
    """Each variable has its line, with values, default and meaning."""
    lines = settings_page().splitlines()
    for name in Settings.model_fields:
        assert sum(line.startswith(f"| `VIDEOMOMENTS_{name.upper()}` |") for line in lines) == 1
    assert (
        "| `VIDEOMOMENTS_DATABASE_POOL_SIZE` | whole number ≥ 1 ≤ 50 | `3` "
        "| Connections one process may hold. |"
    ) in lines


def test_every_setting_is_described() -> None:
    """No setting is without a description."""
    assert [name for name, field in Settings.model_fields.items() if not field.description] == []


def test_every_function_and_topic_is_in_the_picture() -> None:
    """Each function is a node, and each of its messages an arrow to it."""
    picture = list(flow_lines(TOPOLOGY))
    for function in TOPOLOGY.functions:
        for message in function.consumes:
            assert any(
                line.endswith(f"-->|{message.topic}| {function.name}") for line in picture
            ), (function.name, message.topic)
    assert all(f"`{function.name}`" in pipeline_page(TOPOLOGY) for function in TOPOLOGY.functions)


def test_every_key_of_an_evaluated_model_is_described() -> None:
    """docs/labelled-sets.md, which is written by hand, has each of them in its table."""
    page = (ROOT / "docs/labelled-sets.md").read_text(encoding="utf-8")
    table = page.partition("| key of `model` |")[2].partition("\n\n")[0]
    named = "".join(line.split(" | ")[0] for line in table.splitlines())
    assert [key for key in KEYS if f"`{key}`" not in named] == []
