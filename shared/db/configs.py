"""Prompts and generation configs, shared by their hash between all videos."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from shared.db.models import GenerationConfig
from shared.db.prompts import ensure_prompt
from shared.domain.extractive import METHOD
from shared.domain.names import digest_of
from shared.messages import Options

SYSTEM_PROMPT = (
    "No language model: moments are chosen from the transcript itself, by lexical cohesion, "
    "salience and pauses."
)


@dataclass(frozen=True, slots=True)
class Generator:
    """A model with its parameters, or the method without one."""

    model: str = METHOD
    operation_type: str = "generation"
    system_prompt: str = SYSTEM_PROMPT
    temperature: float | None = None
    top_p: float | None = None
    top_k: int | None = None


EXTRACTIVE = Generator()


def ensure_config(
    session: Session, options: Options, generator: Generator = EXTRACTIVE
) -> GenerationConfig:
    """The row for these options, made if it is new. `transcript_id` stays NULL: it is shared."""
    prompt = ensure_prompt(session, options.prompt or "", generator.system_prompt)
    values = {
        "model": generator.model,
        "operation_type": generator.operation_type,
        "temperature": generator.temperature,
        "top_p": generator.top_p,
        "top_k": generator.top_k,
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
