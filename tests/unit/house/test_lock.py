"""The lock and pyproject.toml agree, every file has a hash, and no host is named."""

from __future__ import annotations

import importlib.metadata
import os
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parents[3]
LOCK = ROOT / ".ci/requirements.lock"
ENTRY = re.compile(
    r"^(?P<name>\S+)==(?P<version>\S+)(?: ; .+?)?(?P<hashes>(?: \\\n +--hash=\S+)*)$"
)
PACKAGE_HOSTS = re.compile(
    rb"\bpypi\.org|pythonhosted\.org|\bpypa\.io|-python\.pkg\.dev|\banaconda\.|pytorch\.org/whl"
    rb"|\bdebian\.org|\bubuntu\.com|packages\.cloud\.google|\bdl\.google"
    rb"|\bnpmjs\.|\bcrates\.io|\bgolang\.org"
)
# Folders kept between runs; any other folder that begins with a dot is a cache.
OUTSIDE = {"__pycache__", "dist", "node_modules"}


def entries() -> list[str]:
    """The lock's entries without comments."""
    text = LOCK.read_text(encoding="utf-8")
    return [part for part in re.split(r"\n(?=\S)", text.rstrip()) if not part.startswith("#")]


def locked() -> dict[str, set[str]]:
    """The versions of each package: more than one if they differ by platform."""
    found: dict[str, set[str]] = {}
    for entry in entries():
        matched = ENTRY.match(entry)
        assert matched is not None, entry
        found.setdefault(matched["name"], set()).add(matched["version"])
    return found


def required() -> list[str]:
    """Every requirement of pyproject.toml but the project itself."""
    content = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    project = content["project"]
    optional = project["optional-dependencies"].values()
    lists = [project["dependencies"], *optional, *content["dependency-groups"].values()]
    listed = [text for group in [*lists, content["build-system"]["requires"]] for text in group]
    return [text for text in listed if Requirement(text).name != project["name"]]


def files() -> Iterator[Path]:
    """The project's files."""
    for folder, names, found in os.walk(ROOT):
        names[:] = [
            name
            for name in names
            if name not in OUTSIDE and (not name.startswith(".") or name == ".ci")
        ]
        yield from (Path(folder) / name for name in found)


def test_lock_pins_every_package_by_hash() -> None:
    """Each entry has one exact version and the SHA-256 of at least one file."""
    assert len(entries()) > 100
    for entry in entries():
        matched = ENTRY.match(entry)
        assert matched is not None, entry
        assert "*" not in matched["version"]
        hashes = re.findall(r"--hash=(\S+)", matched["hashes"])
        assert hashes, entry
        assert all(re.fullmatch(r"sha256:[0-9a-f]{64}", value) for value in hashes), entry


def test_lock_names_no_address() -> None:
    """The lock works with any index that the machine is configured for."""
    text = LOCK.read_text(encoding="utf-8")
    assert "://" not in text
    assert not re.search(r"^\s*--(?!hash=)", text, re.MULTILINE)


@pytest.mark.parametrize("text", required())
def test_lock_satisfies_a_requirement(text: str) -> None:
    """The lock has each dependency, extra and group at an allowed version."""
    requirement = Requirement(text)
    versions = locked().get(canonicalize_name(requirement.name), set())
    assert versions, f"{text} is not locked: make lock"
    assert all(requirement.specifier.contains(version) for version in versions), versions


def test_environment_holds_locked_versions_only() -> None:
    """Each installed package except the project is in the lock at that version."""
    known = locked()
    installed = {
        (canonicalize_name(found.name), found.version)
        for found in importlib.metadata.distributions()
    } - {("videomoments", importlib.metadata.version("videomoments"))}
    assert len(installed) > 50
    strangers = {pair for pair in installed if pair[1] not in known.get(pair[0], set())}
    assert not strangers


def test_project_names_no_package_host() -> None:
    """The machine decides where packages come from, and no file of the project names a host."""
    found = [path for path in files() if path.is_file()]
    assert LOCK in found
    naming = [
        path.relative_to(ROOT).as_posix()
        for path in found
        if PACKAGE_HOSTS.search(path.read_bytes())
    ]
    assert naming == []
