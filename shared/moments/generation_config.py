"""Generation configs, which all videos share by their hash, and the generator behind them."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from shared.db.models import GenerationConfig
from shared.domain.names import digest_of
from shared.error_codes.models import NO_MODEL
from shared.errors import Reject
from shared.messages.options import Options
from shared.model_calls.endpoints import endpoint_named
from shared.model_calls.prompt_rows import ensure_prompt
from shared.moments.prompts.prompt_set import Operation, load_prompt_set
from shared.moments.rules.extractive.method import METHOD
from shared.settings.settings import Settings

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
    """Find or insert the row for these options. All videos share it: `transcript_id` stays NULL."""
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


WITHOUT_MODEL = (None, "extractive", METHOD)


def is_extractive(model: str | None) -> bool:
    """True if this names the method without a model."""
    return model in WITHOUT_MODEL


def generator_of(
    session: Session, settings: Settings, options: Options, pipeline_type: str
) -> Generator:
    """The generator (or the scorer) of a run with these options. Raises Reject."""
    scoring = pipeline_type == "scores_only"
    name = options.model
    if name is None or is_extractive(name):
        if scoring:
            raise Reject(NO_MODEL, "Rescoring needs a model. Name one, or set VIDEOMOMENTS_MODEL.")
        return EXTRACTIVE
    endpoint = endpoint_named(session, settings, name)
    prompts = load_prompt_set(options.kind or settings.kind, settings.prompt_folder)
    operation: Operation = "score" if scoring else "generate"
    return Generator(
        model=endpoint.name,
        operation_type="scoring" if scoring else "generation",
        system_prompt=prompts.system(operation),
        temperature=endpoint.temperature,
        top_p=endpoint.top_p,
        top_k=endpoint.top_k,
    )
