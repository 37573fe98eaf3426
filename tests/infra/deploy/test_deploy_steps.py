"""The steps of the build, run in their order with terraform and gcloud that only take notes."""

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
    """One build: which steps ended how, and what was called."""

    codes: dict[str, int]
    notes: list[str]
    said: str

    def applied(self) -> list[dict[str, str]]:
        """The images of each full apply, in order."""
        lines = [line for line in self.notes if "apply" in line and "-target" not in line]
        return [json.loads(line.partition("images=")[2]) for line in lines]

    def taken_back(self) -> dict[str, str]:
        """The revision that each service was sent back to."""
        asked = (line.split() for line in self.notes if "update-traffic" in line)
        return {
            words[4]: flag.removeprefix("--to-revisions=").removesuffix("=100")
            for words in asked
            for flag in words
            if flag.startswith("--to-revisions=")
        }


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """What the steps read of the project, and the noting programs."""
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
    """Run the scripted steps as Cloud Build does: the first that may not fail ends the build."""
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


def test_a_good_build_is_deployed(project: Path) -> None:
    """Every step ends well, the new images are applied once, after the migration."""
    walked = walk(project)
    assert set(walked.codes.values()) == {0}
    assert walked.applied() == [NEW]
    assert walked.taken_back() == {}
    migrated = next(i for i, line in enumerate(walked.notes) if "run jobs execute" in line)
    applied = next(
        i for i, line in enumerate(walked.notes) if " apply " in line and "-target" not in line
    )
    assert migrated < applied


@pytest.mark.parametrize("failing", [{"CLIPS": "1"}, {"APPLY": "1"}])
def test_a_bad_build_is_taken_back(project: Path, failing: dict[str, str]) -> None:
    """No clip appears, or the services do not start: each goes back to the revision of before.

    What is not the project's stays, even where its name begins alike.
    """
    walked = walk(project, **failing)
    assert walked.codes["roll-back-on-failure"] == 1
    assert walked.taken_back() == PREVIOUS
    assert "what ran before it runs again" in walked.said


def test_what_cannot_be_taken_back_stops_nothing(project: Path) -> None:
    """The others still go back, and the build has failed and says which did not."""
    walked = walk(project, CLIPS="1", STUCK="vm-probe-video")
    assert walked.codes["roll-back-on-failure"] == 1
    assert walked.taken_back() == PREVIOUS
    assert "1 of the services could not be taken back: vm-probe-video." in walked.said
    assert "what ran before it runs again" not in walked.said


def test_a_deployment_that_hangs_is_ended_and_taken_back(project: Path) -> None:
    """Terraform is interrupted before the whole build is, which would take nothing back."""
    walked = walk(project, HANGS="600", APPLY_SECONDS="1")
    assert walked.codes["deploy"] != 0
    assert walked.taken_back() == PREVIOUS


def test_the_smoke_test_needs_both_images(project: Path) -> None:
    """Clips of the sample and of its voice alone, which has no subtitles to be read."""
    walked = walk(project)
    waited = [line for line in walked.notes if line.startswith("gcloud storage ls")]
    assert any("clips/smoke-b1-" in line for line in waited)
    assert any("clips/spoken-b1-" in line for line in waited)
    with av.open(str(project / ".deployment/spoken.m4a")) as spoken:
        assert [stream.type for stream in spoken.streams] == ["audio"]
        assert 40 < (spoken.duration or 0) / av.time_base < 50


def test_a_builds_name_finds_its_clips() -> None:
    """What the smoke test drops keeps its whole name in what is made of it."""
    for kind in ("smoke", "spoken"):
        stem = f"{kind}-{uuid.uuid4()}"
        assert video_identifier("gs://b/v.mp4", "1", stem).startswith(f"{stem}-")


def test_a_first_build_has_nothing_to_go_back_to(project: Path) -> None:
    """It fails, and applies nothing else."""
    walked = walk(project, CLIPS="1", PREVIOUS="")
    assert walked.codes["roll-back-on-failure"] == 1
    assert walked.taken_back() == {}


def test_a_failed_migration_changes_no_service(project: Path) -> None:
    """The build ends there."""
    walked = walk(project, MIGRATION="1")
    assert list(walked.codes)[-1] == "migrate"
    assert walked.applied() == []


def test_a_critical_vulnerability_ends_the_build(project: Path) -> None:
    """Only one that has a fix; nothing is migrated."""
    walked = walk(project, VULNERABILITIES="CRITICAL,True,CVE-1\nHIGH,True,CVE-2\n")
    assert list(walked.codes)[-1] == "scan"
    assert walk(project, VULNERABILITIES="CRITICAL,False,CVE-1\n").codes["scan"] == 0


def test_an_empty_secret_ends_the_build(project: Path) -> None:
    """Before the services are asked to read it."""
    walked = walk(project, SECRET="")
    assert list(walked.codes)[-1] == "migrate"
    assert not any("run jobs execute" in line for line in walked.notes)
