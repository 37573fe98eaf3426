"""Plan how a model reads a transcript: windows, and batches of windows that end in time."""

from __future__ import annotations

import math

from shared.domain.tokens import estimate_tokens
from shared.engines.llm.protocol import Endpoint
from shared.error_codes.models import MODEL_CONTEXT_EXCEEDED
from shared.errors import Reject
from shared.model_calls.asker import MARGIN_SECONDS, Asker
from shared.model_calls.budget import Spending, budget_of, check_budget, estimate_spending
from shared.moments.inputs import bounds_of, instruction_of, system_of
from shared.moments.moments_job import MomentsJob
from shared.moments.reader import Reader
from shared.moments.rules.script import Script
from shared.moments.rules.windows import Window, plan_windows

READ_SECONDS = 300
"""The time limit for one batch of windows; one window may take two answers."""
_LEAST_TOKENS = 150
_AROUND_TOKENS = 300
"""The tokens of a question besides its system prompt, its instruction and its window."""


def windows_of(job: MomentsJob, endpoint: Endpoint, script: Script) -> list[Window]:
    """Windows of the settings' size, or smaller ones if the model's context is too small.

    Raises Reject if the prompt and the answer leave no room for the transcript.
    """
    settings = job.settings
    around = estimate_tokens(system_of(job)) + estimate_tokens(instruction_of(job))
    # A repair request includes the first answer, so the context must hold two answers.
    room = endpoint.context_tokens - 2 * endpoint.answer_tokens - around - _AROUND_TOKENS
    if room < _LEAST_TOKENS:
        raise Reject(
            MODEL_CONTEXT_EXCEEDED,
            f"The prompt and the answers leave {room} of {endpoint.context_tokens} tokens for "
            "the transcript. Lower VIDEOMOMENTS_LLM_ANSWER_TOKENS, or choose a model with a longer "
            "context.",
        )
    window_tokens = min(settings.llm_window_tokens, room)
    longest = job.config.max_moment_length or 0.0
    return plan_windows(
        script.sentences,
        window_tokens=window_tokens,
        overlap_tokens=min(settings.llm_overlap_tokens, window_tokens // 2),
        overlap_seconds=longest,
    )


def batches_of(job: MomentsJob, windows: list[Window]) -> list[list[Window]]:
    """Split the windows into batches that each end within `READ_SECONDS`."""
    settings = job.settings
    waves = int((READ_SECONDS - MARGIN_SECONDS) // (2 * settings.llm_timeout_seconds))
    size = settings.llm_concurrency * max(1, waves)
    return [windows[i : i + size] for i in range(0, len(windows), size)]


def reader_of(job: MomentsJob, asker: Asker, script: Script, window_count: int) -> Reader:
    """The reader of the run's windows."""
    bounds = bounds_of(job.config, len(script.sentences))
    wanted = math.ceil(2 * bounds.max_moments / max(1, window_count)) + 1
    return Reader(
        asker,
        script,
        bounds,
        system_of(job),
        instruction_of(job),
        count=min(12, max(2, wanted)),
    )


def check_whole_budget(
    job: MomentsJob, asker: Asker, script: Script, windows: list[Window]
) -> None:
    """Raise Reject if reading every window would take more than the run may spend."""
    reader = reader_of(job, asker, script, len(windows))
    wanted = [estimate_spending(asker.endpoint, reader.question(window)) for window in windows]
    costs = [one.cost for one in wanted if one.cost is not None]
    whole = Spending(
        sum(one.input_tokens for one in wanted),
        sum(one.output_tokens for one in wanted),
        sum(costs) if len(costs) == len(wanted) else None,
    )
    with job.read() as session:
        check_budget(session, job.run.id, whole, budget_of(job.settings))
