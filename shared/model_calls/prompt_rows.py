"""The rows of prompts; each pair of texts has one row."""

from __future__ import annotations

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from shared.db.models import Prompt
from shared.db.text import without_unstorable
from shared.domain.names import digest


def ensure_prompt(session: Session, user_prompt: str, system_prompt: str) -> Prompt:
    """Find or insert the row of these two texts."""
    user, system = without_unstorable(user_prompt), without_unstorable(system_prompt)
    prompt_hash = digest(user, system)
    session.execute(
        insert(Prompt)
        .values(user_prompt=user, system_prompt=system, prompt_hash=prompt_hash)
        .on_conflict_do_nothing()
    )
    return session.execute(select(Prompt).where(Prompt.prompt_hash == prompt_hash)).scalar_one()
