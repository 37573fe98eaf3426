"""The functions of the product, as they are found and declared."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from types import ModuleType
from zipfile import ZipFile

import pytest

from functions.discovery import find_functions
from functions.main import TOPOLOGY

ROOT = Path(__file__).resolve().parents[3] / "functions"


def test_functions_are_found_in_every_file() -> None:
    """Each file in a subject's folder defines one function, and its name is the file's."""
    files = {path.stem for path in ROOT.rglob("*.py") if path.parent != ROOT}
    assert {function.name for function in TOPOLOGY.functions} == files - {"__init__"}


def test_functions_say_what_they_do() -> None:
    """Users read what a function does in words of its own, not in another function's."""
    words = [function.does for function in TOPOLOGY.functions]
    assert all(words)
    assert len(set(words)) == len(words)


def test_find_functions_names_a_broken_module(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The error says which module cannot be imported, and why."""
    package = _package(tmp_path, monkeypatch, "broken_room", "import no_such_library\n")
    with pytest.raises(ImportError, match=r"broken_room\.subject\.file .*no_such_library"):
        find_functions(package)


def test_find_functions_finds_a_function_where_it_is_defined(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A module that imports another's function does not add it a second time."""
    text = "from functions.clips.cut_clip import cut_clip\n"
    package = _package(tmp_path, monkeypatch, "importing_room", text)
    assert find_functions(package) == []


def _package(tmp_path: Path, patch: pytest.MonkeyPatch, name: str, text: str) -> ModuleType:
    subject = tmp_path / name / "subject"
    subject.mkdir(parents=True)
    for path in (subject.parent / "__init__.py", subject / "__init__.py"):
        path.touch()
    (subject / "file.py").write_text(text, encoding="utf-8")
    patch.syspath_prepend(tmp_path)
    return import_module(name)


def test_find_functions_reads_a_zip_archive(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Functions are found in packages that are imported from an archive."""
    text = (
        "from shared.messages.clips import ClipCut\n"
        "from shared.pipeline.job import Job\n"
        "from shared.pipeline.stage import stage\n"
        "@stage(does='working', consumes=[ClipCut])\n"
        "def zipped(message: ClipCut, job: Job) -> None: ...\n"
    )
    with ZipFile(tmp_path / "room.zip", "w") as archive:
        archive.writestr("zipped_room/__init__.py", "")
        archive.writestr("zipped_room/subject/__init__.py", "")
        archive.writestr("zipped_room/subject/file.py", text)
    monkeypatch.syspath_prepend(tmp_path / "room.zip")
    (found,) = find_functions(import_module("zipped_room"))
    assert (found.name, found.does) == ("zipped", "working")
