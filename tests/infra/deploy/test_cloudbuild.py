"""cloudbuild.yaml: read as Cloud Build reads it, and walked step by step."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml
from google.protobuf import json_format

from infra.image.dockerfile import Dockerfile
from tests.support.google.cloudbuild_schema import message_class
from tests.support.google.gcloud import known_flags

ROOT = Path(__file__).resolve().parents[3]
CONFIG = ROOT / "cloudbuild.yaml"
SCRIPTS = sorted([*(ROOT / "infra/deploy").glob("*.sh"), ROOT / "infra/bootstrap.sh"])
GUIDE = ROOT / "docs/deploy.md"
BUILT_IN = {"PROJECT_ID", "BUILD_ID"}


@pytest.fixture(scope="module")
def config() -> dict[str, Any]:
    """The file as YAML has it."""
    found: dict[str, Any] = yaml.safe_load(CONFIG.read_text(encoding="utf-8"))
    return found


def read(document: dict[str, Any]) -> Any:
    """The file as Cloud Build has it. Raises `ParseError`."""
    return json_format.ParseDict(document, message_class()())


def test_cloud_build_can_read_it(config: dict[str, Any]) -> None:
    """Every field is one Cloud Build has, with a value of its type."""
    assert len(read(config).steps) == len(config["steps"])


@pytest.mark.parametrize(
    ("where", "wrong"),
    [
        ("steps", [{"name": "x", "entrypiont": "bash"}]),
        ("steps", [{"name": "x", "args": "not a list"}]),
        ("steps", {"name": "not a list"}),
        ("steps", [{"name": "x", "allowFailure": "perhaps"}]),
        ("timeout", "an hour"),
        ("options", {"logging": "SOMEWHERE"}),
        ("options", {"machineType": "E2_HIGHCPU_9"}),
        ("substitution", {}),
    ],
)
def test_what_it_cannot_read_is_found(config: dict[str, Any], where: str, wrong: Any) -> None:
    """A misspelt field, a wrong type, an enumerator that does not exist: each fails."""
    with pytest.raises(json_format.ParseError):
        read(config | {where: wrong})


def test_substitutions_are_declared_and_used(config: dict[str, Any]) -> None:
    """None is undeclared, and none is declared for nothing."""
    text = CONFIG.read_text(encoding="utf-8").partition("\nserviceAccount:")[2]
    used = set(re.findall(r"\$\{?(\w+)\}?", text))
    assert used - BUILT_IN == set(config["substitutions"])


def test_steps_wait_for_earlier_ones(config: dict[str, Any]) -> None:
    """Each has a name of its own, and all but the first wait for steps that come before."""
    seen: set[str] = set()
    for step in config["steps"]:
        assert step["id"] not in seen
        assert set(step.get("waitFor", ["-"] if seen else [])) <= seen, step["id"]
        seen.add(step["id"])
    last = config["steps"][-1]
    assert "allowFailure" not in last, "the build must fail in the end when a step did"


def test_the_order_is_the_safe_one(config: dict[str, Any]) -> None:
    """Tested before built, scanned before run, migrated before the services change."""
    order = [step["id"] for step in config["steps"]]
    assert order == sorted(order, key=order.index)
    for earlier, later in (
        ("test", "build-media"),
        ("push-speech", "scan"),
        ("scan", "migrate"),
        ("migrate", "deploy"),
        ("deploy", "smoke-test"),
        ("smoke-test", "roll-back-on-failure"),
    ):
        assert order.index(earlier) < order.index(later)


def test_every_script_exists_and_can_be_parsed(config: dict[str, Any]) -> None:
    """What a step runs is in the project, and its shell understands it."""
    for step in config["steps"]:
        if step.get("entrypoint") in ("sh", "bash"):
            script = ROOT / step["args"][0]
            checked = subprocess.run([step["entrypoint"], "-n", script], capture_output=True)
            assert checked.returncode == 0, checked.stderr


def test_every_image_is_a_target(config: dict[str, Any]) -> None:
    """What is built is a target of the Dockerfile, with arguments it declares, and is pushed."""
    stages = Dockerfile.read(ROOT / "infra/Dockerfile")
    built, pushed = set(), set()
    for step in config["steps"]:
        words = step["args"]
        if words[0] == "build":
            options = [word.partition("=")[::2] for word in words if word.startswith("--")]
            target = dict(options)["--target"]
            lines = [i for stage in stages.needed(target) for i in stage.instructions]
            declared = {i.text.partition("=")[0] for i in lines if i.name == "ARG"}
            given = {v.partition("=")[0] for o, v in options if o == "--build-arg"}
            assert given <= declared
            built.add(dict(options)["--tag"])
        if words[0] == "push":
            pushed.add(words[1])
    assert built == pushed
    assert len(built) == 2


@pytest.mark.parametrize(
    "script", [*SCRIPTS, ROOT / ".ci/run", ROOT / ".ci/setup"], ids=lambda path: path.name
)
def test_shellcheck_has_nothing_to_say(script: Path) -> None:
    """The scripts have none of the known mistakes of shell scripts."""
    if shutil.which("shellcheck") is None:
        pytest.skip("shellcheck is not installed: apt-get install shellcheck")
    done = subprocess.run(["shellcheck", script], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


def gcloud_lines(script: Path) -> list[str]:
    """What stands after `gcloud` in each of a script's commands."""
    text = script.read_text(encoding="utf-8").replace("\\\n", " ")
    return re.findall(r"(?<![\w\"'=])gcloud ([a-z].*)", text)


@pytest.mark.parametrize(
    "script", [path for path in [*SCRIPTS, GUIDE] if gcloud_lines(path)], ids=lambda path: path.name
)
def test_every_gcloud_command_exists(script: Path) -> None:
    """Each is one that gcloud has, with flags that command has."""
    for line in gcloud_lines(script):
        words = re.split(r"[|>)`#]|&&| 2>", line)[0].replace('"', "").split()
        flags = known_flags(words)
        used = {word.partition("=")[0] for word in words if word.startswith("--")}
        assert used <= flags, f"{script.name}: gcloud {line}"
