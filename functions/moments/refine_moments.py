"""refinement-requested → better bounds of a moment, as a child of it."""

from __future__ import annotations

from shared.db.models import Moment
from shared.domain.spans import TimeSpan
from shared.error_codes.models import MODEL_REFUSED
from shared.errors import Reject
from shared.messages.moments import RefinementRequested
from shared.model_calls.asker import Asker, ModelRefusal
from shared.model_calls.prompt_rows import ensure_prompt
from shared.moments.candidate_rows import candidate_row
from shared.moments.inputs import bounds_of, instruction_of, prompts_of, script_of
from shared.moments.moments_job import MomentsJob
from shared.moments.refiner import Refiner
from shared.moments.rows import find_moment, insert_refined
from shared.moments.rules.proposals import Accepted, clean_title
from shared.moments.rules.script import Script
from shared.moments.rules.windows import Window
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
    """Show the model the moment and the text around it; keep its new bounds as a child row."""
    with job.read() as session:
        parent = find_moment(session, message.moment)
    script, system = script_of(job), prompts_of(job).system("refine")
    bounds = bounds_of(job.config, len(script.sentences))
    window, focus = _around(script, parent, job.settings.llm_refine_context_seconds)
    refiner = Refiner(
        Asker(job, message.subject, job.endpoint()), script, bounds, system, instruction_of(job)
    )
    try:
        outcomes = refiner.refine(window, focus)
    except ModelRefusal as refusal:
        raise Reject(MODEL_REFUSED, f"The model refused to refine the moment: {refusal}") from None
    last = outcomes[-1].result
    reason = None if isinstance(last, Accepted) else f"Left as it is: {last.reason}"
    asked = {"first": window.first, "last": window.last, "focus": [focus.first, focus.last]}
    with job.finish(skipped=reason) as done:
        prompt = ensure_prompt(done.session, refiner.instruction, system)
        for outcome in outcomes:
            candidate = candidate_row(job, outcome, asked, operation="refine", prompt_id=prompt.id)
            if isinstance(outcome.result, Accepted):
                candidate.status = "chosen"
                candidate.moment_id = insert_refined(
                    done.session,
                    job,
                    parent.identifier,
                    outcome.result.span,
                    clean_title(outcome.result.proposal.title),
                )
            done.add(candidate)


def _around(script: Script, parent: Moment, seconds: float) -> tuple[Window, Window]:
    """The sentences to show, and the moment's own among them."""
    focus = script.sentences_of(TimeSpan(parent.start_time, parent.end_time))
    shown = script.sentences_of(
        TimeSpan(max(0.0, parent.start_time - seconds), parent.end_time + seconds)
    )
    return Window(min(shown[0], focus[0]), max(shown[1], focus[1])), Window(*focus)
