"""What is deleted with what, and the rules that hold on the rows themselves."""

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


def test_deleting_one_of_two_videos_leaves_the_other_whole(session: Session) -> None:
    """Two videos share a config: deleting one takes all of its rows and none of the other's."""
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


def test_deleting_both_videos_leaves_only_the_config(session: Session) -> None:
    """Everything about a video goes with it; prompts and configs are nobody's."""
    config = add_config(session)
    add_whole_video(session, config)
    session.execute(delete(Video))
    session.commit()
    counts = count_rows(session)
    assert {name for name, count in counts.items() if count} == {"prompts", "generation_configs"}


def test_deleting_a_parent_keeps_the_refined_moment(session: Session) -> None:
    """The refined moment stays, without a parent; the parent's clip and thumbnail go."""
    video = add_whole_video(session, add_config(session))
    refined = session.scalars(select(Moment).where(Moment.is_refined)).one()
    session.execute(delete(Moment).where(Moment.id == refined.parent_id))
    session.commit()
    session.refresh(refined)
    assert (refined.parent_id, refined.is_refined) == (None, True)
    counts = count_rows(session)
    assert (counts["moments"], counts["clips"], counts["thumbnails"]) == (1, 0, 1)
    assert session.get(Video, video.id) is not None


def test_an_orphaned_refined_moment_can_still_be_changed(session: Session) -> None:
    """The rule of the parent is about inserting and refining, not about every later change."""
    add_whole_video(session, add_config(session))
    session.execute(delete(Moment).where(~Moment.is_refined))
    session.execute(update(Moment).values(score=9))
    session.commit()
    assert session.scalars(select(Moment.score)).all() == [9]


def test_deleting_a_config_takes_its_moments_and_pipelines(session: Session) -> None:
    """A config's moments (with clips), pipelines and stage runs go; videos and transcripts stay."""
    config = add_config(session)
    add_whole_video(session, config)
    session.execute(delete(GenerationConfig).where(GenerationConfig.id == config.id))
    session.commit()
    counts = {name: count for name, count in count_rows(session).items() if count}
    assert counts == {"prompts": 1, "videos": 1, "transcripts": 1, "thumbnails": 1}


def test_deleting_a_prompt_takes_its_configs(session: Session) -> None:
    """A prompt's configs go, and all that goes with them."""
    config = add_config(session)
    add_whole_video(session, config)
    session.execute(delete(Prompt).where(Prompt.id == config.prompt_id))
    session.commit()
    counts = {name: count for name, count in count_rows(session).items() if count}
    assert counts == {"videos": 1, "transcripts": 1, "thumbnails": 1}


def test_deleting_a_stage_run_keeps_what_it_emitted(session: Session) -> None:
    """The emitted run stays, without a parent."""
    add_whole_video(session, add_config(session))
    session.execute(delete(StageRun).where(StageRun.parent_id.is_(None)))
    session.commit()
    assert session.scalars(select(StageRun.parent_id)).all() == [None]


def test_a_refined_moment_without_parent_is_not_inserted(session: Session) -> None:
    """What refines must say what."""
    session.add(new_moment(add_video(session).id, is_refined=True))
    with pytest.raises(DBAPIError, match="needs the moment it refines"):
        session.flush()


def test_a_moment_without_parent_is_not_made_a_refined_one(session: Session) -> None:
    """Nor does it become one later."""
    session.add(new_moment(add_video(session).id))
    session.flush()
    with pytest.raises(DBAPIError, match="needs the moment it refines"):
        session.execute(update(Moment).values(is_refined=True))


@pytest.mark.parametrize(
    "wrong",
    [{"end_time": 1.0}, {"end_time": 0.5}, {"score": 11}, {"score": -1}, {"video_id": 999}],
)
def test_wrong_moments_are_refused(session: Session, wrong: dict[str, float]) -> None:
    """A moment ends after it starts, scores 0 to 10, and is of a video."""
    moment = new_moment(add_video(session).id)
    for name, value in wrong.items():
        setattr(moment, name, value)
    session.add(moment)
    with pytest.raises(DBAPIError, match="violates"):
        session.flush()


def test_a_changed_moment_says_when(session: Session) -> None:
    """`updated_at` moves with a change, whoever writes it, and not with an update to the same."""
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


def test_a_stage_run_is_one_of_its_subject(session: Session) -> None:
    """Twice the same stage and subject are refused, also before there is a pipeline."""
    session.add_all([new_stage_run(None, "start"), new_stage_run(None, "start")])
    with pytest.raises(DBAPIError, match=r"uq_stage_runs_(run|pipeline)_stage_subject"):
        session.flush()


@pytest.mark.parametrize(
    ("status", "token"), [("running", None), ("queued", uuid.uuid4()), ("lost", None)]
)
def test_a_lease_is_held_exactly_while_running(
    session: Session, status: str, token: uuid.UUID | None
) -> None:
    """Running without a token, a token without running, and an unknown status are refused."""
    run = new_stage_run(None, "start")
    run.status, run.lease_token = status, token
    session.add(run)
    with pytest.raises(DBAPIError, match="violates check constraint"):
        session.flush()


def test_a_deleted_moment_leaves_the_candidate_it_was(session: Session) -> None:
    """What was proposed stays on record; it is no moment's any more."""
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
def test_a_candidate_is_rejected_exactly_with_a_code(
    session: Session, wrong: dict[str, str]
) -> None:
    """A rejected candidate says why; another has no code; an unknown status is refused."""
    config = add_config(session)
    add_whole_video(session, config)
    pipeline = session.scalars(select(PipelineHistory)).one()
    session.add(new_candidate(pipeline, config.prompt_id, **wrong))
    with pytest.raises(DBAPIError, match="violates check constraint"):
        session.flush()
