"""scoring-requested → moments scored against one another."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import select, update

from shared.db.models import Moment
from shared.domain.spans import TimeSpan
from shared.messages.moments import ScoringRequested
from shared.model_calls.asker import Asker
from shared.moments.comparison import scored
from shared.moments.inputs import prompts_of, script_of, system_of, wish_of
from shared.moments.moments_job import MomentsJob
from shared.moments.prompts.questions import Item
from shared.moments.rules.ranking import marks, score_of
from shared.moments.rules.scene_moments import METHOD as SCENES
from shared.moments.rules.script import Script
from shared.pipeline.stage import Resources, stage

NOTHING = "There is no moment to score."
NO_WORDS = "There is no speech, and a model scores what is said."


@stage(
    does="scoring the moments",
    consumes=[ScoringRequested],
    required=False,
    pipeline_types=["full", "moments_only", "scores_only"],
    resources=Resources(timeout_seconds=300, cpu=1, memory_mib=512),
    needs=["models"],
)
def score_moments(message: ScoringRequested, job: MomentsJob) -> None:
    """Fill in score, scoring model and time, of refined moments as of their parents.

    A run of `scores_only` scores all of a video's moments, whatever found them.
    """
    found = _moments(job)
    moments = [moment for moment in found if moment.generation_model != SCENES]
    if not moments:
        with job.finish(skipped=NO_WORDS if found else NOTHING):
            return
    script, prompts = script_of(job), prompts_of(job)
    alone = job.pipeline.pipeline_type == "scores_only"
    judged = scored(
        Asker(job, message.subject, job.endpoint()),
        system_of(job) if alone else prompts.system("score"),
        wish_of(job),
        [Item(moment.id, moment.title, _text(script, moment)) for moment in moments],
        prompts.weights,
    )
    marked = marks(judged.qualities, judged.order)
    with job.finish() as done:
        for moment in moments:
            done.session.execute(
                update(Moment)
                .where((Moment.id == moment.id) | (Moment.parent_id == moment.id))
                .values(
                    score=score_of(marked[moment.id]),
                    scoring_model=job.config.model,
                    scored_at=job.context.clock.now(),
                )
                .execution_options(synchronize_session=False)
            )


def _moments(job: MomentsJob) -> Sequence[Moment]:
    roots = select(Moment).where(
        Moment.video_id == job.video.id,
        Moment.parent_id.is_(None),
        Moment.is_refined.is_not(True),
    )
    if job.pipeline.pipeline_type != "scores_only":
        roots = roots.where(Moment.generation_config_id == job.config.id)
    with job.read() as session:
        return session.execute(roots.order_by(Moment.start_time, Moment.id)).scalars().all()


def _text(script: Script, moment: Moment) -> str:
    return script.text(*script.touched(TimeSpan(moment.start_time, moment.end_time)))
