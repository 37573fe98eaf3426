"""Find the endpoint of a model by its name: in `model_configs`, else in the settings."""

from __future__ import annotations

import os
import re
from dataclasses import replace
from typing import Literal

from sqlalchemy import select
from sqlalchemy.orm import Session

from shared.db.models import GenerationConfig, ModelConfig
from shared.engines.llm.protocol import Endpoint
from shared.error_codes.models import UNKNOWN_MODEL
from shared.errors import Reject
from shared.settings.settings import Settings

_KEY_NAME = re.compile(r"[A-Za-z0-9_]{1,50}")


def endpoint_of(session: Session, settings: Settings, config: GenerationConfig) -> Endpoint:
    """The endpoint of the config's model, with the config's parameters. Raises Reject."""
    return replace(
        endpoint_named(session, settings, config.model),
        temperature=config.temperature,
        top_p=config.top_p,
        top_k=config.top_k,
    )


def endpoint_named(session: Session, settings: Settings, name: str) -> Endpoint:
    """The endpoint of the model of that name. Raises Reject if neither source knows it."""
    row = session.execute(select(ModelConfig).where(ModelConfig.name == name)).scalar_one_or_none()
    base = endpoint_from_settings(settings, name)
    if row is not None:
        return _from_row(row, base, settings)
    if base.provider == "openai" and base.url is None:
        known = ", ".join(session.execute(select(ModelConfig.name).order_by("name")).scalars())
        raise Reject(
            UNKNOWN_MODEL,
            f"The model {name!r} is not configured (configured: {known or 'none'}), and "
            "VIDEOMOMENTS_LLM_URL is not set. Set it, or add the model with "
            f"`videomoments models set {name}`.",
        )
    return base


def endpoint_from_settings(settings: Settings, name: str) -> Endpoint:
    """The deployment's own endpoint, for the model of that name."""
    key = settings.llm_api_key
    return Endpoint(
        name=name,
        model=name,
        provider=settings.llm_provider,
        url=settings.llm_url,
        api_key=key.get_secret_value() if key is not None else None,
        project=settings.project,
        location=settings.llm_location,
        temperature=settings.llm_temperature,
        top_p=settings.llm_top_p,
        top_k=settings.llm_top_k,
        output=settings.llm_output,
        context_tokens=settings.llm_context_tokens,
        answer_tokens=settings.llm_answer_tokens,
        timeout_seconds=settings.llm_timeout_seconds,
        input_price=settings.llm_input_price,
        output_price=settings.llm_output_price,
    )


def _from_row(row: ModelConfig, base: Endpoint, settings: Settings) -> Endpoint:
    given = {
        name: value
        for name in (
            "url",
            "location",
            "output",
            "temperature",
            "top_p",
            "top_k",
            "context_tokens",
            "answer_tokens",
            "timeout_seconds",
        )
        if (value := getattr(row, name)) is not None
    }
    provider: Literal["openai", "vertex"] = "vertex" if row.provider == "vertex" else "openai"
    # The deployment's key and prices apply only to the deployment's own endpoint.
    own = row.url in (None, settings.llm_url) and row.provider == settings.llm_provider
    if provider == "vertex" and row.url is None:
        given["url"] = None
    return replace(
        base,
        **given,
        provider=provider,
        model=row.model,
        api_key=key_named(row.api_key_name) if row.api_key_name else base.api_key if own else None,
        input_price=row.input_price if row.input_price is not None or not own else base.input_price,
        output_price=row.output_price
        if row.output_price is not None or not own
        else base.output_price,
    )


def key_named(name: str) -> str | None:
    """The key in VIDEOMOMENTS_LLM_API_KEY_<NAME>; None if it is not set.

    A row can name only variables of this form, so it cannot send another secret to its endpoint.
    Keys are never stored in rows.
    """
    if not _KEY_NAME.fullmatch(name):
        return None
    return os.environ.get(f"VIDEOMOMENTS_LLM_API_KEY_{name.upper()}", "").strip() or None
