"""Cascades of deletions, and the rules on single rows."""

from __future__ import annotations

import uuid
from collections.abc import Iterator

import pytest
from sqlalchemy import Engine, delete, select, update
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from shared.db.models import (
    GenerationConfig,
    Moment,
    MomentCandidate,
    PipelineHistory,
    Prompt,
    StageRun,
    Transcript,
    Video,
)
from tests.support.databases.rows import (
    add_config,
    add_video,
    add_whole_video,
    count_rows,
    new_candidate,
    new_moment,
    new_stage_run,
)


@pytest.fixture
def session(engine: Engine) -> Iterator[Session]:
    """A session on the test's own database."""
    with Session(engine) as session:
        yield session


def test_deleting_a_video_keeps_another_that_shares_its_config(session: Session) -> None:
    """All of its rows go, and none of the other's."""
    config = add_config(session)
    first, second = add_whole_video(session, config), add_whole_video(session, config)
    alone = {**count_rows(session), "videos": 1}
    session.execute(delete(Video).where(Video.id == first.id))
    session.commit()
    shared = {"prompts": 1, "generation_configs": 1}
    halves = {name: count // 2 for name, count in alone.items()}
    assert count_rows(session) == {**halves, "videos": 1, **shared}
    assert session.scalars(select(Moment.video_id).distinct()).all() == [second.id]
    assert session.scalars(select(Transcript.video_id)).all() == [second.id]


def test_deleting_all_videos_keeps_their_config(session: Session) -> None:
    """Everything about a video goes with it; prompts and configs belong to no video."""
    config = add_config(session)
    add_whole_video(session, config)
    session.execute(delete(Video))
    session.commit()
    counts = count_rows(session)
    assert {name for name, count in counts.items() if count} == {"prompts", "generation_configs"}


def test_deleting_a_parent_moment_keeps_the_refined_one(session: Session) -> None:
    """It stays without a parent; the parent's clip and thumbnail go."""
    video = add_whole_video(session, add_config(session))
    refined = session.scalars(select(Moment).where(Moment.is_refined)).one()
    session.execute(delete(Moment).where(Moment.id == refined.parent_id))
    session.commit()
    session.refresh(refined)
    assert (refined.parent_id, refined.is_refined) == (None, True)
    counts = count_rows(session)
    assert (counts["moments"], counts["clips"], counts["thumbnails"]) == (1, 0, 1)
    assert session.get(Video, video.id) is not None


def test_refined_moment_without_a_parent_can_be_updated(session: Session) -> None:
    """The rule about parents holds for inserting and refining, not for later changes."""
    add_whole_video(session, add_config(session))
    session.execute(delete(Moment).where(~Moment.is_refined))
    session.execute(update(Moment).values(score=9))
    session.commit()
    assert session.scalars(select(Moment.score)).all() == [9]


def test_deleting_a_config_deletes_its_moments_and_runs(session: Session) -> None:
    """Videos and transcripts stay."""
    config = add_config(session)
    add_whole_video(session, config)
    session.execute(delete(GenerationConfig).where(GenerationConfig.id == config.id))
    session.commit()
    counts = {name: count for name, count in count_rows(session).items() if count}
    assert counts == {"prompts": 1, "videos": 1, "transcripts": 1, "thumbnails": 1}


def test_deleting_a_prompt_deletes_its_configs(session: Session) -> None:
    """Their moments and runs go, too."""
    config = add_config(session)
    add_whole_video(session, config)
    session.execute(delete(Prompt).where(Prompt.id == config.prompt_id))
    session.commit()
    counts = {name: count for name, count in count_rows(session).items() if count}
    assert counts == {"videos": 1, "transcripts": 1, "thumbnails": 1}


def test_deleting_a_stage_run_keeps_its_children(session: Session) -> None:
    """The children stay without a parent."""
    add_whole_video(session, add_config(session))
    session.execute(delete(StageRun).where(StageRun.parent_id.is_(None)))
    session.commit()
    assert session.scalars(select(StageRun.parent_id)).all() == [None]


def test_inserting_a_refined_moment_needs_a_parent(session: Session) -> None:
    """A refined moment must name its parent."""
    session.add(new_moment(add_video(session).id, is_refined=True))
    with pytest.raises(DBAPIError, match="needs the moment it refines"):
        session.flush()


def test_refining_a_moment_needs_a_parent(session: Session) -> None:
    """A root moment cannot become a refined one later."""
    session.add(new_moment(add_video(session).id))
    session.flush()
    with pytest.raises(DBAPIError, match="needs the moment it refines"):
        session.execute(update(Moment).values(is_refined=True))


@pytest.mark.parametrize(
    "wrong",
    [{"end_time": 1.0}, {"end_time": 0.5}, {"score": 11}, {"score": -1}, {"video_id": 999}],
)
def test_schema_refuses_wrong_moments(session: Session, wrong: dict[str, float]) -> None:
    """A moment ends after it starts, scores 0 to 10, and belongs to a video."""
    moment = new_moment(add_video(session).id)
    for name, value in wrong.items():
        setattr(moment, name, value)
    session.add(moment)
    with pytest.raises(DBAPIError, match="violates"):
        session.flush()


def test_update_of_a_moment_sets_updated_at(session: Session) -> None:
    """Any writer's change moves it; an update to equal values does not."""
    video = add_video(session)
    moment = new_moment(video.id)
    session.add(moment)
    session.commit()
    created = moment.updated_at
    session.execute(update(Moment).values(title="A moment"))
    session.commit()
    assert moment.updated_at == created
    moment.title = "Another title"
    session.commit()
    assert moment.updated_at > created
    assert moment.created_at == created


def test_schema_refuses_a_second_stage_run_of_one_subject(session: Session) -> None:
    """Also for rows without a run."""
    session.add_all([new_stage_run(None, "start"), new_stage_run(None, "start")])
    with pytest.raises(DBAPIError, match=r"uq_stage_runs_(run|pipeline)_stage_subject"):
        session.flush()


@pytest.mark.parametrize(
    ("status", "token"), [("running", None), ("queued", uuid.uuid4()), ("lost", None)]
)
def test_schema_ties_leases_to_running_stage_runs(
    session: Session, status: str, token: uuid.UUID | None
) -> None:
    """It refuses running without a token, a token without running, and unknown statuses."""
    run = new_stage_run(None, "start")
    run.status, run.lease_token = status, token
    session.add(run)
    with pytest.raises(DBAPIError, match="violates check constraint"):
        session.flush()


def test_deleting_a_moment_keeps_its_candidate(session: Session) -> None:
    """The proposal stays on record without a moment."""
    add_whole_video(session, add_config(session))
    session.execute(delete(Moment))
    session.commit()
    assert session.scalars(select(MomentCandidate.moment_id)).all() == [None]


@pytest.mark.parametrize(
    "wrong",
    [
        {"status": "rejected"},
        {"status": "chosen", "rejection_code": "bad_length"},
        {"status": "lost"},
    ],
)
def test_schema_ties_rejection_codes_to_rejected_candidates(
    session: Session, wrong: dict[str, str]
) -> None:
    """A rejected candidate has a code, another has none; unknown statuses are refused."""
    config = add_config(session)
    add_whole_video(session, config)
    pipeline = session.scalars(select(PipelineHistory)).one()
    session.add(new_candidate(pipeline, config.prompt_id, **wrong))
    with pytest.raises(DBAPIError, match="violates check constraint"):
        session.flush()
