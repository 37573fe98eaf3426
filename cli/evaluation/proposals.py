"""The input and output of a measured generator."""

from __future__ import annotations

from dataclasses import dataclass

from cli.evaluation.measuring.measures import Proposal, Reference
from shared.domain.transcript import TimedTranscript


@dataclass(frozen=True, slots=True)
class Recording:
    """A generator's input. Only the blind baselines use `reference`, to know how many to cut."""

    name: str
    transcript: TimedTranscript
    duration_seconds: float
    reference: Reference


@dataclass(frozen=True, slots=True)
class Attempt:
    """A config's findings in an item and, if something failed, why."""

    proposal: Proposal
    error: str | None = None


Heard = tuple[TimedTranscript, float]


SILENT = TimedTranscript("und", (), ())
