"""What models proposed: written when it is read, decided on when the moments are chosen."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, Literal

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from shared.db.models import MomentCandidate
from shared.db.text import storable
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
        pipeline_id=job.pipeline.id,
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
    """The columns that say what was proposed, and what is wrong with it."""
    values: dict[str, Any] = {
        "proposal": proposal_json(proposal),
        "repaired": repaired,
        "status": "proposed",
    }
    if isinstance(outcome, Rejected):
        return values | {
            "status": "rejected",
            "rejection_code": outcome.code,
            "reason": storable(outcome.reason)[:2000],
        }
    return values | {
        "start_time": outcome.span.start_seconds,
        "end_time": outcome.span.end_seconds,
    }


def turns_json(turns: Sequence[Turn]) -> dict[str, Any]:
    """What was said between the first message and the answer, as a part of what was asked."""
    told = [{"role": turn.role, "text": storable(turn.text)} for turn in turns]
    return {"turns": told} if told else {}


def proposal_json(proposal: Proposal | None) -> dict[str, Any]:
    """A proposal as it is kept; empty where what came was no proposal."""
    if proposal is None:
        return {}
    return {
        "start_id": proposal.start_id,
        "end_id": proposal.end_id,
        "quote": storable(proposal.quote),
        "title": storable(proposal.title),
        "reason": storable(proposal.reason),
        "scores": dict(proposal.sub_scores),
    }


def proposed(session: Session, pipeline_id: int) -> list[MomentCandidate]:
    """Every sound proposal of a pipeline's generation, in the order of its windows."""
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
    """How many proposals were rejected, by code."""
    codes = session.execute(
        select(MomentCandidate.rejection_code).where(
            MomentCandidate.pipeline_id == pipeline_id,
            MomentCandidate.operation == "generate",
            MomentCandidate.status == "rejected",
        )
    ).scalars()
    return Counter(code for code in codes if code is not None)


def decide(session: Session, decisions: Mapping[int, Mapping[str, Any]]) -> None:
    """Write for each candidate what became of it."""
    for candidate_id, values in decisions.items():
        session.execute(
            update(MomentCandidate).where(MomentCandidate.id == candidate_id).values(**values)
        )
