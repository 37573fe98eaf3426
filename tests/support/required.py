"""Fail tests that skip although this machine has the part they need.

VIDEOMOMENTS_TEST_REQUIRE is a comma list of parts (`emulator,media,speech-fixture`). A skip whose
reason names a required part is a failure; so is a required part that is unknown here.
"""

from __future__ import annotations

import os
from collections.abc import Generator, Mapping

import pytest

VARIABLE = "VIDEOMOMENTS_TEST_REQUIRE"
# Part -> what the reason of a skip says when that part is missing.
PARTS: Mapping[str, tuple[str, ...]] = {
    "emulator": ("emulator",),
    "media": ("../shared/media", "real speech"),
    "speech-fixture": ("memorised whisper", "fixture-whisper"),
    "terraform": ("terraform is not installed",),
    "gcloud": ("gcloud is not installed",),
    "shellcheck": ("shellcheck is not installed",),
    "extras": ("extra is not installed", "could not import"),
}
REQUIRED = pytest.StashKey[tuple[str, ...]]()


def required_parts(listed: str) -> tuple[str, ...]:
    """The parts of a comma list. Raises `pytest.UsageError` for one that is not in `PARTS`."""
    parts = tuple(part.strip() for part in listed.split(",") if part.strip())
    unknown = sorted(set(parts) - set(PARTS))
    if unknown:
        known = ", ".join(PARTS)
        raise pytest.UsageError(f"{VARIABLE} names {', '.join(unknown)}; there are: {known}.")
    return parts


def missing_part(reason: str, required: tuple[str, ...]) -> str | None:
    """The required part whose absence skipped the test, or None."""
    said = reason.lower()
    return next((part for part in required if any(word in said for word in PARTS[part])), None)


def pytest_configure(config: pytest.Config) -> None:
    """Read the environment once."""
    config.stash[REQUIRED] = required_parts(os.environ.get(VARIABLE, ""))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item,
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Fail a test that skips itself."""
    report = yield
    _judge(report, item.config)
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report(
    collector: pytest.Collector,
) -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    """Fail a module that skips itself."""
    report = yield
    _judge(report, collector.config)
    return report


def _judge(report: pytest.TestReport | pytest.CollectReport, config: pytest.Config) -> None:
    if report.outcome != "skipped" or hasattr(report, "wasxfail"):
        return
    told = report.longrepr
    reason = str(told[2] if isinstance(told, tuple) else told)
    part = missing_part(reason, config.stash[REQUIRED])
    if part is not None:
        report.outcome = "failed"
        report.longrepr = f"{VARIABLE} requires {part!r}, but: {reason}"
