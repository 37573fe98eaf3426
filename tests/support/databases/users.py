"""Use the embedded PostgreSQL from this and from other processes."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import psutil
from sqlalchemy import text

from cli.local.postgres.embedded import EmbeddedPostgres
from shared.db.engine import make_engine
from tests.support.patience import PATIENCE_SECONDS

PROJECT = Path(__file__).resolve().parents[3]
USE_UNTIL_KILLED = """
import sys, time
from pathlib import Path
from cli.local.postgres.embedded import EmbeddedPostgres
postgres = EmbeddedPostgres(Path(sys.argv[1]), fsync=False)
postgres.start()
print("started", flush=True)
sys.stdin.read()
"""


def server_of(folder: Path) -> int:
    """The id of the running server, or 0."""
    try:
        number = int((folder / "cluster" / "pgdata" / "postmaster.pid").read_text().split()[0])
        process = psutil.Process(number)
        running = process.name() == "postgres" and process.status() != psutil.STATUS_ZOMBIE
    except (OSError, psutil.Error):
        return 0
    return number if running else 0


def other_user(folder: Path, *, wait: bool = True) -> subprocess.Popen[str]:
    """Another process that uses the server until it is asked to end, or killed."""
    other = subprocess.Popen(
        [sys.executable, "-c", USE_UNTIL_KILLED, str(folder)],
        cwd=PROJECT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    if wait:
        assert line_from(other) == "started"
    return other


def line_from(process: subprocess.Popen[str]) -> str:
    """Its next line."""
    assert process.stdout is not None
    return process.stdout.readline().strip()


def write_word(postgres: EmbeddedPostgres, word: str) -> None:
    """Commit a word."""
    engine = make_engine(postgres.url(), pool_size=1)
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE IF NOT EXISTS words (word text)"))
        connection.execute(text("INSERT INTO words VALUES (:word)"), {"word": word})
    engine.dispose()


def read_words(postgres: EmbeddedPostgres) -> list[str]:
    """The committed words."""
    engine = make_engine(postgres.url(), pool_size=1)
    with engine.connect() as connection:
        words = list(connection.execute(text("SELECT word FROM words")).scalars())
    engine.dispose()
    return words


def wait_for(condition: Callable[[], bool], seconds: float = PATIENCE_SECONDS) -> None:
    """Wait for the condition; fail if it does not become true in time."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not come true in time"
        time.sleep(0.02)
