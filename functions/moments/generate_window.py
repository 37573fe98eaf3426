"""transcript-windowed → a model's proposals for a batch of windows; the last batch continues."""

from __future__ import annotations

from shared.error_codes.models import MODEL_REFUSED
from shared.errors import Reject
from shared.messages.moments import CandidatesFound, TranscriptWindowed
from shared.model_calls.asker import Asker
from shared.model_calls.concurrency import run_concurrently
from shared.moments.candidate_rows import candidate_row
from shared.moments.inputs import script_of
from shared.moments.moments_job import MomentsJob
from shared.moments.reader import ProposalResult
from shared.moments.reading_plan import READ_SECONDS, reader_of
from shared.moments.rules.proposals import Rejected
from shared.moments.rules.windows import Window
from shared.pipeline.stage import Resources, stage


@stage(
    does="letting the model read the transcript",
    consumes=[TranscriptWindowed],
    emits=[CandidatesFound],
    pipeline_types=["full", "moments_only"],
    resources=Resources(timeout_seconds=READ_SECONDS, cpu=1, memory_mib=1024),
    needs=["models"],
)
def generate_window(message: TranscriptWindowed, job: MomentsJob) -> None:
    """Ask about each window, several at a time; keep the proposals and the rejections."""
    asker = Asker(job, message.subject, job.endpoint())
    windows = [Window(first, last) for first, last in message.windows]
    reader = reader_of(job, asker, script_of(job), message.count * len(windows))
    found = run_concurrently(reader.read, windows, job.settings.llm_concurrency)
    _raise_if_all_refused(found)
    with job.finish() as done:
        for window, outcomes in zip(windows, found, strict=True):
            asked = {"first": window.first, "last": window.last, "count": reader.count}
            for outcome in outcomes:
                done.add(
                    candidate_row(
                        job,
                        outcome,
                        asked,
                        operation="generate",
                        prompt_id=job.config.prompt_id,
                    )
                )
        if done.is_last_sibling():
            done.emit(job.message(CandidatesFound))


def _raise_if_all_refused(found: list[list[ProposalResult]]) -> None:
    """Raise if the model refused every window. If it refused some, only their moments are lost."""
    refused = [
        outcome.result.reason
        for outcomes in found
        for outcome in outcomes
        if isinstance(outcome.result, Rejected) and outcome.result.code == MODEL_REFUSED
    ]
    if len(refused) == len(found):
        raise Reject(MODEL_REFUSED, f"{refused[0]} Run it with another model or prompt.")
