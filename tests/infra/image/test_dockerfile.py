"""infra/Dockerfile: what can be told without building it. `make image-rehearsal` executes it."""

from __future__ import annotations

import fnmatch
import re
import tomllib
from pathlib import Path

import pytest

from infra.image.dockerfile import Dockerfile, DockerfileError, Instruction, expand

ROOT = Path(__file__).resolve().parents[3]
TARGETS = ("media", "speech")


@pytest.fixture(scope="module")
def dockerfile() -> Dockerfile:
    """The file, understood."""
    return Dockerfile.read(ROOT / "infra/Dockerfile")


def lines(dockerfile: Dockerfile, target: str, name: str) -> list[Instruction]:
    """The target's instructions of one kind, those of its own line of bases only."""
    stage = dockerfile.stages[target]
    found = [i for i in stage.instructions if i.name == name]
    return (
        [*lines(dockerfile, stage.base, name), *found] if stage.base in dockerfile.stages else found
    )


@pytest.mark.parametrize("target", TARGETS)
def test_the_image_runs_as_nobody_special(dockerfile: Dockerfile, target: str) -> None:
    """By number, for the platform checks that; and the user is made with that number."""
    assert lines(dockerfile, target, "USER")[-1].text == "10001"
    assert any("--uid 10001" in i.text for i in lines(dockerfile, target, "RUN"))


@pytest.mark.parametrize("target", TARGETS)
def test_pid_1_reaps_and_the_health_is_asked(dockerfile: Dockerfile, target: str) -> None:
    """tini comes first, functions-framework after it, and a check asks the port."""
    assert lines(dockerfile, target, "ENTRYPOINT")[-1].command == ["/usr/bin/tini", "--"]
    assert lines(dockerfile, target, "CMD")[-1].command == ["functions-framework"]
    assert "PORT" in lines(dockerfile, target, "HEALTHCHECK")[-1].command[-1]


def test_uv_is_the_one_of_the_set_up(dockerfile: Dockerfile) -> None:
    """The lock is read by the same version everywhere, and is not changed."""
    setup = (ROOT / ".ci/setup.py").read_text(encoding="utf-8")
    (pinned,) = re.findall(r'^UV = "(.+)"$', setup, re.MULTILINE)
    commands = [i.text for stage in dockerfile.stages.values() for i in stage.instructions]
    assert any(f" {pinned}" in text for text in commands)
    syncs = [text for text in commands if "uv sync" in text]
    assert syncs
    assert all("--frozen" in text and "--no-dev" in text for text in syncs)


def test_extras_and_left_out_packages_exist(dockerfile: Dockerfile) -> None:
    """Every extra is one of pyproject.toml, and what is left out is in the lock."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    lock = tomllib.loads((ROOT / "uv.lock").read_text(encoding="utf-8"))
    packages = {package["name"] for package in lock["package"]}
    commands = " ".join(i.text for stage in dockerfile.stages.values() for i in stage.instructions)
    assert set(re.findall(r"--extra (\S+)", commands)) <= set(project["optional-dependencies"])
    assert set(re.findall(r"--no-install-package (\S+)", commands)) <= packages


def test_what_is_copied_is_sent_to_the_builder(dockerfile: Dockerfile) -> None:
    """Every file exists, and .dockerignore lets it through."""
    ignored = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    sent = [line[1:] for line in ignored if line.startswith("!")]
    for stage in dockerfile.stages.values():
        for copy in (i for i in stage.instructions if i.name == "COPY"):
            if "--from=" in copy.text:
                continue
            for source in copy.words[:-1]:
                assert (ROOT / source).exists()
                assert any(fnmatch.fnmatch(source, pattern) for pattern in sent), source


def test_no_ffmpeg_and_no_database_of_a_wheel(dockerfile: Dockerfile) -> None:
    """ffmpeg is the distribution's, and where the settings say."""
    assert any(" ffmpeg" in i.text for i in lines(dockerfile, "media", "RUN"))
    settings = " ".join(i.text for i in lines(dockerfile, "media", "ENV"))
    assert "VIDEOMOMENTS_FFMPEG=/usr/bin/ffmpeg" in settings


def test_a_target_needs_its_builders_first(dockerfile: Dockerfile) -> None:
    """Stages come after what they are made of; the other flavour is not built."""
    names = [stage.name for stage in dockerfile.needed("media")]
    assert names.index("build-media") < names.index("media")
    assert names.index("system") == 0
    assert "build-speech" not in names


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("FROM debian\n", "line 1: write FROM image AS name"),
        ("RUN true\n", "line 1: nothing may stand before FROM"),
        ("FROM a AS b\nRUNN true\n", "line 2: unknown instruction RUNN"),
    ],
)
def test_what_cannot_be_understood_is_refused(tmp_path: Path, text: str, said: str) -> None:
    """With its line, instead of being skipped in the rehearsal."""
    path = tmp_path / "Dockerfile"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(DockerfileError, match=said):
        Dockerfile.read(path)


def test_lines_are_joined_and_variables_filled(tmp_path: Path) -> None:
    """A continued line is one instruction; what is not set stays as it is."""
    path = tmp_path / "Dockerfile"
    path.write_text("# x\nFROM a AS b\nRUN one \\\n    && two\n", encoding="utf-8")
    (run,) = Dockerfile.read(path).stages["b"].instructions
    assert (run.line, run.text.split()) == (3, ["one", "&&", "two"])
    assert expand("${A}/${B}", {"A": "x"}) == "x/${B}"
