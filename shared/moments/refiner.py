"""Have a model move the ends of one moment, and have its answer repaired once."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

from shared.engines.llm.forms import Unreadable, read, schema_of
from shared.engines.llm.protocol import Question, Turn
from shared.error_codes.models import INVALID_ANSWER
from shared.model_calls.asker import Asker, RecordedAnswer
from shared.moments.prompts.answers import RefinedMoment, as_proposal
from shared.moments.prompts.questions import generation_repair, refinement_message
from shared.moments.reader import ProposalResult, ask_for_repair, reason_of
from shared.moments.rules.bounds import Bounds
from shared.moments.rules.proposals import Accepted, Rejected, check_proposal
from shared.moments.rules.script import Script
from shared.moments.rules.windows import Window


@dataclass(frozen=True, slots=True)
class Refiner:
    """Has a model move the ends of one moment, with the sentences around it."""

    asker: Asker
    script: Script
    bounds: Bounds
    system: str
    instruction: str

    def refine(self, window: Window, focus: Window) -> list[ProposalResult]:
        """The refined moment, after a rejected attempt if there was one. Raises `ModelRefusal`."""
        sentences = self.script.sentences
        text = refinement_message(self.instruction, sentences, window, focus, self.bounds)
        question = Question(
            "refine", self.system, (Turn("user", text),), "moment", schema_of(RefinedMoment)
        )
        try:
            found, asked, answered = self.asker.converse(
                question, partial(read, form=RefinedMoment)
            )
        except Unreadable as error:
            return [ProposalResult(None, Rejected(INVALID_ANSWER, str(error)))]
        first = self._check(found, window, focus, answered.turns[1:], repaired=False)
        self._note(asked, first)
        if not isinstance(first.result, Rejected) or answered is not question:
            return [first]
        second = question.with_repair(asked.answer.text, generation_repair([first.result.reason]))
        repaired = ask_for_repair(self.asker, second, partial(read, form=RefinedMoment))
        if repaired is None:
            return [first]
        found, again = repaired
        result = self._check(found, window, focus, second.turns[1:], repaired=True)
        self._note(again, result)
        return [first, result]

    def _check(
        self,
        moment: RefinedMoment,
        window: Window,
        focus: Window,
        turns: tuple[Turn, ...],
        *,
        repaired: bool,
    ) -> ProposalResult:
        proposal = as_proposal(moment)
        result = check_proposal(proposal, self.script, window, self.bounds)
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
        faults = [reason_of(outcome)] if isinstance(outcome.result, Rejected) else []
        self.asker.note(asked, {"moments": 1, "faults": faults})
