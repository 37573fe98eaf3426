"""From the candidates of a run to its moments: merge, rank, select, fill up."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from shared.db.models import MomentCandidate
from shared.domain.levels import loudness_of
from shared.domain.spans import TimeSpan
from shared.domain.transcript import TimedTranscript
from shared.model_calls.asker import Asker
from shared.moments.comparison import ranked
from shared.moments.prompts.questions import Item
from shared.moments.rows import NewMoment
from shared.moments.rules.bounds import Bounds
from shared.moments.rules.deduplication import Candidate, merge
from shared.moments.rules.extractive.method import METHOD, find_moments
from shared.moments.rules.proposals import clean_title
from shared.moments.rules.ranking import choose, fill_up, marks, score_of, weighted
from shared.moments.rules.script import Script


@dataclass(frozen=True, slots=True)
class Selection:
    """The moments in order of time, and the new column values of every candidate, by id."""

    moments: tuple[NewMoment, ...]
    decisions: Mapping[int, Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class Selector:
    """Selects the moments of a run from its candidates."""

    asker: Asker
    script: Script
    bounds: Bounds
    weights: Mapping[str, float]
    system: str
    wish: str

    def select(self, rows: Sequence[MomentCandidate]) -> Selection:
        """Ask the model to rank the candidates, once, if there are two or more."""
        by_key = {row.id: row for row in rows}
        kept, merged = merge(self._candidate(row) for row in rows)
        kept = _fairly(kept, by_key)
        items = [Item(c.key, _title(by_key[c.key]), c.text) for c in kept]
        order = ranked(self.asker, self.system, self.wish, items)
        marked = marks({c.key: c.quality for c in kept}, order)
        chosen = choose(kept, marked, self.script.words, self.bounds)
        decisions: dict[int, Mapping[str, Any]] = {
            one.key: {"status": "merged", "reason": f"The same as {one.into}, by {one.test}."}
            for one in merged
        }
        for candidate in kept:
            key = candidate.key
            decisions[key] = (
                {"status": "chosen"}
                if key in chosen
                else {"status": "not_chosen", "reason": f"Marked {marked[key]:.1f} of 10."}
            )
        return Selection(tuple(self._chosen(by_key[key], marked[key]) for key in chosen), decisions)

    def _candidate(self, row: MomentCandidate) -> Candidate:
        span = _span(row)
        first, last = self.script.touched(span)
        quality = weighted(row.proposal.get("scores") or {}, self.weights)
        return Candidate(row.id, span, first, last, self.script.text(first, last), quality)

    def _chosen(self, row: MomentCandidate, mark: float) -> NewMoment:
        return NewMoment(_span(row), _title(row), score_of(mark), row.model, row.id)


def _fairly(kept: Sequence[Candidate], rows: Mapping[int, MomentCandidate]) -> list[Candidate]:
    """Best first; of equals, the best of each window before the second best of any.

    Small models give everything the same marks, and only so many can be compared: the later
    windows of a long recording must not be left out for being late.
    """
    seen: dict[int, int] = {}
    places: dict[int, int] = {}
    for candidate in kept:
        window = int(rows[candidate.key].asked.get("first", 0))
        places[candidate.key] = seen[window] = seen.get(window, -1) + 1
    return sorted(kept, key=lambda c: (-round(c.quality, 6), places[c.key], c.span, c.key))


def filled_up(
    moments: Sequence[NewMoment], transcript: TimedTranscript, script: Script, bounds: Bounds
) -> list[NewMoment]:
    """With moments found without a model, where the model gave fewer than were asked for."""
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
