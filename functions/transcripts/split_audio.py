"""video-probed → the audio in slices that are short enough to transcribe one by one."""

from __future__ import annotations

from shared.engines.speech.subtitle_file import SERVICE
from shared.media.probe import probe
from shared.messages.transcripts import AudioSliced, VideoTranscribed
from shared.messages.videos import VideoProbed
from shared.pipeline.stage import Resources, stage
from shared.transcripts.rows import has_speech, transcript_row, write_once
from shared.transcripts.slices import store_slices
from shared.transcripts.subtitles import find_subtitles
from shared.videos.source import open_source
from shared.videos.video_job import VideoJob

NO_AUDIO = "The file has no audio."


@stage(
    does="taking out the sound",
    consumes=[VideoProbed],
    emits=[AudioSliced, VideoTranscribed],
    pipeline_types=["full", "moments_only"],
    resources=Resources(timeout_seconds=300, cpu=2, memory_mib=2048),
    needs=["uploads"],
    decides_moments=True,
)
def split_audio(message: VideoProbed, job: VideoJob) -> None:
    """Read the source once, end to end. Skip a video with a transcript or with subtitles."""
    with job.read() as session:
        known = has_speech(session, job.video.id)
    if known is not None:
        with job.finish() as done:
            done.emit(job.message(VideoTranscribed, has_speech=known))
        return
    with open_source(job) as source:
        info = probe(source, sandbox=job.sandbox)
        subtitles = find_subtitles(job, source, info)
        slices: list[AudioSliced] = []
        if subtitles is None and info.audio is not None:
            slices = list(store_slices(job, source, info))
    with job.finish(skipped=None if subtitles is not None or slices else NO_AUDIO) as done:
        if subtitles is not None:
            row = transcript_row(job.video.id, subtitles.transcript, service=SERVICE, seconds=0.0)
            write_once(done.session, row)
        if slices:
            # Tells the clean-up that temporary objects exist.
            done.result = {"slices": len(slices)}
            for piece in slices:
                done.emit(piece.model_copy(update={"count": len(slices)}))
        else:
            words = subtitles.transcript.words if subtitles is not None else ()
            done.emit(job.message(VideoTranscribed, has_speech=bool(words)))
