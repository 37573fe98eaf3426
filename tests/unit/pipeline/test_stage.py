"""What a declaration makes of a plain function."""

from __future__ import annotations

import pytest

from shared.messages.clips import ClipCut
from shared.pipeline.job import Job
from shared.pipeline.stage import stage
from shared.videos.video_job import VideoJob


def test_stage_makes_the_class_of_job_that_the_function_names() -> None:
    """The annotation alone decides which job a stage gets."""

    @stage(does="testing", consumes=[ClipCut])
    def plain(message: ClipCut, job: Job) -> None:
        """Do nothing."""

    @stage(does="testing", consumes=[ClipCut])
    def of_a_video(message: ClipCut, job: VideoJob) -> None:
        """Do nothing."""

    assert (plain.job, of_a_video.job) == (Job, VideoJob)


def test_stage_refuses_a_function_without_a_job() -> None:
    """A declaration that names no job fails where it stands, not at the first delivery."""
    with pytest.raises(TypeError, match="forgetful"):

        @stage(does="testing", consumes=[ClipCut])
        def forgetful(message, job) -> None:  # type: ignore[no-untyped-def]
            """Do nothing."""
