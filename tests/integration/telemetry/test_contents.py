"""No private data is exported, and without the setting nothing is exported or imported."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from shared.errors import Reject
from tests.support.error_codes import NOISE
from tests.support.llm.runs import llm_runs, talk
from tests.support.llm.server import good_answer, llm_server
from tests.support.pipelines.pipelines import World
from tests.support.pipelines.plan import raising
from tests.support.pipelines.traced import Topics
from tests.support.telemetry.otlp import Collector, exporting

ROOT = Path(__file__).resolve().parents[3]
CANARY = "CANARY7f3a"


def test_telemetry_exports_no_error_text(
    world: World, tmp_path: Path, collector: Collector
) -> None:
    """It exports an error's type, code and places, never its text."""
    signed = f"https://storage.googleapis.com/b/o?X-Goog-Signature={CANARY}"
    topics = Topics(world, tmp_path)
    with exporting(collector.url):
        topics.begin(tmp_path)
        topics.step()
        (sent,) = world.publisher.take()
        for error in (OSError(signed), ValueError(f"so {CANARY} then"), KeyError(CANARY)):
            world.plan.hooks["split"] = raising(error)
            topics.deliver(sent)
        world.plan.hooks["split"] = raising(Reject(NOISE, f"They said: {CANARY}"))
        topics.deliver(sent)
    assert [span.status for span in collector.named("split")] == [*["transient"] * 3, "noise"]
    assert collector.bodies
    assert CANARY.encode() not in b"".join(collector.bodies)


def test_telemetry_exports_no_transcript_prompt_or_key(
    database_url: str, tmp_path: Path, collector: Collector
) -> None:
    """None of them is in anything that is sent, even with a model at work."""
    sentences = [f"The {CANARY} tide number {n} turns twice a day here." for n in range(60)]
    with (
        exporting(collector.url),
        llm_server(good_answer) as server,
        llm_runs(database_url, tmp_path, server.url, llm_api_key=f"key-{CANARY}") as runs,
    ):
        pipeline = runs.run(talk(sentences), prompt=f"Moments about {CANARY}")
        assert pipeline.status == "completed"
    sent = b"".join(collector.bodies)
    assert b"generate_moments" in sent
    assert b"score_moments" in sent
    assert CANARY.encode() not in sent
    assert b"tide" not in sent
    assert database_url.encode() not in sent


_A_RUN = """
import sys, threading
from pathlib import Path
from tests.support.pipelines.pipelines import World
from tests.support.pipelines.traced import Topics
import functions.main
from shared.telemetry import process

folder = Path(sys.argv[2])
world = World(sys.argv[1], folder)
process.start(world.context.settings, "off")
topics = Topics(world, folder)
topics.begin(folder)
topics.drain()
assert {run.status for run in world.runs_of_all()} == {"completed"}
print([thread.name for thread in threading.enumerate() if thread.name == "telemetry"])
assert process.flush()
process.stop()
world.close()
parts = ("opentelemetry.sdk", "opentelemetry.exporter")
print(sorted(name for name in sys.modules if name.startswith(parts)))
"""


def test_telemetry_off_imports_no_exporter(database_url: str, tmp_path: Path) -> None:
    """A whole run without the setting loads no exporter, starts no thread and logs nothing."""
    done = subprocess.run(
        [sys.executable, "-c", _A_RUN, database_url, str(tmp_path)],
        capture_output=True,
        text=True,
        check=False,
        cwd=ROOT,
        env=without_settings(),
    )
    assert done.stdout.splitlines()[-2:] == ["[]", "[]"], done.stderr
    assert "telemetry" not in done.stderr


_WITHOUT_EXTRA = """
import sys
class Missing:
    def find_spec(self, name, path=None, target=None):
        if name.startswith(("opentelemetry.sdk", "opentelemetry.exporter")):
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
sys.meta_path.insert(0, Missing())
from cli.main import main
sys.exit(main())
"""


def test_command_names_the_missing_telemetry_extra(tmp_path: Path) -> None:
    """It says so in one sentence before any work."""
    video = tmp_path / "talk.mp4"
    video.write_bytes(b"a video")
    done = subprocess.run(
        [sys.executable, "-c", _WITHOUT_EXTRA, "run", "--data", str(tmp_path / "data"), str(video)],
        capture_output=True,
        text=True,
        check=False,
        cwd=ROOT,
        env=without_settings() | {"VIDEOMOMENTS_TELEMETRY": "otlp"},
    )
    assert done.returncode != 0
    assert "pip install 'videomoments[telemetry]'" in " ".join(done.stderr.split())
    assert "Traceback" not in done.stderr


def without_settings() -> dict[str, str]:
    """This process's environment without settings."""
    return {k: v for k, v in os.environ.items() if not k.startswith(("VIDEOMOMENTS_", "OTEL_"))}
