"""The build's steps, run in order with recording stand-ins for terraform and gcloud."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import uuid
from dataclasses import dataclass
from pathlib import Path

import av
import pytest
import yaml

from shared.domain.names import video_identifier

ROOT = Path(__file__).resolve().parents[3]
PREVIOUS = {"vm-probe-video": "vm-probe-video-00041-abc", "vm-cut-clip": "vm-cut-clip-00007-xyz"}
TERRAFORM = """#!/bin/sh
echo "terraform $* images=$TF_VAR_images" >>"$NOTES"
case "$*" in
"output -json secrets") echo '["vm-openai-api-key"]' ;;
apply*-target*) ;;
apply*-var-file=environments/dev.tfvars) sleep "${HANGS:-0}"; exit "${APPLY:-0}" ;;
esac
"""
GCLOUD = """#!/bin/sh
echo "gcloud $*" >>"$NOTES"
case "$*" in
"artifacts docker images scan"*) echo scans/1 ;;
*list-vulnerabilities*) printf '%s' "$VULNERABILITIES" ;;
"secrets versions list"*) echo "$SECRET" ;;
"run services list"*"metadata.labels.app=videomoments "*) printf '%s' "$PREVIOUS" ;;
"run services list"*) printf '%svm-of-another,vm-of-another-00001-abc\n' "$PREVIOUS" ;;
"run services update-traffic ${STUCK:-none}"*) exit 1 ;;
"run jobs execute"*) exit "${MIGRATION:-0}" ;;
"storage ls"*) exit "${CLIPS:-0}" ;;
esac
"""


@dataclass
class Walk:
    """One build: how each step ended, and the recorded calls."""

    codes: dict[str, int]
    notes: list[str]
    said: str

    def applied(self) -> list[dict[str, str]]:
        """The images of each full apply, in order."""
        lines = [line for line in self.notes if "apply" in line and "-target" not in line]
        return [json.loads(line.partition("images=")[2]) for line in lines]

    def rolled_back(self) -> dict[str, str]:
        """The revision to which each service was returned."""
        asked = (line.split() for line in self.notes if "update-traffic" in line)
        return {
            words[4]: flag.removeprefix("--to-revisions=").removesuffix("=100")
            for words in asked
            for flag in words
            if flag.startswith("--to-revisions=")
        }


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """The project files that the steps read, and the stand-ins."""
    folder = tmp_path / "project"
    shutil.copytree(ROOT / "infra/deploy", folder / "infra/deploy")
    (folder / "infra/terraform").mkdir()
    (folder / ".venv").symlink_to(Path(sys.executable).parent.parent)
    (folder / "tools/sample").mkdir(parents=True)
    shutil.copy(ROOT / "tools/sample/three-topics.mp4", folder / "tools/sample")
    (folder / "shared").symlink_to(ROOT / "shared")
    for name, text in (("terraform", TERRAFORM), ("gcloud", GCLOUD)):
        program = tmp_path / "bin" / name
        program.parent.mkdir(exist_ok=True)
        program.write_text(text, encoding="utf-8")
        program.chmod(0o755)
    return folder


def walk(project: Path, **said: str) -> Walk:
    """Run the scripted steps like Cloud Build: the first failure ends the build."""
    notes = project.parent / "notes"
    environment = {
        "PATH": f"{project.parent / 'bin'}:{os.environ['PATH']}",
        "NOTES": str(notes),
        "PROJECT": "my-project",
        "REGION": "europe-west1",
        "NAME": "vm",
        "ENVIRONMENT": "dev",
        "REPOSITORY": "registry",
        "BUILD": "b1",
        "SMOKE_PATIENCE_SECONDS": "0",
        "SMOKE_INTERVAL_SECONDS": "0.1",
        "PREVIOUS": "".join(f"{name},{revision}\n" for name, revision in PREVIOUS.items()),
        "SECRET": "1",
        "VULNERABILITIES": "",
        **said,
    }
    codes: dict[str, int] = {}
    written = ""
    config = yaml.safe_load((ROOT / "cloudbuild.yaml").read_text(encoding="utf-8"))
    for step in config["steps"]:
        if not step["args"][0].startswith("infra/"):
            continue
        command = [step["entrypoint"], *step["args"]]
        done = subprocess.run(command, cwd=project, env=environment, capture_output=True, text=True)
        written += done.stdout + done.stderr
        codes[step["id"]] = done.returncode
        if done.returncode and not step.get("allowFailure"):
            break
    return Walk(codes, notes.read_text(encoding="utf-8").splitlines(), written)


NEW = {"media": "registry/media:b1", "speech": "registry/speech:b1"}


def test_build_deploys_the_new_images_once(project: Path) -> None:
    """Every step succeeds, and the new images are applied once, after the migration."""
    walked = walk(project)
    assert set(walked.codes.values()) == {0}
    assert walked.applied() == [NEW]
    assert walked.rolled_back() == {}
    migrated = next(i for i, line in enumerate(walked.notes) if "run jobs execute" in line)
    applied = next(
        i for i, line in enumerate(walked.notes) if " apply " in line and "-target" not in line
    )
    assert migrated < applied


@pytest.mark.parametrize("failing", [{"CLIPS": "1"}, {"APPLY": "1"}])
def test_build_rolls_back_when_the_deployment_fails(project: Path, failing: dict[str, str]) -> None:
    """If no clip appears or services do not start, each service returns to its earlier revision.

    Services of other projects stay, even if their names begin alike.
    """
    walked = walk(project, **failing)
    assert walked.codes["roll-back-on-failure"] == 1
    assert walked.rolled_back() == PREVIOUS
    assert "The previous revisions serve again" in walked.said


def test_build_rolls_back_the_others_when_one_rollback_fails(project: Path) -> None:
    """The other services still return; the build fails and names the one that did not."""
    walked = walk(project, CLIPS="1", STUCK="vm-probe-video")
    assert walked.codes["roll-back-on-failure"] == 1
    assert walked.rolled_back() == PREVIOUS
    assert "1 of the services could not be rolled back: vm-probe-video." in walked.said
    assert "The previous revisions serve again" not in walked.said


def test_build_interrupts_terraform_and_rolls_back_when_it_hangs(project: Path) -> None:
    """Terraform is interrupted before the build's own time limit, which would skip the rollback."""
    walked = walk(project, HANGS="600", APPLY_SECONDS="1")
    assert walked.codes["deploy"] != 0
    assert walked.rolled_back() == PREVIOUS


def test_smoke_test_waits_for_clips_of_both_images(project: Path) -> None:
    """It needs clips of the sample and of its voice alone, which has no subtitles."""
    walked = walk(project)
    waited = [line for line in walked.notes if line.startswith("gcloud storage ls")]
    assert any("clips/smoke-b1-" in line for line in waited)
    assert any("clips/spoken-b1-" in line for line in waited)
    with av.open(str(project / ".deployment/spoken.m4a")) as spoken:
        assert [stream.type for stream in spoken.streams] == ["audio"]
        assert 40 < (spoken.duration or 0) / av.time_base < 50


def test_smoke_test_finds_its_clips_by_the_builds_name() -> None:
    """Names of clips keep the whole name of the dropped file."""
    for kind in ("smoke", "spoken"):
        stem = f"{kind}-{uuid.uuid4()}"
        assert video_identifier("gs://b/v.mp4", "1", stem).startswith(f"{stem}-")


def test_first_build_fails_without_a_rollback(project: Path) -> None:
    """The build fails and applies nothing else."""
    walked = walk(project, CLIPS="1", PREVIOUS="")
    assert walked.codes["roll-back-on-failure"] == 1
    assert walked.rolled_back() == {}


def test_build_ends_when_the_migration_fails(project: Path) -> None:
    """No service changes."""
    walked = walk(project, MIGRATION="1")
    assert list(walked.codes)[-1] == "migrate"
    assert walked.applied() == []


def test_build_ends_when_a_critical_vulnerability_has_a_fix(project: Path) -> None:
    """Nothing is migrated. A vulnerability without a fix does not count."""
    walked = walk(project, VULNERABILITIES="CRITICAL,True,CVE-1\nHIGH,True,CVE-2\n")
    assert list(walked.codes)[-1] == "scan"
    assert walk(project, VULNERABILITIES="CRITICAL,False,CVE-1\n").codes["scan"] == 0


def test_build_ends_when_a_secret_is_empty(project: Path) -> None:
    """It ends before services have to read the secret."""
    walked = walk(project, SECRET="")
    assert list(walked.codes)[-1] == "migrate"
    assert not any("run jobs execute" in line for line in walked.notes)
