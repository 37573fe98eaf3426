"""Every minute: nothing is forgotten."""

from __future__ import annotations

from shared.messages.upkeep import SweepRequested
from shared.pipeline.context import Context
from shared.pipeline.stage import Resources, task
from shared.pipeline.upkeep.sweep import sweep as sweep_ledger


@task(
    consumes=[SweepRequested],
    resources=Resources(timeout_seconds=120, memory_mib=512, max_instances=1),
    needs=["derived"],
    republishes=True,
)
def sweep(message: SweepRequested, context: Context) -> None:
    """Free expired leases, publish again what waits too long, end what has nothing left to do."""
    sweep_ledger(context)
