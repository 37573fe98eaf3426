"""candidates-found → the moments a model's proposals come to."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert

from shared.db.models import Moment
from shared.db.text import storable
from shared.domain.names import moment_identifier
from shared.errors import Reject
from shared.messages.moments import (
    CandidatesFound,
    MomentFound,
    RefinementRequested,
    ScoringRequested,
)
from shared.model_calls.asker import Asker
from shared.moments.candidate_rows import decide, proposed, rejections
from shared.moments.inputs import bounds_of, prompts_of, transcript_of, wish_of
from shared.moments.moments_job import MomentsJob
from shared.moments.rules.script import Script
from shared.moments.selector import SelectedMoment, Selection, Selector, filled_up
from shared.pipeline.ledger.finish import Done
from shared.pipeline.stage import Resources, stage

NO_MOMENT = "The model found no moment, and none was asked for at least."


@stage(
    does="choosing among what the model proposed",
    consumes=[CandidatesFound],
    emits=[MomentFound, RefinementRequested, ScoringRequested],
    pipeline_types=["full", "moments_only"],
    resources=Resources(timeout_seconds=300, cpu=1, memory_mib=1024),
    needs=["models"],
    decides_moments=True,
)
def choose_moments(message: CandidatesFound, job: MomentsJob) -> None:
    """Merge what was proposed twice, have the rest put in order, choose within the bounds."""
    with job.read() as session:
        rows = proposed(session, job.pipeline.id)
        rejected = rejections(session, job.pipeline.id)
    if not rows and rejected:
        raise _nothing_usable(job.config.model, rejected)
    transcript, prompts = transcript_of(job), prompts_of(job)
    script = Script.of(transcript, job.video.duration_seconds or 0.0)
    bounds = bounds_of(job.config, len(script.sentences))
    selector = Selector(
        Asker(job, message.subject, job.endpoint()),
        script,
        bounds,
        prompts.weights,
        prompts.system("rank"),
        wish_of(job),
    )
    selection = selector.select(rows)
    moments = filled_up(selection.moments, transcript, script, bounds)
    with job.finish(skipped=None if moments else NO_MOMENT) as done:
        _write(job, done, selection, moments)


def _nothing_usable(model: str, rejected: dict[str, int]) -> Reject:
    if set(rejected) == {"model_refused"}:
        return Reject("model_refused", f"The model {model} would not read any of the transcript.")
    counted = ", ".join(f"{code} ({count})" for code, count in sorted(rejected.items()))
    return Reject(
        "no_usable_answer",
        f"Nothing the model {model} proposed can be used: {counted}. `moment_candidates` has it "
        "all, with the reasons. Run the video with another model, or another prompt.",
    )


def _write(
    job: MomentsJob, done: Done, selection: Selection, moments: Sequence[SelectedMoment]
) -> None:
    rows = {_identifier(job, moment): moment for moment in moments}
    if rows:
        values = [_values(job, identifier, moment) for identifier, moment in rows.items()]
        done.session.execute(insert(Moment).values(values).on_conflict_do_nothing())
    ids = {
        row.identifier: row.id
        for row in done.session.execute(
            select(Moment.identifier, Moment.id).where(Moment.identifier.in_(list(rows)))
        )
    }
    decisions = {key: dict(values) for key, values in selection.decisions.items()}
    for identifier, moment in rows.items():
        if moment.candidate is not None:
            decisions[moment.candidate]["moment_id"] = ids[identifier]
    decide(done.session, decisions)
    done.pipeline.total_moments_generated = len(rows)
    _emit(job, done, list(rows))


def _emit(job: MomentsJob, done: Done, identifiers: list[str]) -> None:
    pipeline, video = job.pipeline.identifier, job.video.identifier
    for moment in identifiers:
        done.emit(MomentFound(pipeline=pipeline, video=video, moment=moment))
        if job.settings.llm_refine:
            done.emit(RefinementRequested(pipeline=pipeline, video=video, moment=moment))
    if identifiers and job.settings.llm_score:
        done.emit(ScoringRequested(pipeline=pipeline, video=video))


def _identifier(job: MomentsJob, moment: SelectedMoment) -> str:
    span = moment.span
    return moment_identifier(
        job.video.identifier, job.config.config_hash, span.start_seconds, span.end_seconds
    )


def _values(job: MomentsJob, identifier: str, moment: SelectedMoment) -> dict[str, object]:
    return {
        "identifier": identifier,
        "video_id": job.video.id,
        "start_time": moment.span.start_seconds,
        "end_time": moment.span.end_seconds,
        "title": storable(moment.title)[:500],
        "is_refined": False,
        "generation_model": moment.model,
        "generation_config_id": job.config.id,
        "score": moment.score,
        "scoring_model": moment.model,
        "scored_at": job.context.clock.now(),
    }
