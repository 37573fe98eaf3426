"""`make image-rehearsal`: build the image without Docker, start a function from it, send an event.

    python -m infra.image.rehearse [--target media|speech] [--model FOLDER] [--work FOLDER]

Functions run as the image's user behind its PID 1, with this machine's database, bucket folder and
topics. The migration job runs first, then probe_video measures the sample. In the speech image
transcribe_audio transcribes it. The ledger must show their results.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import Engine, text

from cli.dev.pubsub_server import PubSubServer
from cli.local.postgres.embedded import EmbeddedPostgres
from functions.main import TOPOLOGY
from infra.image.build import Builder, Image, entering, run_inside, say
from infra.image.dockerfile import Dockerfile, DockerfileError
from infra.image.relay import Relay
from infra.image.trial import try_function
from shared.db.engine import make_engine
from shared.media.sandbox.runner import find_ffmpeg
from shared.media.tools import not_listed
from shared.messages.transcripts import AudioSliced
from shared.messages.videos import VideoUploaded
from shared.messaging.in_process.broker import MemoryBroker
from shared.storage.router import StorageRouter

ROOT = Path(__file__).resolve().parents[2]
SAMPLE = ROOT / "tools/sample/three-topics.mp4"
NEEDED = ("debootstrap", "chroot", "unshare")
BUCKETS = "/tmp/buckets"  # noqa: S108 - inside the image
SLICE_SECONDS = 20.0
# The codecs of accepted inputs, and of outputs.
DECODERS = "h264 hevc vp8 vp9 libdav1d mpeg4 mjpeg aac mp3 opus vorbis flac ac3 pcm_s16le"
ENCODERS = "libx264 aac libopus libmp3lame mjpeg png pcm_s16le"


def main() -> int:
    """Build and try. Returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m infra.image.rehearse", description=__doc__)
    parser.add_argument("--target", choices=["media", "speech"], default="media")
    parser.add_argument(
        "--model", type=Path, help="folder of a Whisper model, in place of the one to download"
    )
    parser.add_argument("--work", type=Path, default=ROOT / ".cache/image-rehearsal")
    asked = parser.parse_args()
    if (lacking := _missing_tool()) is not None:
        say(lacking)
        return 1
    asked.work.mkdir(parents=True, exist_ok=True)
    dockerfile = Dockerfile.read(ROOT / "infra/Dockerfile")
    if asked.model is not None:
        _take_model(dockerfile, asked.model)
    try:
        image = Builder(dockerfile, ROOT, asked.work.resolve(), {}).build(asked.target)
    except DockerfileError as error:
        say(f"infra/Dockerfile: {error}")
        return 1
    _check(image, asked.target)
    with _world(image) as world:
        _try(world, asked.target)
    say(f"Done: {asked.target}, {_mebibytes(image.root)} MiB")
    return 0


def _missing_tool() -> str | None:
    if os.geteuid() != 0:
        return "The rehearsal needs root: it enters folders as their root."
    missing = [name for name in NEEDED if shutil.which(name) is None]
    return f"Install {', '.join(missing)} first (apt-get install debootstrap)." if missing else None


def _take_model(dockerfile: Dockerfile, model: Path) -> None:
    """Replace the download of the model with a copy, for machines without Hugging Face."""
    stage = dockerfile.stages["build-speech"]
    for index, step in enumerate(stage.instructions):
        if step.name == "RUN" and "download_model" in step.text:
            say(f"Not rehearsed: the download of the model; {model} takes its place.")
            relative = os.path.relpath(model.resolve(), ROOT)
            copied = f"{relative} /opt/model"
            stage.instructions[index] = type(step)(step.line, "COPY", copied)


def _check(image: Image, target: str) -> None:
    """Checks that hold for every image."""
    if image.user in ("", "0", "root"):
        raise SystemExit("The image runs as root.")
    if "tini" not in image.entrypoint[0]:
        raise SystemExit("PID 1 of the image does not reap.")
    run_inside(image.root, ["videomoments", "--help"], image.environment, image.user)
    if target == "media":
        _check_codecs(image, "-decoders", DECODERS)
        _check_codecs(image, "-encoders", ENCODERS)


def _check_codecs(image: Image, question: str, wanted: str) -> None:
    """ffmpeg must run and have the codecs."""
    command = [*entering(image.root, image.user), "ffmpeg", "-hide_banner", question]
    listed = subprocess.run(
        command, env=image.environment, capture_output=True, text=True, check=True
    )
    if missing := not_listed(wanted.split(), listed.stdout):
        raise SystemExit(f"ffmpeg {question} lacks {', '.join(missing)}.")
    say(f"ffmpeg {question}: {wanted}")


@dataclass(frozen=True)
class _World:
    """An image with this machine's database, bucket and topics."""

    image: Image
    environment: dict[str, str]
    engine: Engine

    def ask(self, statement: str) -> str:
        """One value of the database."""
        with self.engine.connect() as connection:
            return str(connection.execute(text(statement)).scalar_one())


@contextlib.contextmanager
def _world(image: Image) -> Iterator[_World]:
    buckets = image.inside(BUCKETS)
    (buckets / "uploads").mkdir(parents=True)
    (buckets / "derived").mkdir()
    shutil.copy(SAMPLE, buckets / "uploads" / SAMPLE.name)
    for path in (buckets, *buckets.rglob("*")):
        os.chown(path, int(image.user), int(image.user))
    broker = MemoryBroker()
    for topic in TOPOLOGY.messages:
        broker.create_topic(topic)
    with contextlib.ExitStack() as stack:
        home = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        home.chmod(0o755)
        postgres = stack.enter_context(EmbeddedPostgres(home / "postgres", fsync=False))
        engine = make_engine(postgres.url(), pool_size=1)
        stack.callback(engine.dispose)
        relay = stack.enter_context(Relay(Path(str(engine.url.query["unix_sock"]))))
        stack.callback(broker.close, 1.0)
        topics = stack.enter_context(PubSubServer(broker))
        url = f"postgresql+pg8000://postgres@127.0.0.1:{relay.port}/postgres"
        environment = image.environment | {
            "HOME": "/home/videomoments",
            "VIDEOMOMENTS_DATABASE_URL": url,
            "VIDEOMOMENTS_UPLOAD_URL": f"file://{BUCKETS}/uploads",
            "VIDEOMOMENTS_DERIVED_URL": f"file://{BUCKETS}/derived",
            "VIDEOMOMENTS_FOLDER_ROOT": BUCKETS,
            "VIDEOMOMENTS_PROJECT": "rehearsal",
            "VIDEOMOMENTS_PUBSUB_ENDPOINT": topics.endpoint,
        }
        yield _World(image, environment, engine)


def _try(world: _World, target: str) -> None:
    """Migrate and run the functions; the ledger must show their work."""
    say("The migration job")
    command = ["videomoments", "db", "upgrade"]
    run_inside(world.image.root, command, world.environment, world.image.user)
    uploaded = VideoUploaded(source_url=f"file://{BUCKETS}/uploads/{SAMPLE.name}")
    try_function(world.image, world.environment, "probe_video", uploaded)
    seconds = world.ask("SELECT duration_seconds FROM videos")
    say(f"The video lasts {seconds} s")
    _check_completed(world, "probe_video")
    if target == "speech":
        try_function(world.image, world.environment, "transcribe_audio", _slice(world))
        heard = world.ask("SELECT left(full_text, 60) FROM transcripts")
        say(f"It heard {heard!r}")
        _check_completed(world, "transcribe_audio")


def _slice(world: _World) -> AudioSliced:
    """A slice of the sample, like one that split_audio cuts in the other image."""
    path = world.image.inside(f"{BUCKETS}/derived/slice.wav")
    cut = ["-i", str(SAMPLE), "-t", str(SLICE_SECONDS), "-vn", "-ac", "1", "-ar", "16000"]
    subprocess.run([find_ffmpeg(None), "-loglevel", "error", *cut, str(path)], check=True)
    stat = StorageRouter(folder_root=world.image.inside(BUCKETS)).stat(f"file://{path}")
    return AudioSliced(
        pipeline=world.ask("SELECT identifier FROM pipeline_history"),
        video=world.ask("SELECT identifier FROM videos"),
        slice_url=f"file://{BUCKETS}/derived/slice.wav",
        slice_generation=stat.generation,
        index=0,
        count=1,
        start_seconds=0.0,
        end_seconds=SLICE_SECONDS,
    )


def _check_completed(world: _World, stage: str) -> None:
    """The ledger must show the stage as completed."""
    status = world.ask(f"SELECT status FROM stage_runs WHERE stage = '{stage}'")  # noqa: S608
    say(f"The ledger: {stage} {status}")
    if status != "completed":
        raise SystemExit(f"{stage} did not complete.")


def _mebibytes(root: Path) -> int:
    size = subprocess.run(["du", "-sm", str(root)], capture_output=True, text=True, check=True)
    return int(size.stdout.split()[0])


if __name__ == "__main__":
    sys.exit(main())
