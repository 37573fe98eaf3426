"""Where one machine keeps its database, buckets and logs."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from pathlib import Path

import platformdirs

from shared.settings.settings import Settings
from shared.storage.urls import folder_url


@dataclass(frozen=True, slots=True)
class Home:
    """One data folder. Delete it to start from nothing."""

    root: Path

    @staticmethod
    def of(data: Path | None) -> Home:
        """The given folder, or the user's data folder."""
        chosen = data if data is not None else platformdirs.user_data_path("videomoments")
        return Home(chosen.expanduser().absolute())

    def reminder(self, *lines: str) -> list[str]:
        """A line that tells to add --data to the commands in `lines`; [] for the default folder."""
        if self == Home.of(None) or not any("videomoments " in line for line in lines):
            return []
        return [f"Add to each of these commands: --data {shlex.quote(str(self.root))}"]

    @property
    def buckets(self) -> Path:
        """Its sub-folders are the buckets."""
        return self.root / "buckets"

    @property
    def postgres(self) -> Path:
        """The embedded server's cluster."""
        return self.root / "postgres"

    @property
    def work(self) -> Path:
        """Temporary files of functions at work; emptied at start."""
        return self.root / "work"

    @property
    def log(self) -> Path:
        """The functions' log, as JSON lines."""
        return self.root / "videomoments.log"

    @property
    def lock(self) -> Path:
        """Held by the process whose functions work on this data."""
        return self.root / "lock"

    @property
    def running(self) -> Path:
        """The note by which other commands find a running `videomoments dev`."""
        return self.root / "dev.json"

    def settings(self, settings: Settings) -> Settings:
        """The settings with this folder's buckets, unless others are named."""
        return settings.model_copy(
            update={
                "folder_root": settings.folder_root or self.buckets,
                "upload_url": settings.upload_url or folder_url(self.buckets, "uploads"),
                "derived_url": settings.derived_url or folder_url(self.buckets, "derived"),
                "database_pool_size": max(settings.database_pool_size, 2 * settings.workers + 4),
            }
        )
