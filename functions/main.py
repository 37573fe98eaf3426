"""All functions, in the order data flows through them; each is a target of functions-framework.

Nothing is connected to and no client is made here: the wiring happens at the first delivery.
"""

from __future__ import annotations

from functions import serving
from functions.clips.cut_clip import cut_clip
from functions.clips.make_thumbnail import make_thumbnail
from functions.moments.choose_moments import choose_moments
from functions.moments.generate_moments import generate_moments
from functions.moments.generate_window import generate_window
from functions.moments.refine_moments import refine_moments
from functions.moments.score_moments import score_moments
from functions.transcripts.split_audio import split_audio
from functions.transcripts.transcribe_audio import transcribe_audio
from functions.upkeep.record_failure import record_failure
from functions.upkeep.sweep import sweep
from functions.videos.probe_video import probe_video
from functions.videos.start_pipeline import start_pipeline
from shared.pipeline.topology import Topology

TOPOLOGY = Topology(
    [
        start_pipeline,
        probe_video,
        split_audio,
        transcribe_audio,
        generate_moments,
        generate_window,
        choose_moments,
        refine_moments,
        score_moments,
        cut_clip,
        make_thumbnail,
        sweep,
        record_failure,
    ]
)

# functions-framework looks a target up among this module's names, and would serve any function
# it finds there: so nothing else of that kind may be one.
globals().update(serving.targets(TOPOLOGY))
