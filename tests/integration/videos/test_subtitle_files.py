"""Subtitles beside a video that do not fit: the run says so, and why."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import select

from cli.report.results import notes
from cli.run.requests import request_file
from shared.db.models import PipelineHistory, Transcript, Video
from shared.messages.options import Options
from shared.transcripts import subtitles as companions
from shared.videos.deletion import delete_video
from tests.support.faults.fake_media import FakeSpeech
from tests.support.faults.world import FaultWorld

GOOD = "\n".join(
    f"00:00:{start:02d},000 --> 00:00:{start + 8:02d},000\nSomebody says this and that.\n"
    for start in range(0, 50, 10)
)
LATE = GOOD.replace("00:00:", "01:00:")


@pytest.fixture
def world(
    database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[FaultWorld]:
    """The real functions, with fake media of 50 s."""
    made = FaultWorld(database_url, tmp_path)
    made.media.install(monkeypatch)
    made.context.speech = lambda: FakeSpeech(made.media)
    yield made
    made.close()


def outcome(world: FaultWorld, subtitles: str) -> tuple[str, list[str]]:
    """The engine that made the transcript of a talk with these subtitles, and the run's notes."""
    world.put("talk.srt", subtitles)
    world.drop("talk.mp4")
    world.settle()
    with world.context.session() as session:
        pipeline = session.execute(select(PipelineHistory.identifier)).scalar_one()
        service = session.execute(select(Transcript.transcription_service)).scalar_one()
        return str(service), notes(session, pipeline)


@pytest.mark.parametrize(
    ("subtitles", "reason"),
    [
        ("", "they hold no text"),
        ("<html><body>404</body></html>", "they hold no text"),
        ("\x00\x17\x05 no cues", "they hold no text"),
        (GOOD.replace("-->", "to"), "they hold no text"),
        (LATE, "they run to 3648 s, but the video ends at 50 s"),
    ],
    ids=["empty", "HTML", "random", "bad times", "late"],
)
def test_run_notes_unused_subtitles(world: FaultWorld, subtitles: str, reason: str) -> None:
    """The video is transcribed, and the run says why and how to use corrected subtitles."""
    service, said = outcome(world, subtitles)
    assert service == "fake"
    assert said[0].startswith(f"The subtitles in talk.srt were not used: {reason}. ")
    assert "`videomoments delete talk-" in said[0]


def test_run_notes_subtitles_that_are_too_large(
    world: FaultWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They are not downloaded, and the run says how large they are."""
    monkeypatch.setattr(companions, "MAX_FILE_BYTES", 100)
    service, said = outcome(world, GOOD * 10_000)
    assert (service, len(said)) == ("fake", 1)
    assert "were not used: they have 3." in said[0]


@pytest.mark.parametrize(
    ("subtitles", "service", "words"),
    [
        (LATE, "subtitles", "were used, though they run to"),
        ("", "fake", "were not used: they hold"),
    ],
    ids=["late", "empty"],
)
def test_setting_always_uses_subtitles_that_do_not_fit(
    world: FaultWorld, subtitles: str, service: str, words: str
) -> None:
    """The run uses them and says so."""
    world.context.settings = world.context.settings.model_copy(update={"subtitles": "always"})
    found, said = outcome(world, subtitles)
    assert found == service
    assert words in said[0]


def test_run_has_no_note_on_good_subtitles(world: FaultWorld) -> None:
    """They are used."""
    assert outcome(world, GOOD) == ("subtitles", [])


def test_run_says_how_to_use_later_subtitles(world: FaultWorld, tmp_path: Path) -> None:
    """The transcript stays, and the advised command leads to the new subtitles."""
    film = tmp_path / "talk.mp4"
    film.write_text("version 1\n")
    film.with_suffix(".srt").write_text(GOOD)

    def asked() -> tuple[str | None, str]:
        run = request_file(world.context, film, "full", Options())
        world.settle()
        with world.context.session() as session:
            return run.advice, session.execute(select(Transcript.full_text)).scalar_one()

    assert asked()[0] is None
    assert asked()[0] is None
    film.with_suffix(".srt").write_text(GOOD.replace("Somebody", "Everybody"))
    advice, text = asked()
    assert "Everybody" not in text
    with world.context.session() as session:
        video = session.execute(select(Video.identifier)).scalar_one()
    assert "talk.srt: the transcript is older" in str(advice)
    assert f"`videomoments delete {video}`" in str(advice)
    delete_video(world.context, video)
    advice, text = asked()
    assert (advice, "Everybody" in text) == (None, True)
