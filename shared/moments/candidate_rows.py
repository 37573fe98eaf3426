"""The rows of candidates: written when a window is read, updated when moments are selected."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, Literal

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from shared.db.models import MomentCandidate
from shared.db.text import without_unstorable
from shared.engines.llm.protocol import Turn
from shared.moments.moments_job import MomentsJob
from shared.moments.reader import ProposalResult
from shared.moments.rules.proposals import Accepted, Proposal, Rejected


def candidate_row(
    job: MomentsJob,
    outcome: ProposalResult,
    asked: Mapping[str, Any],
    *,
    operation: Literal["generate", "refine"],
    prompt_id: int,
) -> MomentCandidate:
    """A new row of what the run's model proposed when it was asked that."""
    return MomentCandidate(
        pipeline_id=job.history.id,
        video_id=job.video.id,
        prompt_id=prompt_id,
        operation=operation,
        model=job.config.model,
        asked={**asked, **turns_json(outcome.turns)},
        **candidate_values(outcome.result, outcome.proposal, repaired=outcome.repaired),
    )


def candidate_values(
    outcome: Accepted | Rejected, proposal: Proposal | None, *, repaired: bool
) -> dict[str, Any]:
    """The columns for a proposal and for the fault found in it, if any."""
    values: dict[str, Any] = {
        "proposal": proposal_json(proposal),
        "repaired": repaired,
        "status": "proposed",
    }
    if isinstance(outcome, Rejected):
        return values | {
            "status": "rejected",
            "rejection_code": outcome.code,
            "reason": without_unstorable(outcome.reason)[:2000],
        }
    return values | {
        "start_time": outcome.span.start_seconds,
        "end_time": outcome.span.end_seconds,
    }


def turns_json(turns: Sequence[Turn]) -> dict[str, Any]:
    """The messages between the first one and the answer, for the column `asked`."""
    stored = [{"role": turn.role, "text": without_unstorable(turn.text)} for turn in turns]
    return {"turns": stored} if stored else {}


def proposal_json(proposal: Proposal | None) -> dict[str, Any]:
    """The JSON of a proposal; empty if the answer held none."""
    if proposal is None:
        return {}
    return {
        "start_id": proposal.start_id,
        "end_id": proposal.end_id,
        "quote": without_unstorable(proposal.quote),
        "title": without_unstorable(proposal.title),
        "reason": without_unstorable(proposal.reason),
        "scores": dict(proposal.sub_scores),
    }


def proposed(session: Session, pipeline_id: int) -> list[MomentCandidate]:
    """The accepted proposals of a run's generation, in the order of its windows."""
    return list(
        session.execute(
            select(MomentCandidate)
            .where(
                MomentCandidate.pipeline_id == pipeline_id,
                MomentCandidate.operation == "generate",
                MomentCandidate.status != "rejected",
            )
            .order_by(MomentCandidate.id)
        ).scalars()
    )


def rejections(session: Session, pipeline_id: int) -> Counter[str]:
    """The number of rejected proposals for each code."""
    codes = session.execute(
        select(MomentCandidate.rejection_code).where(
            MomentCandidate.pipeline_id == pipeline_id,
            MomentCandidate.operation == "generate",
            MomentCandidate.status == "rejected",
        )
    ).scalars()
    return Counter(code for code in codes if code is not None)


def decide(session: Session, decisions: Mapping[int, Mapping[str, Any]]) -> None:
    """Write the decision on each candidate; `decisions` maps its id to columns."""
    for candidate_id, values in decisions.items():
        session.execute(
            update(MomentCandidate).where(MomentCandidate.id == candidate_id).values(**values)
        )
