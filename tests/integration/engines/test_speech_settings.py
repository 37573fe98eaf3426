"""Settings of speech that are wrong, where a run meets them: at its first slice."""

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
    """The real functions, with fake media in one slice."""
    made = FaultWorld(database_url, tmp_path)
    made.media.slices = 1
    made.media.install(monkeypatch)
    yield made
    made.close()


def heard(world: FaultWorld, speech: Callable[[], SpeechEngine]) -> StageRun:
    """What became of the one slice."""
    world.context.speech = speech
    world.drop()
    world.settle()
    (run,) = world.runs("transcribe_audio")
    return run


def test_a_model_folder_that_is_not_there_fails_at_once(world: FaultWorld, tmp_path: Path) -> None:
    """One attempt, and the path and what to set are told."""
    folder = tmp_path / "nowhere"
    run = heard(world, Speech(Settings(whisper_model=str(folder))))
    assert (run.status, run.error_code, run.attempt) == ("failed", "speech_not_set_up", 1)
    assert f"There is no folder {folder}. Set VIDEOMOMENTS_WHISPER_MODEL" in str(run.error_message)


def test_a_model_that_could_not_be_fetched_is_tried_again(world: FaultWorld) -> None:
    """What keeps it away may pass."""

    def unreachable() -> SpeechEngine:
        raise SpeechModelMissing("The hub did not answer.")

    run = heard(world, unreachable)
    assert (run.error_code, run.attempt) == ("attempts_exhausted", 5)
