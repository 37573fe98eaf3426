"""cloudbuild.yaml, read like Cloud Build reads it and checked step by step."""

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
    """The parsed YAML file."""
    found: dict[str, Any] = yaml.safe_load(CONFIG.read_text(encoding="utf-8"))
    return found


def read(document: dict[str, Any]) -> Any:
    """The file as Cloud Build's own message. Raises `ParseError`."""
    return json_format.ParseDict(document, message_class()())


def test_cloudbuild_parses_as_cloud_builds_message(config: dict[str, Any]) -> None:
    """Every field exists in Cloud Build and has a value of its type."""
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
def test_cloudbuild_fails_to_parse_when_a_field_is_wrong(
    config: dict[str, Any], where: str, wrong: Any
) -> None:
    """A misspelt field, a wrong type and an unknown enumerator each fail."""
    with pytest.raises(json_format.ParseError):
        read(config | {where: wrong})


def test_cloudbuild_declares_and_uses_every_substitution(config: dict[str, Any]) -> None:
    """No substitution is undeclared or unused."""
    text = CONFIG.read_text(encoding="utf-8").partition("\nserviceAccount:")[2]
    used = set(re.findall(r"\$\{?(\w+)\}?", text))
    assert used - BUILT_IN == set(config["substitutions"])


def test_cloudbuild_steps_wait_for_earlier_steps(config: dict[str, Any]) -> None:
    """Each step has a unique name, and all but the first wait for earlier steps."""
    seen: set[str] = set()
    for step in config["steps"]:
        assert step["id"] not in seen
        assert set(step.get("waitFor", ["-"] if seen else [])) <= seen, step["id"]
        seen.add(step["id"])
    last = config["steps"][-1]
    assert "allowFailure" not in last, "the build must fail in the end when a step did"


def test_cloudbuild_orders_its_steps_safely(config: dict[str, Any]) -> None:
    """It tests before it builds, scans before it runs, and migrates before it changes services."""
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


def test_cloudbuild_scripts_exist_and_parse(config: dict[str, Any]) -> None:
    """Every script is in the project, and its shell can parse it."""
    for step in config["steps"]:
        if step.get("entrypoint") in ("sh", "bash"):
            script = ROOT / step["args"][0]
            checked = subprocess.run([step["entrypoint"], "-n", script], capture_output=True)
            assert checked.returncode == 0, checked.stderr


def test_cloudbuild_builds_targets_of_the_dockerfile(config: dict[str, Any]) -> None:
    """Every image is a target of the Dockerfile, uses declared arguments, and is pushed."""
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
def test_scripts_pass_shellcheck(script: Path) -> None:
    """shellcheck finds nothing in the scripts."""
    if shutil.which("shellcheck") is None:
        pytest.skip("shellcheck is not installed: apt-get install shellcheck")
    done = subprocess.run(["shellcheck", script], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


def gcloud_lines(script: Path) -> list[str]:
    """The words after `gcloud` in each of a script's commands."""
    text = script.read_text(encoding="utf-8").replace("\\\n", " ")
    return re.findall(r"(?<![\w\"'=])gcloud ([a-z].*)", text)


@pytest.mark.parametrize(
    "script", [path for path in [*SCRIPTS, GUIDE] if gcloud_lines(path)], ids=lambda path: path.name
)
def test_scripts_call_gcloud_commands_that_exist(script: Path) -> None:
    """gcloud has each command with these flags."""
    for line in gcloud_lines(script):
        words = re.split(r"[|>)`#]|&&| 2>", line)[0].replace('"', "").split()
        flags = known_flags(words)
        used = {word.partition("=")[0] for word in words if word.startswith("--")}
        assert used <= flags, f"{script.name}: gcloud {line}"
