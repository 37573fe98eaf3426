"""infra/Dockerfile, checked without building it. `make image-rehearsal` executes it."""

from __future__ import annotations

import fnmatch
import re
import subprocess
import tomllib
from pathlib import Path

import pytest

from infra.image.dockerfile import Dockerfile, DockerfileError, Instruction, expand

ROOT = Path(__file__).resolve().parents[3]
TARGETS = ("media", "speech")


@pytest.fixture(scope="module")
def dockerfile() -> Dockerfile:
    """The parsed file."""
    return Dockerfile.read(ROOT / "infra/Dockerfile")


def lines(dockerfile: Dockerfile, target: str, name: str) -> list[Instruction]:
    """The target's instructions of one kind, from its own line of bases only."""
    stage = dockerfile.stages[target]
    found = [i for i in stage.instructions if i.name == name]
    return (
        [*lines(dockerfile, stage.base, name), *found] if stage.base in dockerfile.stages else found
    )


@pytest.mark.parametrize("target", TARGETS)
def test_image_runs_as_a_numbered_unprivileged_user(dockerfile: Dockerfile, target: str) -> None:
    """The user is given by number, which platforms check, and made with that number."""
    assert lines(dockerfile, target, "USER")[-1].text == "10001"
    assert any("--uid 10001" in i.text for i in lines(dockerfile, target, "RUN"))


@pytest.mark.parametrize("target", TARGETS)
def test_image_starts_tini_and_declares_a_health_check(dockerfile: Dockerfile, target: str) -> None:
    """tini comes first, then functions-framework; a check asks the port."""
    assert lines(dockerfile, target, "ENTRYPOINT")[-1].command == ["/usr/bin/tini", "--"]
    assert lines(dockerfile, target, "CMD")[-1].command == ["functions-framework"]
    assert "PORT" in lines(dockerfile, target, "HEALTHCHECK")[-1].command[-1]


def commands(dockerfile: Dockerfile) -> list[str]:
    """The text of every instruction."""
    return [i.text for stage in dockerfile.stages.values() for i in stage.instructions]


def test_dockerfile_installs_locked_packages_by_hash(dockerfile: Dockerfile) -> None:
    """Each installation is checked against the lock; installing the project adds nothing."""
    installing = [text for text in commands(dockerfile) if "pip install" in text]
    assert any("--requirements pyproject.toml" in text for text in installing)
    for text in installing:
        if "--no-deps" in text:
            assert "--build-constraints requirements.lock" in text
        elif "/opt/uv/bin/pip" in text:
            assert "--require-hashes --requirement uv.txt" in text
        else:
            assert "--require-hashes --constraints requirements.lock" in text
        assert "--group" not in text


def test_dockerfile_takes_uv_from_the_lock(dockerfile: Dockerfile) -> None:
    """The command finds uv's entry with all hashes and nothing else."""
    (script,) = {
        found for text in commands(dockerfile) for found in re.findall(r"sed -n '([^']+)'", text)
    }
    lock = (ROOT / ".ci/requirements.lock").read_text(encoding="utf-8")
    taken = subprocess.run(
        ["sed", "-n", script], input=lock, capture_output=True, text=True, check=True
    ).stdout
    first, *rest = taken.splitlines()
    assert re.fullmatch(r"uv==\S+ \\", first)
    assert rest
    assert all(line.startswith("    --hash=sha256:") for line in rest)


def test_dockerfile_names_extras_and_excluded_packages_that_exist(dockerfile: Dockerfile) -> None:
    """Every extra is in pyproject.toml, and every excluded package is in the lock."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    lock = (ROOT / ".ci/requirements.lock").read_text(encoding="utf-8")
    text = " ".join(commands(dockerfile))
    extras = set(re.findall(r"--extra (\S+)", text))
    assert extras
    assert extras <= set(project["optional-dependencies"])
    (excluded,) = re.findall(r"printf '(\S+)' > excluded.txt", text)
    names = excluded.removesuffix(r"\n").split(r"\n")
    assert names
    assert set(names) <= set(re.findall(r"^(\S+)==", lock, re.MULTILINE))


def test_dockerfile_copies_files_that_dockerignore_admits(dockerfile: Dockerfile) -> None:
    """Every copied file exists, and .dockerignore lets it through."""
    ignored = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    sent = [line[1:] for line in ignored if line.startswith("!")]
    for stage in dockerfile.stages.values():
        for copy in (i for i in stage.instructions if i.name == "COPY"):
            if "--from=" in copy.text:
                continue
            for source in copy.words[:-1]:
                assert (ROOT / source).exists()
                assert any(fnmatch.fnmatch(source, pattern) for pattern in sent), source


def test_image_uses_the_distributions_ffmpeg_and_no_embedded_database(
    dockerfile: Dockerfile,
) -> None:
    """ffmpeg is the distribution's, at the place that the settings name."""
    assert any(" ffmpeg" in i.text for i in lines(dockerfile, "media", "RUN"))
    settings = " ".join(i.text for i in lines(dockerfile, "media", "ENV"))
    assert "VIDEOMOMENTS_FFMPEG=/usr/bin/ffmpeg" in settings


def test_target_stages_come_in_build_order(dockerfile: Dockerfile) -> None:
    """Stages follow those they are made of; the other flavour is not built."""
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
def test_parse_refuses_unknown_instructions(tmp_path: Path, text: str, said: str) -> None:
    """The error names the line; the rehearsal does not skip it."""
    path = tmp_path / "Dockerfile"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(DockerfileError, match=said):
        Dockerfile.read(path)


def test_parse_joins_lines_and_fills_variables(tmp_path: Path) -> None:
    """A continued line is one instruction; unset variables stay."""
    path = tmp_path / "Dockerfile"
    path.write_text("# x\nFROM a AS b\nRUN one \\\n    && two\n", encoding="utf-8")
    (run,) = Dockerfile.read(path).stages["b"].instructions
    assert (run.line, run.text.split()) == (3, ["one", "&&", "two"])
    assert expand("${A}/${B}", {"A": "x"}) == "x/${B}"
