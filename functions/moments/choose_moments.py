"""candidates-found → the moments that are selected from the proposals of a model."""

from __future__ import annotations

from collections.abc import Sequence

from shared.error_codes.models import MODEL_REFUSED, NO_USABLE_ANSWER
from shared.errors import Reject
from shared.messages.moments import (
    CandidatesFound,
    MomentFound,
    RefinementRequested,
    ScoringRequested,
)
from shared.model_calls.asker import Asker
from shared.moments.candidate_rows import decide, proposed, rejections
from shared.moments.inputs import bounds_of, instruction_of, prompts_of, transcript_of
from shared.moments.moments_job import MomentsJob
from shared.moments.rows import NewMoment, identifier_of, insert_moments
from shared.moments.rules.script import Script
from shared.moments.selector import Selection, Selector, fill_up_without_model
from shared.pipeline.ledger.finish import Completion
from shared.pipeline.stage import Resources, stage
from shared.videos.history import count_moments

NO_MOMENT = "The model found no moments, and the minimum is zero."


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
    """Merge duplicate proposals, ask the model to rank them, select within the bounds."""
    with job.read() as session:
        rows = proposed(session, job.history.id)
        rejected = rejections(session, job.history.id)
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
        instruction_of(job),
    )
    selection = selector.select(rows)
    moments = fill_up_without_model(selection.moments, transcript, script, bounds)
    with job.finish(skipped=None if moments else NO_MOMENT) as done:
        _write(job, done, selection, moments)


def _nothing_usable(model: str, rejected: dict[str, int]) -> Reject:
    if set(rejected) == {MODEL_REFUSED}:
        return Reject(
            MODEL_REFUSED, f"The model {model} refused to read any part of the transcript."
        )
    counted = ", ".join(f"{code} ({count})" for code, count in sorted(rejected.items()))
    return Reject(
        NO_USABLE_ANSWER,
        f"None of the proposals of the model {model} can be used: {counted}. Table "
        "moment_candidates has the reasons. Run the video with another model or prompt.",
    )


def _write(
    job: MomentsJob, done: Completion, selection: Selection, moments: Sequence[NewMoment]
) -> None:
    ids = insert_moments(done.session, job, moments)
    decisions = {key: dict(values) for key, values in selection.decisions.items()}
    for moment in moments:
        if moment.candidate is not None:
            decisions[moment.candidate]["moment_id"] = ids[identifier_of(job, moment.span)]
    decide(done.session, decisions)
    count_moments(done.session, job.run.id, len(ids))
    for identifier in ids:
        done.emit(job.message(MomentFound, moment=identifier))
        if job.settings.llm_refine:
            done.emit(job.message(RefinementRequested, moment=identifier))
    if ids and job.settings.llm_score:
        done.emit(job.message(ScoringRequested))
