"""`videomoments models`: the named endpoints of language models."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text
from sqlalchemy import delete, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from cli.local.database import database
from cli.local.home import Home
from shared.db.models import ModelConfig
from shared.error_codes.models import UNKNOWN_MODEL
from shared.errors import Reject
from shared.settings.settings import Settings

FIELDS = (
    *("name", "provider", "model", "url", "api_key_name", "location", "output", "temperature"),
    *("top_p", "top_k", "context_tokens", "answer_tokens", "timeout_seconds"),
    *("input_price", "output_price"),
)


def list_models(settings: Settings, home: Home, *, as_json: bool) -> int:
    """Print every row of `model_configs`."""
    with database(settings, home) as engine, Session(engine) as session:
        rows = session.execute(select(ModelConfig).order_by(ModelConfig.name)).scalars().all()
    if as_json:
        listed = [{name: getattr(row, name) for name in FIELDS} for row in rows]
        print(json.dumps({"models": listed}, ensure_ascii=False, indent=2))  # noqa: T201
        return 0
    if not rows:
        print("No model is named. Add one with: videomoments models set NAME --model …")  # noqa: T201
        return 0
    table = Table("Name", "Provider", "Model", "URL", "Key", "Prices (in/out)", show_edge=False)
    for row in rows:
        prices = f"{_price(row.input_price)}/{_price(row.output_price)}"
        cells = (row.name, row.provider, row.model, row.url or "", row.api_key_name or "", prices)
        table.add_row(*(Text(cell) for cell in cells))
    Console().print(table)
    return 0


def set_model(settings: Settings, home: Home, values: Mapping[str, Any]) -> int:
    """Add a model or replace it whole. The deployment's settings fill the gaps."""
    row = {**dict.fromkeys(FIELDS), "provider": "openai", **values}
    with database(settings, home) as engine, Session(engine) as session, session.begin():
        session.execute(
            insert(ModelConfig).values(row).on_conflict_do_update(index_elements=["name"], set_=row)
        )
    return 0


def remove_model(settings: Settings, home: Home, name: str) -> int:
    """Remove a model. Raises `Reject` for an unknown name."""
    with database(settings, home) as engine, Session(engine) as session, session.begin():
        removed = session.execute(
            delete(ModelConfig).where(ModelConfig.name == name).returning(ModelConfig.id)
        ).all()
    if not removed:
        raise Reject(
            UNKNOWN_MODEL,
            f"There is no model {name!r}; `videomoments models list` shows all models.",
        )
    return 0


def _price(price: float | None) -> str:
    return "?" if price is None else f"{price:g}"
