"""Check the topics: present, and wired like the topology."""

from __future__ import annotations

import os
from collections.abc import Iterator

from cli.doctor.checks import Check
from cli.local.cloud import subscription_specs
from cli.local.dev_note import DEFAULT_PROJECT, find_running
from cli.local.home import Home
from functions.main import TOPOLOGY
from shared.messaging.pubsub.drift import differences
from shared.settings.settings import PREFIX, Settings

SHOWN = 6


def check_topics(settings: Settings, home: Home) -> Iterator[Check]:
    """Pub/Sub if a project is set, the emulator if there is one, else nothing."""
    running = find_running(home.running)
    host = os.environ.get("PUBSUB_EMULATOR_HOST") or (running.emulator_host if running else None)
    if host is not None:
        project = running.project if running is not None else settings.project or DEFAULT_PROJECT
        yield _compared(
            settings,
            project,
            host,
            "Start videomoments dev; it creates the missing topics and subscriptions.",
        )
    elif settings.project is not None and settings.pubsub_endpoint is None:
        remedy = "Run terraform apply in infra/terraform; it creates and corrects them."
        yield _compared(settings, settings.project, None, remedy)
    elif running is not None:
        yield Check("topics", "ok", f"in the process of videomoments dev ({running.pid})")
    else:
        found = f"in-process: {PREFIX}PROJECT is not set, and no videomoments dev is running here"
        yield Check("topics", "ok", found)


def _compared(settings: Settings, project: str, host: str | None, remedy: str) -> Check:
    topics = [*TOPOLOGY.messages]
    specs = subscription_specs(TOPOLOGY, settings)
    where = f"the emulator at {host}, project {project}" if host else f"project {project}"
    found = differences(topics, specs, project=project, emulator_host=host)
    if not found:
        counts = f"{len(topics)} topics and {len(specs)} subscriptions"
        return Check("topics", "ok", f"{counts} of {where} are as the topology says")
    more = f" And {len(found) - SHOWN} more." if len(found) > SHOWN else ""
    return Check("topics", "problem", f"{where}: {' '.join(found[:SHOWN])}{more}", remedy)
