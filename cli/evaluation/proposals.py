"""What goes into a generator that is measured, and what comes out of it."""

from __future__ import annotations

from dataclasses import dataclass

from cli.evaluation.measuring.measures import Proposal, Reference
from shared.domain.transcript import Transcript


@dataclass(frozen=True, slots=True)
class Recording:
    """What a generator is given; `reference` only tells the blind baselines how many to cut."""

    name: str
    transcript: Transcript
    duration_seconds: float
    reference: Reference


@dataclass(frozen=True, slots=True)
class Attempt:
    """What a config found in an item and, where not all went well, why not."""

    proposal: Proposal
    error: str | None = None


Heard = tuple[Transcript, float]


SILENT = Transcript("und", (), ())
