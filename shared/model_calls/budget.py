"""The records of model calls: reserved within the budget, settled after the call, purged later."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, cast

from sqlalchemy import CursorResult, delete, func, select, text, update
from sqlalchemy.orm import Session

from shared.db.models import AiRequest
from shared.db.text import without_unstorable
from shared.engines.llm.protocol import Endpoint, Question
from shared.error_codes.models import BUDGET_EXCEEDED, PRICES_UNKNOWN
from shared.errors import Reject
from shared.pipeline.context import Context
from shared.settings.settings import Settings

BUDGET_LOCK = 0x4149
"""The first half of the advisory lock that guards the sum of a run's calls; the other is its id."""
MAX_KEY = 2**31


@dataclass(frozen=True, slots=True)
class Budget:
    """The most that one run may spend; None means no limit."""

    tokens: int | None = None
    cost: float | None = None


@dataclass(frozen=True, slots=True)
class Spending:
    """Tokens of both directions and their cost; None if the prices are unknown."""

    input_tokens: int
    output_tokens: int
    cost: float | None

    @property
    def tokens(self) -> int:
        """The tokens of both directions."""
        return self.input_tokens + self.output_tokens


def is_over_budget(reject: Reject) -> bool:
    """True if the budget is spent. The answers so far still count."""
    return reject.code == BUDGET_EXCEEDED


def budget_of(settings: Settings) -> Budget:
    """The budget of one run."""
    return Budget(settings.llm_budget_tokens, settings.llm_budget_cost)


def estimate_spending(endpoint: Endpoint, question: Question) -> Spending:
    """An estimate of the most that a question may use."""
    tokens = question.input_tokens
    return Spending(tokens, endpoint.answer_tokens, endpoint.cost(tokens, endpoint.answer_tokens))


def reserve(session: Session, row: AiRequest, budget: Budget) -> None:
    """Insert the call as `reserved`, with its estimate. Raises Reject if it exceeds the budget."""
    if budget.tokens is not None or budget.cost is not None:
        session.execute(
            text("SELECT pg_advisory_xact_lock(:key, :run)"),
            {"key": BUDGET_LOCK, "run": (row.run_id or 0) % MAX_KEY},
        )
        check_budget(
            session,
            row.run_id,
            Spending(row.input_tokens, row.output_tokens, row.cost),
            budget,
        )
    session.add(row)
    session.flush()


def check_budget(session: Session, run_id: int | None, wanted: Spending, budget: Budget) -> None:
    """Raise Reject if the spent, the reserved and the wanted together exceed the budget."""
    tokens, cost = session.execute(
        select(
            func.coalesce(func.sum(AiRequest.input_tokens + AiRequest.output_tokens), 0),
            func.coalesce(func.sum(AiRequest.cost), 0.0),
        ).where(AiRequest.run_id == run_id)
    ).one()
    if budget.tokens is not None and tokens + wanted.tokens > budget.tokens:
        raise Reject(
            BUDGET_EXCEEDED,
            f"This run may use {budget.tokens} tokens; it has used {tokens} and may need "
            f"{wanted.tokens} more, so it asks nothing more. Raise VIDEOMOMENTS_LLM_BUDGET_TOKENS.",
        )
    if budget.cost is None:
        return
    if wanted.cost is None:
        raise Reject(
            PRICES_UNKNOWN,
            "A budget in money needs the model's prices. Set VIDEOMOMENTS_LLM_INPUT_PRICE and "
            "VIDEOMOMENTS_LLM_OUTPUT_PRICE, or the prices of its row in model_configs.",
        )
    spent = float(cost or 0.0)
    if spent + wanted.cost > budget.cost:
        raise Reject(
            BUDGET_EXCEEDED,
            f"This run may cost {budget.cost:g}; it has spent {spent:.4f} and may need "
            f"{wanted.cost:.4f} more, so it asks nothing more. Raise VIDEOMOMENTS_LLM_BUDGET_COST.",
        )


def settle(session: Session, request_id: int, **values: Any) -> None:
    """Write the result of a reserved call."""
    for name in ("response", "error_message"):
        if isinstance(values.get(name), str):
            values[name] = without_unstorable(values[name])
    session.execute(update(AiRequest).where(AiRequest.id == request_id).values(**values))


def note_parse(session: Session, request_id: int, parse_result: dict[str, Any]) -> None:
    """Write the result of parsing an answer."""
    session.execute(
        update(AiRequest).where(AiRequest.id == request_id).values(parse_result=parse_result)
    )


def answered_before(session: Session, run_id: int, request_hash: str) -> AiRequest | None:
    """The run's latest answer to the same question, so that no question is paid for twice.

    Ignores answers that could not be parsed.
    """
    return session.execute(
        select(AiRequest)
        .where(
            AiRequest.run_id == run_id,
            AiRequest.request_hash == request_hash,
            AiRequest.outcome == "answered",
            AiRequest.parse_result.is_(None) | ~AiRequest.parse_result.has_key("unreadable"),
        )
        .order_by(AiRequest.id.desc())
        .limit(1)
    ).scalar_one_or_none()


def purge_model_calls(context: Context) -> int:
    """Delete the calls that are older than `llm_keep_days`. Returns how many."""
    kept_since = context.clock.after(-86_400 * context.settings.llm_keep_days)
    with context.session() as session, session.begin():
        result = session.execute(delete(AiRequest).where(AiRequest.created_at < kept_since))
        return cast("CursorResult[Any]", result).rowcount
