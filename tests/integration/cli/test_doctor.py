"""Each check of `doctor`: right where all is well, and wrong with a remedy where it is not."""

from __future__ import annotations

import shutil
from collections.abc import Iterable
from datetime import timedelta
from pathlib import Path

import pytest
from pydantic import SecretStr
from sqlalchemy import Engine, func, select, text
from sqlalchemy.orm import Session

from cli.doctor.buckets import check_buckets
from cli.doctor.checks import Check, checked
from cli.doctor.database import check_database
from cli.doctor.machine import check_machine
from cli.doctor.tools import check_disk, check_ffmpeg, check_speech
from cli.doctor.topics import check_topics
from cli.local.home import Home
from shared.db import migrate
from shared.db.models import Deletion, StageRun
from shared.errors import SettingsError
from shared.settings.settings import Settings
from tests.support.databases.rows import add_config, add_whole_video, new_stage_run


def by_name(checks: Iterable[Check]) -> dict[str, Check]:
    """The checks by their names; each problem and warning has a remedy."""
    found = list(checks)
    assert all(check.remedy for check in found if check.state != "ok"), found
    return {check.name: check for check in found}


def of_database(url: str, home: Path) -> dict[str, Check]:
    """What is found in that database."""
    settings = Settings(database_url=SecretStr(url))
    return by_name(check_database(settings, Home(home)))


def states(checks: dict[str, Check]) -> dict[str, str]:
    """Each check's state."""
    return {name: check.state for name, check in checks.items()}


def test_a_fresh_database_is_well(database_url: str, tmp_path: Path) -> None:
    """Server, migration, dead letters and work: nothing is wrong, and no password is shown."""
    found = of_database(database_url, tmp_path)
    assert states(found) == dict.fromkeys(("database", "migration", "dead letters", "work"), "ok")
    assert migrate.head() in found["migration"].found


def test_a_database_that_is_down_is_the_only_problem(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """What cannot be looked into without it is no problem of its own."""
    url = "postgresql+pg8000://nobody@127.0.0.1:1/nothing"
    monkeypatch.setenv("VIDEOMOMENTS_DATABASE_URL", url)
    found = states(by_name(check_machine(Home(tmp_path))))
    assert (found["database"], found["language model"]) == ("problem", "warning")
    assert [name for name, state in found.items() if state == "problem"] == ["database"]


def test_a_database_without_tables_is_told_to_be_upgraded(
    empty_database_url: str, tmp_path: Path
) -> None:
    """It is a problem with its command, and doctor itself migrates nothing."""
    for _ in range(2):
        found = of_database(empty_database_url, tmp_path)
        assert states(found) == {"database": "ok", "migration": "problem"}
        assert "db upgrade" in found["migration"].remedy


def test_an_older_and_a_newer_schema_are_told_apart(
    engine: Engine, database_url: str, tmp_path: Path
) -> None:
    """Behind is a problem; ahead is not, because old code runs on a newer schema."""
    migrate.downgrade(engine, "-1")
    assert of_database(database_url, tmp_path)["migration"].state == "problem"
    migrate.upgrade(engine)
    with engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    assert of_database(database_url, tmp_path)["migration"].state == "warning"


def test_a_server_that_does_not_answer_is_a_problem(tmp_path: Path) -> None:
    """One line with the server and without the password."""
    settings = Settings(database_url=SecretStr("postgresql+pg8000://u:hidden@127.0.0.1:9/none"))
    look = checked("database", "remedy", lambda: check_database(settings, Home(tmp_path)))
    (found,) = by_name(look).values()
    assert found.state == "problem"
    assert "127.0.0.1:9" in found.found
    assert "hidden" not in found.found


def test_dead_letters_are_a_problem(engine: Engine, database_url: str, tmp_path: Path) -> None:
    """A failure outside any run waits for somebody; a failed step of a run does not count."""
    with Session(engine) as session, session.begin():
        orphan = new_stage_run(None, "a message")
        orphan.status = "failed"
        session.add(orphan)
    found = of_database(database_url, tmp_path)
    assert states(found)["dead letters"] == "problem"
    assert "1 failure" in found["dead letters"].found


@pytest.mark.parametrize("late", [True, False])
def test_work_that_nobody_takes_up_is_told(
    engine: Engine, database_url: str, tmp_path: Path, *, late: bool
) -> None:
    """What a sweep should have seen to long ago is a warning; what waits shortly is not."""
    age = timedelta(hours=1 if late else 0)
    with Session(engine) as session:
        add_whole_video(session, add_config(session))
        first, second = session.execute(select(StageRun).order_by(StageRun.id)).scalars()
        now = session.execute(select(func.now())).scalar_one()
        first.available_at = now - age
        second.status, second.lease_token = "running", func.gen_random_uuid()
        second.lease_expires_at = now - age
        session.commit()
    found = of_database(database_url, tmp_path)
    assert states(found)["work"] == ("warning" if late else "ok")
    assert ("2 steps" in found["work"].found) == late


def test_a_deletion_that_was_interrupted_is_told(
    engine: Engine, database_url: str, tmp_path: Path
) -> None:
    """With the command that finishes it."""
    with Session(engine) as session, session.begin():
        session.add(Deletion(video="talk-0123456789", source_url="gs://b/o", with_source=False))
    found = of_database(database_url, tmp_path)["deletions"]
    assert (found.state, "talk-0123456789" in found.found) == ("warning", True)


def test_an_embedded_database_is_not_made_to_be_looked_at(tmp_path: Path) -> None:
    """On a fresh machine it is well, and still not there afterwards."""
    assert states(by_name(check_database(Settings(), Home(tmp_path)))) == {"database": "ok"}
    assert list(tmp_path.iterdir()) == []


def test_folders_are_tried_and_left_as_they_were(tmp_path: Path) -> None:
    """Both buckets are written to, and no object is left in them."""
    settings = Home(tmp_path).settings(Settings())
    found = by_name(check_buckets(settings))
    assert states(found) == {"upload bucket": "ok", "derived bucket": "ok"}
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


def test_a_bucket_that_cannot_be_written_is_a_problem(tmp_path: Path) -> None:
    """Only that one; the other is still tried."""
    home = Home(tmp_path)
    home.buckets.mkdir()
    (home.buckets / "derived").write_text("a file is in the way", encoding="utf-8")
    found = by_name(check_buckets(home.settings(Settings())))
    assert states(found) == {"upload bucket": "ok", "derived bucket": "problem"}


def test_without_names_the_buckets_are_a_problem() -> None:
    """In the cloud both have to be named."""
    found = by_name(check_buckets(Settings()))
    assert states(found) == {"upload bucket": "problem", "derived bucket": "problem"}
    assert "VIDEOMOMENTS_UPLOAD_URL" in found["upload bucket"].remedy


def test_topics_of_one_machine_are_in_process(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without a project there is nothing to be wired."""
    monkeypatch.delenv("PUBSUB_EMULATOR_HOST", raising=False)
    (found,) = check_topics(Settings(), Home(tmp_path))
    assert (found.state, "in-process" in found.found) == ("ok", True)


def test_ffmpeg_is_looked_at(tmp_path: Path) -> None:
    """The one in use is told with its version; one without codecs, an old one and none are not
    taken for it."""
    assert "with all codecs" in check_ffmpeg(Settings()).found
    poor, old = tmp_path / "poor", tmp_path / "old"
    poor.write_text("#!/bin/sh\necho ffmpeg version 7.1 Copyright\n", encoding="utf-8")
    real = shutil.which("ffmpeg") or "ffmpeg"
    old.write_text(
        '#!/bin/sh\ncase "$*" in *-version*) echo ffmpeg version 4.2.1 x;; '
        f'*) {real} "$@";; esac\n',
        encoding="utf-8",
    )
    for path in (poor, old):
        path.chmod(0o755)
    lacking = check_ffmpeg(Settings(ffmpeg=poor))
    assert (lacking.state, "encoder libx264" in lacking.found) == ("problem", True)
    if shutil.which("ffmpeg"):
        assert check_ffmpeg(Settings(ffmpeg=old)).state == "warning"
    with pytest.raises(SettingsError):
        check_ffmpeg(Settings(ffmpeg=tmp_path / "none"))


def test_speech_is_looked_at_without_a_download(tmp_path: Path) -> None:
    """The offline engine is well; a folder that is no model is a problem; one to fetch is told."""
    assert check_speech(Settings(speech_engine="offline")).state == "ok"
    wrong = Settings(speech_engine="whisper", whisper_model=str(tmp_path / "none"))
    assert check_speech(wrong).state == "problem"
    named = Settings(speech_engine="whisper", whisper_model="nobody/has-this-model")
    assert check_speech(named).state == "warning"
    no_download = named.model_copy(update={"whisper_download": False})
    assert check_speech(no_download).state == "problem"


def test_room_on_the_disk_is_looked_at(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Much is well, little is a warning, none is a problem; a file in the way is one too."""
    home = Home(tmp_path / "not" / "there" / "yet")
    for free, state in ((10 * 1024**3, "ok"), (1024**3, "warning"), (1024**2, "problem")):
        usage = shutil._ntuple_diskusage(free, 0, free)
        monkeypatch.setattr(shutil, "disk_usage", lambda _, usage=usage: usage)
        assert check_disk(home).state == state
    (tmp_path / "file").touch()
    assert check_disk(Home(tmp_path / "file" / "data")).state == "problem"
