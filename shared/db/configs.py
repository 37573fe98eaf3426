"""Prompts and generation configs, shared by their hash between all videos."""

from __future__ import annotations

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from shared.db.models import GenerationConfig, Prompt
from shared.domain.extractive import METHOD
from shared.domain.names import digest, digest_of
from shared.messages import Options

SYSTEM_PROMPT = (
    "No language model: moments are chosen from the transcript itself, by lexical cohesion, "
    "salience and pauses."
)


def ensure_config(session: Session, options: Options) -> GenerationConfig:
    """The row for these options, made if it is new. `transcript_id` stays NULL: it is shared."""
    prompt = _ensure_prompt(session, options.prompt or "")
    values = {
        "model": options.model or METHOD,
        "operation_type": "generation",
        "temperature": None,
        "top_p": None,
        "top_k": None,
        "min_moment_length": options.min_moment_length_seconds,
        "max_moment_length": options.max_moment_length_seconds,
        "min_moments": options.min_moments,
        "max_moments": options.max_moments,
    }
    config_hash = digest_of({**values, "prompt": prompt.prompt_hash})
    session.execute(
        insert(GenerationConfig)
        .values(prompt_id=prompt.id, config_hash=config_hash, **values)
        .on_conflict_do_nothing()
    )
    return session.execute(
        select(GenerationConfig).where(GenerationConfig.config_hash == config_hash)
    ).scalar_one()


def _ensure_prompt(session: Session, user_prompt: str) -> Prompt:
    prompt_hash = digest(user_prompt, SYSTEM_PROMPT)
    session.execute(
        insert(Prompt)
        .values(user_prompt=user_prompt, system_prompt=SYSTEM_PROMPT, prompt_hash=prompt_hash)
        .on_conflict_do_nothing()
    )
    return session.execute(select(Prompt).where(Prompt.prompt_hash == prompt_hash)).scalar_one()
