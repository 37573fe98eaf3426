"""refinement-requested → a second look at where a moment begins and ends."""

from __future__ import annotations

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert

from shared.db.models import Moment, MomentCandidate
from shared.db.text import storable
from shared.domain.names import moment_identifier
from shared.domain.spans import TimeSpan
from shared.errors import NotThere, Reject
from shared.messages.moments import RefinementRequested
from shared.model_calls.asker import Asker, ModelRefusal
from shared.model_calls.prompt_rows import ensure_prompt
from shared.moments.candidate_rows import candidate_values, turns_json
from shared.moments.inputs import bounds_of, prompts_of, script_of, wish_of
from shared.moments.moments_job import MomentsJob
from shared.moments.reader import ProposalResult, Refiner
from shared.moments.rules.proposals import Accepted, clean_title
from shared.moments.rules.script import Script
from shared.moments.rules.windows import Window
from shared.pipeline.ledger.finish import Done
from shared.pipeline.stage import Resources, stage


@stage(
    does="refining a moment's bounds",
    consumes=[RefinementRequested],
    required=False,
    pipeline_types=["full", "moments_only"],
    resources=Resources(timeout_seconds=300, cpu=1, memory_mib=512, concurrency=4),
    needs=["models"],
)
def refine_moments(message: RefinementRequested, job: MomentsJob) -> None:
    """Show the moment with what is said around it; its new bounds are a child, it stays."""
    with job.read() as session:
        parent = session.execute(
            select(Moment).where(Moment.identifier == message.moment)
        ).scalar_one_or_none()
    if parent is None:
        raise NotThere("unknown_moment", f"The moment {message.moment} was deleted.")
    script, system = script_of(job), prompts_of(job).system("refine")
    bounds = bounds_of(job.config, len(script.sentences))
    window, focus = _around(script, parent, job.settings.llm_refine_context_seconds)
    look = Refiner(
        Asker(job, message.subject, job.endpoint()), script, bounds, system, wish_of(job)
    )
    try:
        outcomes = look.look(window, focus)
    except ModelRefusal as refusal:
        raise Reject("model_refused", f"The model would not look again: {refusal}") from None
    last = outcomes[-1].result
    reason = None if isinstance(last, Accepted) else f"Left as it is: {last.reason}"
    asked = {"first": window.first, "last": window.last, "focus": [focus.first, focus.last]}
    with job.finish(skipped=reason) as done:
        child = _add_child(job, done, parent, outcomes[-1])
        prompt = ensure_prompt(done.session, look.wish, system)
        for outcome in outcomes:
            done.add(_candidate(job, prompt.id, asked, outcome, child))


def _around(script: Script, parent: Moment, seconds: float) -> tuple[Window, Window]:
    """The sentences shown, and those of them that are the moment."""
    focus = script.touched(TimeSpan(parent.start_time, parent.end_time))
    shown = script.touched(
        TimeSpan(max(0.0, parent.start_time - seconds), parent.end_time + seconds)
    )
    return Window(min(shown[0], focus[0]), max(shown[1], focus[1])), Window(*focus)


def _add_child(job: MomentsJob, done: Done, parent: Moment, outcome: ProposalResult) -> int | None:
    """The refined moment's id; None where there is none. It has its parent's score."""
    if not isinstance(outcome.result, Accepted):
        return None
    span = outcome.result.span
    identifier = moment_identifier(
        job.video.identifier,
        f"{job.config.config_hash}/{parent.identifier}",
        span.start_seconds,
        span.end_seconds,
    )
    current = done.session.execute(
        select(Moment).where(Moment.id == parent.id).with_for_update()
    ).scalar_one_or_none()
    if current is None:
        raise NotThere("unknown_moment", f"The moment {parent.identifier} was deleted.")
    done.session.execute(
        insert(Moment)
        .values(
            identifier=identifier,
            video_id=job.video.id,
            start_time=span.start_seconds,
            end_time=span.end_seconds,
            title=storable(clean_title(outcome.result.proposal.title)) or parent.title,
            is_refined=True,
            parent_id=parent.id,
            generation_model=job.config.model,
            generation_config_id=job.config.id,
            score=current.score,
            scoring_model=current.scoring_model,
            scored_at=current.scored_at,
        )
        .on_conflict_do_nothing()
    )
    return done.session.execute(
        select(Moment.id).where(Moment.identifier == identifier)
    ).scalar_one()


def _candidate(
    job: MomentsJob,
    prompt_id: int,
    asked: dict[str, object],
    outcome: ProposalResult,
    child: int | None,
) -> MomentCandidate:
    values = candidate_values(outcome.result, outcome.proposal, repaired=outcome.repaired)
    if isinstance(outcome.result, Accepted):
        values |= {"status": "chosen", "moment_id": child}
    return MomentCandidate(
        pipeline_id=job.pipeline.id,
        video_id=job.video.id,
        prompt_id=prompt_id,
        operation="refine",
        model=job.config.model,
        asked=asked | turns_json(outcome.turns),
        **values,
    )
