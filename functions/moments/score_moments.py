"""scoring-requested → the moments of the run, compared and scored by a model."""

from __future__ import annotations

from shared.domain.spans import TimeSpan
from shared.messages.moments import ScoringRequested
from shared.model_calls.asker import Asker
from shared.moments.comparison import score
from shared.moments.inputs import instruction_of, prompts_of, script_of, system_of
from shared.moments.moments_job import MomentsJob
from shared.moments.prompts.questions import Item
from shared.moments.rows import moments_to_score, update_scores
from shared.moments.rules.ranking import combined_scores, rounded_score
from shared.moments.rules.scene_moments import METHOD as SCENES
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
    """Store score, model and time of the moments and of their refined children.

    A `scores_only` run scores all moments of the video, whatever found them.
    """
    with job.read() as session:
        found = moments_to_score(session, job)
    moments = [moment for moment in found if moment.generation_model != SCENES]
    if not moments:
        with job.finish(skipped=NO_WORDS if found else NOTHING):
            return
    script, prompts = script_of(job), prompts_of(job)
    spans = [TimeSpan(moment.start_time, moment.end_time) for moment in moments]
    texts = [script.text(*script.sentences_of(span)) for span in spans]
    alone = job.run.kind == "scores_only"
    judged = score(
        Asker(job, message.subject, job.endpoint()),
        system_of(job) if alone else prompts.system("score"),
        instruction_of(job),
        [Item(m.id, m.title, text) for m, text in zip(moments, texts, strict=True)],
        prompts.weights,
    )
    scores = combined_scores(judged.scores, judged.order)
    with job.finish() as done:
        update_scores(done.session, job, {m.id: rounded_score(scores[m.id]) for m in moments})
