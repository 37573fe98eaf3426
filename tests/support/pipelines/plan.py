"""The plan of the small pipeline in `pipelines`: what its stages do, and where they fail."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from shared.messages.base import Message
from shared.videos.video_job import VideoJob

Hook = Callable[[Any, VideoJob], None]


@dataclass
class Plan:
    """The widths of the fans, and the hooks.

    `hooks` by name: `stage` runs before its finish, `stage.finish` at the end of the finish's
    block, `stage.after` after the commit.
    """

    slices: int = 2
    moments: int = 2
    emits_twice: bool = False
    hooks: dict[str, Hook] = field(default_factory=dict)

    def reach(self, point: str, message: Message, job: VideoJob) -> None:
        """Call the point's hook, if it has one."""
        if hook := self.hooks.get(point):
            hook(message, job)


def raising(error: BaseException, *, subject: str = "") -> Hook:
    """A hook that raises, for every message or for subjects with that ending."""

    def hook(message: Message, job: VideoJob) -> None:
        if message.subject.endswith(subject):
            raise error

    return hook
