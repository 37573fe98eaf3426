"""Have a model read one window of a transcript; check its proposals and have them repaired once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from shared.engines.llm.forms import Unreadable, schema_of
from shared.engines.llm.protocol import Question, Turn
from shared.error_codes.models import INVALID_ANSWER, MODEL_REFUSED
from shared.errors import Reject
from shared.model_calls.asker import Asker, ModelRefusal, RecordedAnswer
from shared.model_calls.budget import is_over_budget
from shared.moments.prompts.answers import Moments, read_moments
from shared.moments.prompts.questions import (
    generation_message,
    generation_repair,
)
from shared.moments.rules.bounds import Bounds
from shared.moments.rules.proposals import Accepted, Proposal, Rejected, check_proposal
from shared.moments.rules.script import Script
from shared.moments.rules.windows import Window

T = TypeVar("T")
FEWER = "Answer with fewer moments and shorter reasons."


@dataclass(frozen=True, slots=True)
class ProposalResult:
    """One proposal and its result; `proposal` is None if the answer could not be parsed.

    `turns` are the messages between the first one and the answer, if the model had to repair it.
    """

    proposal: Proposal | None
    result: Accepted | Rejected
    repaired: bool = False
    turns: tuple[Turn, ...] = ()


@dataclass(frozen=True, slots=True)
class Reader:
    """Reads the windows of one run. `count` is the number of moments to ask for per window."""

    asker: Asker
    script: Script
    bounds: Bounds
    system: str
    instruction: str
    count: int

    def question(self, window: Window) -> Question:
        """The question about one window."""
        sentences = self.script.sentences
        text = generation_message(self.instruction, sentences, window, self.bounds, self.count)
        return Question(
            "generate", self.system, (Turn("user", text),), "moments", schema_of(Moments)
        )

    def read(self, window: Window) -> list[ProposalResult]:
        """All proposals, accepted or rejected.

        A refusal, or an answer that stays unreadable, yields one result without a proposal. Raises
        Reject or a transient error if the call itself fails.
        """
        question = self.question(window)
        try:
            found, asked, answered = self.asker.converse(question, read_moments, too_long=FEWER)
        except ModelRefusal as refusal:
            return [
                ProposalResult(
                    None, Rejected(MODEL_REFUSED, f"The model would not answer: {refusal}")
                )
            ]
        except Unreadable as error:
            return [ProposalResult(None, Rejected(INVALID_ANSWER, str(error)))]
        outcomes = self._check(found, window, answered.turns[1:], repaired=False)
        self._note(asked, outcomes)
        faults = [o for o in outcomes if isinstance(o.result, Rejected)]
        if not faults or answered is not question:
            return outcomes
        return outcomes + self._repair(answered, asked, faults, window)

    def _repair(
        self,
        question: Question,
        asked: RecordedAnswer,
        faults: Sequence[ProposalResult],
        window: Window,
    ) -> list[ProposalResult]:
        listed = [f"{_sentences(fault)}: {reason_of(fault)}" for fault in faults[:20]]
        second = question.with_repair(asked.answer.text, generation_repair(listed))
        repaired = ask_for_repair(self.asker, second, read_moments)
        if repaired is None:
            return []
        found, again = repaired
        outcomes = self._check(found, window, second.turns[1:], repaired=True)
        self._note(again, outcomes)
        return outcomes

    def _check(
        self,
        found: Sequence[Proposal | Rejected],
        window: Window,
        turns: tuple[Turn, ...],
        *,
        repaired: bool,
    ) -> list[ProposalResult]:
        return [
            ProposalResult(None, one, repaired, turns)
            if isinstance(one, Rejected)
            else ProposalResult(
                one, check_proposal(one, self.script, window, self.bounds), repaired, turns
            )
            for one in found
        ]

    def _note(self, asked: RecordedAnswer, outcomes: Sequence[ProposalResult]) -> None:
        faults = [reason_of(o) for o in outcomes if isinstance(o.result, Rejected)]
        self.asker.note(asked, {"moments": len(outcomes), "faults": faults[:50]})


def ask_for_repair(
    asker: Asker, second: Question, parse: Callable[[str], T]
) -> tuple[T, RecordedAnswer] | None:
    """The answer to a repair request; None if it cannot be parsed.

    Repair is optional: if the model refuses or the budget is spent, the first answer stands.
    """
    try:
        return asker.ask_and_read(second, parse)
    except (ModelRefusal, Unreadable):
        return None
    except Reject as reject:
        if is_over_budget(reject):
            return None
        raise


def _sentences(outcome: ProposalResult) -> str:
    if outcome.proposal is None:
        return "One of them"
    return f"Sentences {outcome.proposal.start_id} to {outcome.proposal.end_id}"


def reason_of(outcome: ProposalResult) -> str:
    """The reason of a rejected proposal; empty for an accepted one."""
    return outcome.result.reason if isinstance(outcome.result, Rejected) else ""
