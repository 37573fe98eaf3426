"""A log that cannot be written loses its records and affects nothing else."""

from __future__ import annotations

import errno
import io
from pathlib import Path

import pytest
import structlog

from cli.local.home import Home
from cli.local.log_file import logged_to
from shared.settings.settings import Settings
from shared.telemetry import logs as log
from tests.support.telemetry.log_capture import restored

__all__ = ["restored"]
FULL = Path("/dev/full")


class _Failing(io.StringIO):
    def __init__(self, fault: Exception) -> None:
        super().__init__()
        self._fault = fault

    def write(self, text: str) -> int:
        raise self._fault


@pytest.mark.parametrize(
    ("fault", "printed"), [(OSError(errno.ENOSPC, "full"), False), (ValueError("bug"), True)]
)
def test_log_prints_a_trace_only_when_the_error_is_a_bug(
    capsys: pytest.CaptureFixture[str], fault: Exception, *, printed: bool
) -> None:
    """A full disk raises and prints nothing; another error prints its trace."""
    log.configure("json", "INFO", None, _Failing(fault))
    structlog.get_logger("test").info("one record")
    assert ("Traceback" in capsys.readouterr().err) == printed


@pytest.mark.skipif(not FULL.exists(), reason="no /dev/full here")
def test_log_can_be_closed_when_the_disk_is_full(tmp_path: Path) -> None:
    """The command's own output survives the loss of the log's last lines."""
    home = Home(tmp_path)
    home.log.symlink_to(FULL)
    with logged_to(Settings(), home):
        structlog.get_logger("test").info("one record")
