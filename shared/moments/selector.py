"""Turn a run's candidates into moments: merge duplicates, rank, select, and fill up."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from shared.db.models import MomentCandidate
from shared.domain.levels import loudness_of
from shared.domain.spans import TimeSpan
from shared.domain.transcript import TimedTranscript
from shared.model_calls.asker import Asker
from shared.moments.comparison import rank
from shared.moments.prompts.questions import Item
from shared.moments.rows import NewMoment
from shared.moments.rules.bounds import Bounds
from shared.moments.rules.deduplication import Candidate, deduplicate
from shared.moments.rules.extractive.method import METHOD, find_moments
from shared.moments.rules.proposals import clean_title
from shared.moments.rules.ranking import (
    combined_scores,
    fill_up,
    rounded_score,
    select_candidates,
    weighted_score,
)
from shared.moments.rules.script import Script


@dataclass(frozen=True, slots=True)
class Selection:
    """The moments in time order, and the columns to write for each candidate by its id."""

    moments: tuple[NewMoment, ...]
    decisions: Mapping[int, Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class Selector:
    """Selects a run's moments. `instruction` is the user's own; `weights` are for sub-scores."""

    asker: Asker
    script: Script
    bounds: Bounds
    weights: Mapping[str, float]
    system: str
    instruction: str

    def select(self, rows: Sequence[MomentCandidate]) -> Selection:
        """Select moments; ask the model to rank them, once, if there are two or more."""
        by_key = {row.id: row for row in rows}
        kept, merged = deduplicate(self._candidate(row) for row in rows)
        kept = _interleave_windows(kept, by_key)
        items = [Item(c.key, _title(by_key[c.key]), c.text) for c in kept]
        order = rank(self.asker, self.system, self.instruction, items)
        scores = combined_scores({c.key: c.score for c in kept}, order)
        selected = select_candidates(kept, scores, self.script.words, self.bounds)
        decisions: dict[int, Mapping[str, Any]] = {
            one.key: {"status": "merged", "reason": f"The same as {one.into}, by {one.test}."}
            for one in merged
        }
        for candidate in kept:
            key = candidate.key
            decisions[key] = (
                {"status": "chosen"}
                if key in selected
                else {"status": "not_chosen", "reason": f"It scored {scores[key]:.1f} of 10."}
            )
        return Selection(
            tuple(self._moment(by_key[key], scores[key]) for key in selected), decisions
        )

    def _candidate(self, row: MomentCandidate) -> Candidate:
        span = _span(row)
        first, last = self.script.sentences_of(span)
        score = weighted_score(row.proposal.get("scores") or {}, self.weights)
        return Candidate(row.id, span, first, last, self.script.text(first, last), score)

    def _moment(self, row: MomentCandidate, score: float) -> NewMoment:
        return NewMoment(_span(row), _title(row), rounded_score(score), row.model, row.id)


def _interleave_windows(
    kept: Sequence[Candidate], rows: Mapping[int, MomentCandidate]
) -> list[Candidate]:
    """Best first; of equal scores, the best of each window before the second best of any.

    Small models give everything the same scores, and only the first candidates are compared. The
    later windows of a long video must not be left out because they come late.
    """
    seen: dict[int, int] = {}
    places: dict[int, int] = {}
    for candidate in kept:
        window = int(rows[candidate.key].asked.get("first", 0))
        places[candidate.key] = seen[window] = seen.get(window, -1) + 1
    return sorted(kept, key=lambda c: (-round(c.score, 6), places[c.key], c.span, c.key))


def fill_up_without_model(
    moments: Sequence[NewMoment], transcript: TimedTranscript, script: Script, bounds: Bounds
) -> list[NewMoment]:
    """Add moments found without a model if the model gave fewer than the run asked for."""
    missing = bounds.min_moments - len(moments)
    if missing <= 0:
        return list(moments)
    count = 2 * bounds.min_moments + len(moments)
    others = find_moments(
        transcript,
        duration_seconds=script.duration_seconds,
        bounds=Bounds(bounds.min_length_seconds, bounds.max_length_seconds, count, count),
        loudness=loudness_of(transcript, script.duration_seconds),
    )
    added = [
        NewMoment(moment.span, moment.title, moment.score, METHOD)
        for moment in fill_up([m.span for m in moments], others, missing)
    ]
    return sorted([*moments, *added], key=lambda m: m.span)


def _span(row: MomentCandidate) -> TimeSpan:
    return TimeSpan(row.start_time or 0.0, row.end_time or 0.0)


def _title(row: MomentCandidate) -> str:
    return clean_title(str(row.proposal.get("title", "")))
