"""A function is added by its file, its message and nothing else."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from shared.domain.documents import Json
from tests.support.media.factory import make_video
from tests.support.processes.command import environment, write_cues

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("functions", "shared", "cli", "tools", "migrations")
MESSAGE = '''"""Messages about pictures."""

from typing import ClassVar

from shared.messages.base import PipelineMessage


class PictureMeasured(PipelineMessage):
    """The picture's shape is known."""

    topic: ClassVar[str] = "picture-measured"
    video: str
    wide: bool

    @property
    def subject(self) -> str:
        """The video."""
        return self.video
'''
MEASURE = '''from shared.messages.pictures import PictureMeasured
from shared.messages.videos import VideoProbed
from shared.pipeline.stage import stage
from shared.videos.video_job import VideoJob


@stage(does="measuring the picture", consumes=[VideoProbed], emits=[PictureMeasured])
def measure_picture(message: VideoProbed, job: VideoJob) -> None:
    """Measure the picture."""
    with job.finish() as done:
        done.emit(PictureMeasured(pipeline=message.pipeline, video=message.video, wide=True))
'''
FRAME = '''from shared.messages.pictures import PictureMeasured
from shared.pipeline.stage import stage
from shared.videos.video_job import VideoJob


@stage(
    does="framing the picture",
    consumes=[PictureMeasured],
    required=False,
    pipeline_types=["full", "moments_only"],
    decides_moments=True,
)
def frame_picture(message: PictureMeasured, job: VideoJob) -> None:
    """Leave wide pictures as they are."""
    with job.finish(skipped="The picture is wide already." if message.wide else None):
        pass
'''


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the product with two more functions, in a new folder, and their message."""
    root = tmp_path_factory.mktemp("checkout")
    for package in PACKAGES:
        ignored = shutil.ignore_patterns("__pycache__", "*.mp4", "labelled_sets")
        shutil.copytree(ROOT / package, root / package, ignore=ignored)
    folder = root / "functions" / "pictures"
    folder.mkdir()
    (folder / "__init__.py").touch()
    (folder / "measure_picture.py").write_text(MEASURE, encoding="utf-8")
    (folder / "frame_picture.py").write_text(FRAME, encoding="utf-8")
    (root / "shared" / "messages" / "pictures.py").write_text(MESSAGE, encoding="utf-8")
    return root


def _run(checkout: Path, *arguments: str | Path, env: dict[str, str] | None = None) -> str:
    """Run Python in the copy; returns what it printed, both streams together."""
    done = subprocess.run(
        [sys.executable, *map(str, arguments)],
        cwd=checkout,
        env={**(env or environment()), "PYTHONPATH": str(checkout)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
        timeout=200,
    )
    assert done.returncode == 0, done.stdout
    return done.stdout


def test_new_function_is_documented_and_deployed(checkout: Path) -> None:
    """`make docs` writes it into the page of the pipeline and into Terraform's variables."""
    _run(checkout, "-m", "tools.docs.write")
    page = (checkout / "docs" / "pipeline.md").read_text(encoding="utf-8")
    assert "    measure_picture -->|picture-measured| frame_picture\n" in page
    assert "| `frame_picture` | `picture-measured` | – | the run is partial |" in page
    assert "| `picture-measured` | The picture's shape is known. |" in page
    written = checkout / "infra" / "terraform" / "topology.auto.tfvars.json"
    variables: Json = json.loads(written.read_text(encoding="utf-8"))
    assert variables["functions"]["measure_picture"]["publishes"] == ["picture-measured"]
    assert (
        variables["subscriptions"]["picture-measured.frame_picture"]["topic"]
        in (variables["topics"])
    )


def test_new_function_is_a_target(checkout: Path) -> None:
    """functions-framework finds it by its name, as it finds every function."""
    program = (
        "from pathlib import Path\n"
        "from functions_framework import create_app\n"
        "app = create_app('frame_picture', Path('functions/main.py'))\n"
        "print(app.test_client().post('/', data=b'x').status_code)\n"
    )
    assert _run(checkout, "-c", program).splitlines()[-1] == "400"


def test_new_function_runs_and_is_explained(
    checkout: Path, tmp_path: Path, database_url: str
) -> None:
    """A local run calls it, shows its progress, and says in its words why it did nothing."""
    env = environment(database_url=database_url, min_moment_length_seconds="3")
    video = make_video(tmp_path / "talk.mp4", seconds=12.0)
    write_cues(video.with_suffix(".srt"))
    main = ("-c", "from cli.main import main; main()")
    kind = ("--pipeline-type", "moments_only", "--max-length", "6")
    data = ("--data", tmp_path / "data")
    shown = _run(checkout, *main, "run", video, *kind, *data, env=env)
    assert "talk.mp4: measure_picture completed" in shown
    assert "talk.mp4: frame_picture skipped" in shown
    assert "The picture is wide already." in shown
    listed = _run(checkout, *main, "status", "--json", *data, env=env)
    (pipeline,) = json.loads(listed)["pipelines"]
    name = pipeline["video"]["identifier"]
    told = _run(checkout, *main, "explain", name, *data, env=env)
    assert "Skipped: framing the picture (frame_picture). The picture is wide already." in told
