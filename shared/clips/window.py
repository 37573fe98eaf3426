"""The window of a clip: the moment with its padding."""

from __future__ import annotations

from math import inf

from shared.db.models import Moment
from shared.domain.spans import TimeSpan
from shared.media.cut_plan import padded_window
from shared.moments.rules.scene_moments import METHOD as SCENES
from shared.transcripts.rows import silence_around
from shared.videos.video_job import VideoJob


def window_of(job: VideoJob, moment: Moment) -> TimeSpan:
    """The moment with the padding of the run's options, within the video.

    Padding ends at the next word unless the options allow more. A moment without speech has no
    padding: it begins with its scene, and padding would show the end of another.
    """
    span, options = TimeSpan(moment.start_time, moment.end_time), job.options
    before, after = 0.0, inf
    if not options.padding_over_words and moment.generation_model == SCENES:
        before, after = span.start_seconds, span.end_seconds
    elif not options.padding_over_words:
        with job.read() as session:
            before, after = silence_around(session, job.video.id, span)
    return padded_window(
        span,
        left_seconds=min(options.padding_left_seconds or 0.0, span.start_seconds - before),
        right_seconds=min(options.padding_right_seconds or 0.0, after - span.end_seconds),
        duration_seconds=job.video.duration_seconds or moment.end_time,
    )
