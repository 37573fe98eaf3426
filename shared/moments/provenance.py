"""Show how a moment came to be: rebuild its complete prompt from prompt, transcript and config.

The records of calls are purged after some days, but the rows that the prompt is built from stay.
"""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from shared.db import models
from shared.db.models import GenerationConfig, Moment, MomentCandidate, Prompt, Video
from shared.engines.llm.protocol import Turn
from shared.error_codes.runs import UNKNOWN_MOMENT
from shared.errors import Reject
from shared.moments.generation_config import SYSTEM_PROMPT, is_extractive
from shared.moments.inputs import bounds_of
from shared.moments.prompts.questions import generation_message, refinement_message
from shared.moments.rules.scene_moments import METHOD as SCENES
from shared.moments.rules.script import Script
from shared.moments.rules.windows import Window
from shared.transcripts.rows import from_row

NO_WORDS = "No speech: the moment was chosen from scene changes and loudness."


@dataclass(frozen=True, slots=True)
class Provenance:
    """The origin of a moment. `user` is the message to the model, None if no model was asked.

    `turns` is the rest of the conversation if the model had to repair the moment.
    """

    moment: Moment
    parent: str | None
    video: str
    config: GenerationConfig | None
    candidate: MomentCandidate | None
    system: str
    user: str | None
    turns: tuple[Turn, ...] = ()


def provenance_of(session: Session, identifier: str) -> Provenance:
    """The origin of the moment of that identifier. Raises Reject if it does not exist."""
    found = session.execute(
        select(Moment, Video)
        .join(Video, Video.id == Moment.video_id)
        .where(Moment.identifier == identifier)
    ).one_or_none()
    if found is None:
        raise Reject(UNKNOWN_MOMENT, f"There is no moment {identifier!r}.")
    moment, video = found
    config = session.get(GenerationConfig, moment.generation_config_id or 0)
    candidate = session.execute(
        select(MomentCandidate)
        .where(MomentCandidate.moment_id == moment.id, MomentCandidate.status == "chosen")
        .order_by(MomentCandidate.id)
        .limit(1)
    ).scalar_one_or_none()
    prompt = session.get(
        Prompt, candidate.prompt_id if candidate else config.prompt_id if config else 0
    )
    parent = session.get(Moment, moment.parent_id or 0)
    user = None
    if candidate is not None and config is not None and prompt is not None:
        user = _user_message(session, video, config, candidate, prompt.user_prompt)
    return Provenance(
        moment,
        parent.identifier if parent else None,
        video.identifier,
        config,
        candidate,
        _system_prompt(moment, prompt),
        user,
        _turns(candidate),
    )


def _turns(candidate: MomentCandidate | None) -> tuple[Turn, ...]:
    stored = candidate.asked.get("turns", []) if candidate is not None else []
    return tuple(Turn(turn["role"], turn["text"]) for turn in stored)


def _system_prompt(moment: Moment, prompt: Prompt | None) -> str:
    """The run's system prompt, or a sentence if the moment was found without a model."""
    if moment.generation_model == SCENES:
        return NO_WORDS
    if is_extractive(moment.generation_model) or prompt is None:
        return SYSTEM_PROMPT
    return prompt.system_prompt


def _user_message(
    session: Session,
    video: Video,
    config: GenerationConfig,
    candidate: MomentCandidate,
    instruction: str,
) -> str | None:
    row = session.execute(
        select(models.Transcript).where(models.Transcript.video_id == video.id)
    ).scalar_one_or_none()
    if row is None:
        return None
    script = Script.of(from_row(row), video.duration_seconds or 0.0)
    bounds = bounds_of(config, len(script.sentences))
    asked = candidate.asked
    window = Window(asked["first"], asked["last"])
    if candidate.operation == "refine":
        focus = Window(*asked["focus"])
        return refinement_message(instruction, script.sentences, window, focus, bounds)
    return generation_message(instruction, script.sentences, window, bounds, asked["count"])
