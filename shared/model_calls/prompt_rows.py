"""Prompts, each text once."""

from __future__ import annotations

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from shared.db.models import Prompt
from shared.db.text import storable
from shared.domain.names import digest


def ensure_prompt(session: Session, user_prompt: str, system_prompt: str) -> Prompt:
    """The row of these two texts, made if it is new."""
    user, system = storable(user_prompt), storable(system_prompt)
    prompt_hash = digest(user, system)
    session.execute(
        insert(Prompt)
        .values(user_prompt=user, system_prompt=system, prompt_hash=prompt_hash)
        .on_conflict_do_nothing()
    )
    return session.execute(select(Prompt).where(Prompt.prompt_hash == prompt_hash)).scalar_one()
