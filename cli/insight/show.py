"""`videomoments show MOMENT`: where a moment comes from, to the last word of its prompt."""

from __future__ import annotations

import json

from sqlalchemy.orm import Session

from cli.local.database import database
from cli.local.home import Home
from cli.report.tables import clock_time
from shared.domain.documents import Json
from shared.moments.provenance import Provenance, provenance_of
from shared.settings.settings import Settings


def show_moment(
    settings: Settings, home: Home, moment: str, *, with_prompt: bool, as_json: bool
) -> int:
    """Print the moment and its origin. Raises `Reject` for an unknown moment."""
    with database(settings, home) as engine, Session(engine) as session:
        found = provenance_of(session, moment)
    if as_json:
        print(json.dumps(_json(found, with_prompt=with_prompt), ensure_ascii=False, indent=2))  # noqa: T201
        return 0
    for line in _lines(found):
        print(line)  # noqa: T201
    if with_prompt:
        for heading, text in _prompt(found):
            print(f"\n--- {heading} ---\n{text}")  # noqa: T201
    return 0


def _prompt(found: Provenance) -> list[tuple[str, str]]:
    parts = [("system", found.system)]
    if found.user is not None:
        parts += [("user", found.user), *((turn.role, turn.text) for turn in found.turns)]
    return parts


def _lines(found: Provenance) -> list[str]:
    moment, config, candidate = found.moment, found.config, found.candidate
    span = f"{clock_time(moment.start_time)}–{clock_time(moment.end_time)}"
    scored = f"{moment.score} of 10, by {moment.scoring_model}" if moment.score is not None else "–"
    lines = [
        f"moment   {moment.identifier}",
        f"video    {found.video}",
        f"time     {span}",
        f"title    {moment.title}",
        f"score    {scored}",
        f"found by {moment.generation_model}",
    ]
    if found.parent is not None:
        lines.append(f"refines  {found.parent}")
    if config is not None:
        lines.append(
            f"bounds   {config.min_moment_length:g} to {config.max_moment_length:g} s, "
            f"{config.min_moments} to {config.max_moments} moments"
        )
    if candidate is not None:
        lines.append(f"reason   {candidate.proposal.get('reason', '')}")
        lines.append(f"quote    {candidate.proposal.get('quote', '')}")
    return lines


def _json(found: Provenance, *, with_prompt: bool) -> Json:
    moment, config, candidate = found.moment, found.config, found.candidate
    names = "identifier start_time end_time title score is_refined generation_model scoring_model"
    settings = "model temperature top_p top_k min_moment_length max_moment_length min_moments"
    document: Json = {
        **{name: getattr(moment, name) for name in names.split()},
        "video": found.video,
        "parent": found.parent,
        "config": {name: getattr(config, name) for name in f"{settings} max_moments".split()}
        if config
        else None,
        "proposal": candidate.proposal if candidate else None,
    }
    if with_prompt:
        prompt: Json = {"system": found.system}
        if found.user is not None:
            turns = [{"role": turn.role, "text": turn.text} for turn in found.turns]
            prompt |= {"user": found.user, **({"turns": turns} if turns else {})}
        document["prompt"] = prompt
    return document
