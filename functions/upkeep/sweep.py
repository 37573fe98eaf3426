"""Every minute: the ledger and the subjects resume interrupted work."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from shared.messages.upkeep import SweepRequested
from shared.model_calls.budget import purge_model_calls
from shared.pipeline.context import Context
from shared.pipeline.stage import Resources, task
from shared.pipeline.upkeep.sweep import Chore, SweepReport
from shared.pipeline.upkeep.sweep import sweep as sweep_ledger
from shared.videos.deletion import resume_deletions


def finish_deletions(context: Context) -> int:
    """Resume interrupted deletions. Returns how many are finished now."""
    return len(resume_deletions(context))


CHORES: Mapping[str, Chore] = {"purged": purge_model_calls, "deleted": finish_deletions}


@task(
    does="resuming interrupted work",
    consumes=[SweepRequested],
    resources=Resources(timeout_seconds=120, memory_mib=512, max_instances=1),
    needs=["derived"],
    republishes=True,
)
def sweep(message: SweepRequested, context: Context) -> None:
    """Free expired leases, republish messages that wait long, end runs with nothing left to do."""
    sweep_all(context)


def sweep_all(
    context: Context, *, at_once: bool = False, dead_owners: Collection[str] | None = None
) -> SweepReport:
    """Sweep the ledger and run every subject's chore. Parameters and errors as in the ledger's."""
    return sweep_ledger(context, at_once=at_once, dead_owners=dead_owners, chores=CHORES)
