"""Wrong speech settings, met by a run at its first slice."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from functions.wiring import Speech
from shared.db.models import StageRun
from shared.engines.speech.protocol import SpeechEngine, SpeechModelMissing
from shared.settings.settings import Settings
from tests.support.faults.world import FaultWorld


@pytest.fixture
def world(
    database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[FaultWorld]:
    """The real functions with fake media of one slice."""
    made = FaultWorld(database_url, tmp_path)
    made.media.slices = 1
    made.media.install(monkeypatch)
    yield made
    made.close()


def transcribe_slice(world: FaultWorld, speech: Callable[[], SpeechEngine]) -> StageRun:
    """Run with this engine and return the stage run of the only slice."""
    world.context.speech = speech
    world.drop()
    world.settle()
    (run,) = world.runs("transcribe_audio")
    return run


def test_transcribe_audio_fails_at_once_when_the_model_folder_is_missing(
    world: FaultWorld, tmp_path: Path
) -> None:
    """The stage run has one attempt, and its error names the path and the setting."""
    folder = tmp_path / "nowhere"
    run = transcribe_slice(world, Speech(Settings(whisper_model=str(folder))))
    assert (run.status, run.error_code, run.attempt) == ("failed", "speech_not_set_up", 1)
    assert f"There is no folder {folder}. Set VIDEOMOMENTS_WHISPER_MODEL" in str(run.error_message)


def test_transcribe_audio_retries_when_the_model_cannot_be_fetched(world: FaultWorld) -> None:
    """The hub may answer later, so all attempts are used."""

    def unreachable() -> SpeechEngine:
        raise SpeechModelMissing("The hub did not answer.")

    run = transcribe_slice(world, unreachable)
    assert (run.error_code, run.attempt) == ("attempts_exhausted", 5)
