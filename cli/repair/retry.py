"""`videomoments retry`: repeat failed steps, here or by functions that run elsewhere."""

from __future__ import annotations

from rich.console import Console
from sqlalchemy.orm import Session

from cli.insight.status import pipelines_of
from cli.local.cloud import local_cloud
from cli.local.command_context import command_context
from cli.local.home import Home
from cli.local.log_file import logged_to
from cli.repair.publish import reachable_publisher
from cli.report.quantities import count_words
from cli.run.progress import ProgressDisplay
from cli.run.requests import state, wait
from shared.db.models import RunStatus
from shared.error_codes.commands import NOTHING_TO_RETRY
from shared.errors import Reject
from shared.pipeline.context import Context
from shared.pipeline.ledger.run_state import ENDS_RUN
from shared.pipeline.upkeep.retry import retry
from shared.settings.settings import Settings


def retry_video(settings: Settings, home: Home, video: str, stage: str | None) -> int:
    """Exit code 0 if all retried runs completed, or other processes took them.

    Raises `Reject` if there is nothing to retry, `TopologyError` for an unknown stage.
    """
    console = Console(stderr=True, soft_wrap=True)

    def say(line: str) -> None:
        console.print(line, highlight=False, markup=False)

    publisher = reachable_publisher(settings, home)
    if publisher is not None:
        with command_context(settings, home, publisher) as context:
            reopened = reopen(context, video, stage)
        say(f"{_words(reopened)} published. See: videomoments status {video}")
        return 0
    with (
        logged_to(settings, home),
        local_cloud(settings, home, on_notice=say, on_wait=say) as cloud,
    ):
        reopened = reopen(cloud.context, video, stage)
        say(f"{_words(reopened)} begun again.")
        with ProgressDisplay(console, dict.fromkeys(reopened, video)) as display:
            wait(cloud.context, list(reopened), display.show)
        ends = {identifier: state(cloud.context, identifier)[0] for identifier in reopened}
    for identifier, status in ends.items():
        say(f"{identifier}: {status}")
    if all(status == RunStatus.COMPLETED for status in ends.values()):
        return 0
    say(f"Why: videomoments explain {video}")
    return 1


def reopen(context: Context, video: str, stage: str | None) -> dict[str, int]:
    """Requeue failed steps. Returns the number of steps for each run."""
    with Session(context.engine) as session:
        identifiers = pipelines_of(session, video)
    counts = {identifier: retry(context, identifier, stage) for identifier in identifiers}
    reopened = {identifier: count for identifier, count in counts.items() if count}
    if not reopened:
        raise _nothing_to_retry(context, identifiers, video, stage)
    return reopened


def _nothing_to_retry(
    context: Context, identifiers: list[str], video: str, stage: str | None
) -> Reject:
    ends = {state(context, identifier)[0] for identifier in identifiers}
    if ends and ends <= set(ENDS_RUN.values()):
        return Reject(
            NOTHING_TO_RETRY,
            f"The file of {video} was deleted or overwritten since. Run the current file instead.",
        )
    where = f" in {stage}" if stage else ""
    return Reject(
        NOTHING_TO_RETRY,
        f"Nothing failed{where} in the ended runs of {video}. See: videomoments explain {video}",
    )


def _words(reopened: dict[str, int]) -> str:
    steps, runs = sum(reopened.values()), len(reopened)
    return f"{count_words(steps, 'step')} of {count_words(runs, 'run')}"
