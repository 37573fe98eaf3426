"""The rows of moments: the one place that finds, inserts and scores them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from shared.db.models import Moment
from shared.db.text import without_unstorable
from shared.domain.names import moment_identifier
from shared.domain.spans import TimeSpan
from shared.error_codes.runs import UNKNOWN_MOMENT
from shared.errors import NotThere
from shared.moments.moments_job import MomentsJob

MAX_TITLE = 500


@dataclass(frozen=True, slots=True)
class NewMoment:
    """A moment to insert. `model`: the model or method that found it and scored it.

    `candidate`: the id of the row it was proposed in, if any.
    """

    span: TimeSpan
    title: str
    score: int
    model: str
    candidate: int | None = None


def find_moment(session: Session, identifier: str, *, lock: bool = False) -> Moment:
    """The moment of that name. Raises `NotThere` when it was deleted."""
    query = select(Moment).where(Moment.identifier == identifier)
    moment = session.execute(query.with_for_update() if lock else query).scalar_one_or_none()
    if moment is None:
        raise NotThere(UNKNOWN_MOMENT, f"The moment {identifier} was deleted.")
    return moment


def identifier_of(job: MomentsJob, span: TimeSpan, parent: Moment | None = None) -> str:
    """The same span, found with the same config, has the same name in every run."""
    config_hash = job.config.config_hash
    return moment_identifier(
        job.video.identifier,
        config_hash if parent is None else f"{config_hash}/{parent.identifier}",
        span.start_seconds,
        span.end_seconds,
    )


def insert_moments(
    session: Session, job: MomentsJob, moments: Sequence[NewMoment]
) -> dict[str, int]:
    """Insert the moments that are new. Returns the ids of all by identifier, in the same order."""
    scored_at = job.context.clock.now()
    rows = {
        identifier_of(job, moment.span): {
            "is_refined": False,
            "generation_model": moment.model,
            "score": moment.score,
            "scoring_model": moment.model,
            "scored_at": scored_at,
            **_span_and_title(moment.span, moment.title),
        }
        for moment in moments
    }
    return _insert(session, job, rows)


def insert_refined(
    session: Session, job: MomentsJob, parent: str, span: TimeSpan, title: str
) -> int:
    """Insert the refined moment of that parent, whose score it has. Returns its id.

    Locks the parent. Raises `NotThere` when it was deleted.
    """
    found = find_moment(session, parent, lock=True)
    identifier = identifier_of(job, span, found)
    row = {
        "is_refined": True,
        "parent_id": found.id,
        "generation_model": job.config.model,
        "score": found.score,
        "scoring_model": found.scoring_model,
        "scored_at": found.scored_at,
        **_span_and_title(span, title or found.title),
    }
    return _insert(session, job, {identifier: row})[identifier]


def moments_to_score(session: Session, job: MomentsJob) -> Sequence[Moment]:
    """The unrefined moments in order of time: of a `scores_only` run all of the video's, else those
    of the run's own config."""
    roots = select(Moment).where(
        Moment.video_id == job.video.id,
        Moment.parent_id.is_(None),
        Moment.is_refined.is_not(True),
    )
    if job.run.kind != "scores_only":
        roots = roots.where(Moment.generation_config_id == job.config.id)
    return session.execute(roots.order_by(Moment.start_time, Moment.id)).scalars().all()


def update_scores(session: Session, job: MomentsJob, scores: Mapping[int, int]) -> None:
    """Score each moment of that id, and the refined one it is the parent of, from 0 to 10."""
    for moment_id, score in scores.items():
        session.execute(
            update(Moment)
            .where((Moment.id == moment_id) | (Moment.parent_id == moment_id))
            .values(score=score, scoring_model=job.config.model, scored_at=job.context.clock.now())
            .execution_options(synchronize_session=False)
        )


def _span_and_title(span: TimeSpan, title: str) -> dict[str, object]:
    return {
        "start_time": span.start_seconds,
        "end_time": span.end_seconds,
        "title": without_unstorable(title)[:MAX_TITLE],
    }


def _insert(
    session: Session, job: MomentsJob, rows: Mapping[str, Mapping[str, object]]
) -> dict[str, int]:
    if not rows:
        return {}
    common = {"video_id": job.video.id, "generation_config_id": job.config.id}
    values = [{"identifier": name, **common, **row} for name, row in rows.items()]
    session.execute(insert(Moment).values(values).on_conflict_do_nothing())
    found = session.execute(
        select(Moment.identifier, Moment.id).where(Moment.identifier.in_(list(rows)))
    )
    ids = {row.identifier: row.id for row in found}
    return {name: ids[name] for name in rows}
