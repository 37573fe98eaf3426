"""Reading one window of a transcript with a model: what it proposes, checked, mended once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TypeVar

from shared.engines.llm.forms import Unreadable, read, schema_of
from shared.engines.llm.protocol import Question, Turn
from shared.error_codes.models import INVALID_ANSWER, MODEL_REFUSED
from shared.errors import Reject
from shared.model_calls.asker import Asker, ModelRefusal, RecordedAnswer, is_over_budget
from shared.moments.prompts.answers import Moments, RefinedMoment, as_proposal, read_moments
from shared.moments.prompts.questions import (
    generation_message,
    generation_repair,
    refinement_message,
)
from shared.moments.rules.bounds import Bounds
from shared.moments.rules.proposals import Accepted, Proposal, Rejected, place
from shared.moments.rules.script import Script
from shared.moments.rules.windows import Window

T = TypeVar("T")
FEWER = "Answer with fewer moments and shorter reasons."


@dataclass(frozen=True, slots=True)
class ProposalResult:
    """One proposal and what came of it; `proposal` is None where nothing could be read.

    `turns`: what followed the first message before the answer, where that was asked for again.
    """

    proposal: Proposal | None
    result: Accepted | Rejected
    repaired: bool = False
    turns: tuple[Turn, ...] = ()


@dataclass(frozen=True, slots=True)
class Reader:
    """What the reading of every window has in common."""

    asker: Asker
    script: Script
    bounds: Bounds
    system: str
    wish: str
    count: int

    def question(self, window: Window) -> Question:
        """What is asked about one window."""
        text = generation_message(self.wish, self.script.sentences, window, self.bounds, self.count)
        return Question(
            "generate", self.system, (Turn("user", text),), "moments", schema_of(Moments)
        )

    def read(self, window: Window) -> list[ProposalResult]:
        """All proposals, sound or not. Raises `Reject` or what is transient, never for an answer.

        A refusal, and an answer that stays unreadable, is one outcome without a proposal.
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
        outcomes = self._placed(found, window, answered.turns[1:], repaired=False)
        self._note(asked, outcomes)
        faults = [o for o in outcomes if isinstance(o.result, Rejected)]
        if not faults or answered is not question:
            return outcomes
        return outcomes + self._mended(answered, asked, faults, window)

    def _mended(
        self,
        question: Question,
        asked: RecordedAnswer,
        faults: Sequence[ProposalResult],
        window: Window,
    ) -> list[ProposalResult]:
        listed = [f"{_named(fault)}: {_reason(fault)}" for fault in faults[:20]]
        second = question.again(asked.answer.text, generation_repair(listed))
        mended = mended_once(self.asker, second, read_moments)
        if mended is None:
            return []
        found, again = mended
        outcomes = self._placed(found, window, second.turns[1:], repaired=True)
        self._note(again, outcomes)
        return outcomes

    def _placed(
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
            else ProposalResult(one, place(one, self.script, window, self.bounds), repaired, turns)
            for one in found
        ]

    def _note(self, asked: RecordedAnswer, outcomes: Sequence[ProposalResult]) -> None:
        faults = [_reason(o) for o in outcomes if isinstance(o.result, Rejected)]
        self.asker.note(asked, {"moments": len(outcomes), "faults": faults[:50]})


@dataclass(frozen=True, slots=True)
class Refiner:
    """One moment with what is said around it."""

    asker: Asker
    script: Script
    bounds: Bounds
    system: str
    wish: str

    def look(self, window: Window, focus: Window) -> list[ProposalResult]:
        """The refined moment, and what was rejected on the way to it. Raises `ModelRefusal`."""
        text = refinement_message(self.wish, self.script.sentences, window, focus, self.bounds)
        question = Question(
            "refine", self.system, (Turn("user", text),), "moment", schema_of(RefinedMoment)
        )
        try:
            found, asked, answered = self.asker.converse(
                question, partial(read, form=RefinedMoment)
            )
        except Unreadable as error:
            return [ProposalResult(None, Rejected(INVALID_ANSWER, str(error)))]
        first = self._placed(found, window, focus, answered.turns[1:], repaired=False)
        self._note(asked, first)
        if not isinstance(first.result, Rejected) or answered is not question:
            return [first]
        second = question.again(asked.answer.text, generation_repair([first.result.reason]))
        mended = mended_once(self.asker, second, partial(read, form=RefinedMoment))
        if mended is None:
            return [first]
        found, again = mended
        placed = self._placed(found, window, focus, second.turns[1:], repaired=True)
        self._note(again, placed)
        return [first, placed]

    def _placed(
        self,
        moment: RefinedMoment,
        window: Window,
        focus: Window,
        turns: tuple[Turn, ...],
        *,
        repaired: bool,
    ) -> ProposalResult:
        proposal = as_proposal(moment)
        result = place(proposal, self.script, window, self.bounds)
        if isinstance(result, Accepted) and not (
            result.first_sentence <= focus.last and focus.first <= result.last_sentence
        ):
            result = Rejected(
                "another_moment",
                f"That is another moment: keep to sentences {focus.first} to {focus.last} or some "
                "of them.",
            )
        return ProposalResult(proposal, result, repaired, turns)

    def _note(self, asked: RecordedAnswer, outcome: ProposalResult) -> None:
        faults = [_reason(outcome)] if isinstance(outcome.result, Rejected) else []
        self.asker.note(asked, {"moments": 1, "faults": faults})


def mended_once(
    asker: Asker, second: Question, read_as: Callable[[str], T]
) -> tuple[T, RecordedAnswer] | None:
    """The answer to a repair; None where it is none: what is wrong is on record already.

    Mending is an offer. Neither a refusal nor a spent budget takes back what was answered.
    """
    try:
        return asker.ask_and_read(second, read_as)
    except (ModelRefusal, Unreadable):
        return None
    except Reject as reject:
        if is_over_budget(reject):
            return None
        raise


def _named(outcome: ProposalResult) -> str:
    if outcome.proposal is None:
        return "One of them"
    return f"Sentences {outcome.proposal.start_id} to {outcome.proposal.end_id}"


def _reason(outcome: ProposalResult) -> str:
    return outcome.result.reason if isinstance(outcome.result, Rejected) else ""
