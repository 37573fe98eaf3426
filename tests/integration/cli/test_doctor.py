"""Each check of `doctor`: "ok" when all is well; otherwise a warning or a problem with a remedy."""

from __future__ import annotations

import shutil
from collections.abc import Iterable
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace

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


def checks_by_name(checks: Iterable[Check]) -> dict[str, Check]:
    """The checks by name, after asserting that each warning and problem has a remedy."""
    found = list(checks)
    assert all(check.remedy for check in found if check.state != "ok"), found
    return {check.name: check for check in found}


def database_checks(url: str, home: Path) -> dict[str, Check]:
    """The checks of the database at this URL."""
    settings = Settings(database_url=SecretStr(url))
    return checks_by_name(check_database(settings, Home(home)))


def states(checks: dict[str, Check]) -> dict[str, str]:
    """Each check's state, by name."""
    return {name: check.state for name, check in checks.items()}


def test_check_database_is_ok_when_the_database_is_fresh(database_url: str, tmp_path: Path) -> None:
    """Server, migration, dead letters and work are all ok."""
    found = database_checks(database_url, tmp_path)
    assert states(found) == dict.fromkeys(("database", "migration", "dead letters", "work"), "ok")
    assert migrate.head() in found["migration"].found


def test_check_machine_reports_one_problem_when_the_database_is_down(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Checks that need the database do not report problems of their own."""
    url = "postgresql+pg8000://nobody@127.0.0.1:1/nothing"
    monkeypatch.setenv("VIDEOMOMENTS_DATABASE_URL", url)
    found = states(checks_by_name(check_machine(Home(tmp_path))))
    assert (found["database"], found["language model"]) == ("problem", "warning")
    assert [name for name, state in found.items() if state == "problem"] == ["database"]


def test_check_database_asks_for_an_upgrade_when_there_are_no_tables(
    empty_database_url: str, tmp_path: Path
) -> None:
    """The remedy names the command, and `doctor` itself migrates nothing."""
    for _ in range(2):
        found = database_checks(empty_database_url, tmp_path)
        assert states(found) == {"database": "ok", "migration": "problem"}
        assert "db upgrade" in found["migration"].remedy


def test_check_database_distinguishes_an_older_schema_from_a_newer_one(
    engine: Engine, database_url: str, tmp_path: Path
) -> None:
    """An older schema is a problem; a newer one is a warning, because old code runs on it."""
    migrate.downgrade(engine, "-1")
    assert database_checks(database_url, tmp_path)["migration"].state == "problem"
    migrate.upgrade(engine)
    with engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    assert database_checks(database_url, tmp_path)["migration"].state == "warning"


def test_check_database_reports_a_problem_when_the_server_does_not_answer(tmp_path: Path) -> None:
    """The finding names the server and hides the password."""
    settings = Settings(database_url=SecretStr("postgresql+pg8000://u:hidden@127.0.0.1:9/none"))
    look = checked("database", "remedy", lambda: check_database(settings, Home(tmp_path)))
    (found,) = checks_by_name(look).values()
    assert found.state == "problem"
    assert "127.0.0.1:9" in found.found
    assert "hidden" not in found.found


def test_check_database_reports_dead_letters(
    engine: Engine, database_url: str, tmp_path: Path
) -> None:
    """A failed stage run outside any run is a problem."""
    with Session(engine) as session, session.begin():
        orphan = new_stage_run(None, "a message")
        orphan.status = "failed"
        session.add(orphan)
    found = database_checks(database_url, tmp_path)
    assert states(found)["dead letters"] == "problem"
    assert "1 failure" in found["dead letters"].found


@pytest.mark.parametrize("late", [True, False])
def test_check_database_warns_of_overdue_work(
    engine: Engine, database_url: str, tmp_path: Path, *, late: bool
) -> None:
    """Stage runs that the sweep should have recovered are a warning; recent ones are ok."""
    age = timedelta(hours=1 if late else 0)
    with Session(engine) as session:
        add_whole_video(session, add_config(session))
        first, second = session.execute(select(StageRun).order_by(StageRun.id)).scalars()
        now = session.execute(select(func.now())).scalar_one()
        first.available_at = now - age
        second.status, second.lease_token = "running", func.gen_random_uuid()
        second.lease_expires_at = now - age
        session.commit()
    found = database_checks(database_url, tmp_path)
    assert states(found)["work"] == ("warning" if late else "ok")
    assert ("2 steps" in found["work"].found) == late


def test_check_database_warns_of_an_interrupted_deletion(
    engine: Engine, database_url: str, tmp_path: Path
) -> None:
    """The finding names the video whose deletion did not finish."""
    with Session(engine) as session, session.begin():
        session.add(Deletion(video="talk-0123456789", source_url="gs://b/o", with_source=False))
    found = database_checks(database_url, tmp_path)["deletions"]
    assert (found.state, "talk-0123456789" in found.found) == ("warning", True)


def test_check_database_does_not_create_the_embedded_database(tmp_path: Path) -> None:
    """On a fresh machine the check is ok and leaves no file behind."""
    assert states(checks_by_name(check_database(Settings(), Home(tmp_path)))) == {"database": "ok"}
    assert list(tmp_path.iterdir()) == []


def test_check_buckets_writes_to_both_folders_and_cleans_up(tmp_path: Path) -> None:
    """Both buckets are ok, and no object is left in them."""
    settings = Home(tmp_path).settings(Settings())
    found = checks_by_name(check_buckets(settings))
    assert states(found) == {"upload bucket": "ok", "derived bucket": "ok"}
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


def test_check_buckets_reports_only_the_bucket_that_cannot_be_written(tmp_path: Path) -> None:
    """A file in the place of one bucket is a problem; the other bucket is still checked."""
    home = Home(tmp_path)
    home.buckets.mkdir()
    (home.buckets / "derived").write_text("a file is in the way", encoding="utf-8")
    found = checks_by_name(check_buckets(home.settings(Settings())))
    assert states(found) == {"upload bucket": "ok", "derived bucket": "problem"}


def test_check_buckets_reports_both_when_no_bucket_is_named() -> None:
    """In the cloud the settings must name both buckets."""
    found = checks_by_name(check_buckets(Settings()))
    assert states(found) == {"upload bucket": "problem", "derived bucket": "problem"}
    assert "VIDEOMOMENTS_UPLOAD_URL" in found["upload bucket"].remedy


def test_check_topics_is_ok_when_there_is_no_project(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On one machine the topics run in-process, so nothing can be wired wrongly."""
    monkeypatch.delenv("PUBSUB_EMULATOR_HOST", raising=False)
    (found,) = check_topics(Settings(), Home(tmp_path))
    assert (found.state, "in-process" in found.found) == ("ok", True)


def test_check_ffmpeg_distinguishes_good_poor_old_and_missing_programs(tmp_path: Path) -> None:
    """An ffmpeg without codecs is a problem, an old one is a warning, a missing one is an error."""
    assert "with all required codecs" in check_ffmpeg(Settings()).found
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


def test_check_speech_downloads_nothing(tmp_path: Path) -> None:
    """The offline engine is ok, a model to fetch is a warning, a missing folder is a problem."""
    assert check_speech(Settings(speech_engine="offline")).state == "ok"
    wrong = Settings(speech_engine="whisper", whisper_model=str(tmp_path / "none"))
    assert check_speech(wrong).state == "problem"
    named = Settings(speech_engine="whisper", whisper_model="nobody/has-this-model")
    assert check_speech(named).state == "warning"
    no_download = named.model_copy(update={"whisper_download": False})
    assert check_speech(no_download).state == "problem"


def test_check_disk_grades_the_free_space(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ample space is ok, little is a warning; none, or a file in the way, is a problem."""
    home = Home(tmp_path / "not" / "there" / "yet")
    for free, state in ((10 * 1024**3, "ok"), (1024**3, "warning"), (1024**2, "problem")):
        usage = SimpleNamespace(free=free)
        monkeypatch.setattr(shutil, "disk_usage", lambda _, usage=usage: usage)
        assert check_disk(home).state == state
    (tmp_path / "file").touch()
    assert check_disk(Home(tmp_path / "file" / "data")).state == "problem"
