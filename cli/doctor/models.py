"""Check the language models that runs may name: reachable, key accepted, model present.

No model is asked anything, so the check costs nothing.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Iterator

from sqlalchemy import inspect, select
from sqlalchemy.orm import Session

from cli.doctor.checks import Check
from cli.doctor.cloud.google_rest import (
    GoogleError,
    GoogleRest,
    NoCredentials,
    connect,
    default_credentials,
)
from cli.doctor.database import is_embedded
from cli.doctor.model_listing import Listing, list_models_of
from cli.local.database import database
from cli.local.home import Home
from shared.db.models import ModelConfig
from shared.engines.llm.protocol import Endpoint
from shared.model_calls.endpoints import endpoint_from_settings, endpoint_named
from shared.moments.generation_config import is_extractive
from shared.settings.settings import PREFIX, Settings

NAME = "language model"
LISTED = 5


def check_models(
    settings: Settings, home: Home, *, connect: Callable[[str | None], GoogleRest] = connect
) -> Iterator[Check]:
    """One check for each endpoint and model, or one that says there are none."""
    endpoints = list(_endpoints(settings, home))
    if settings.llm_url is not None and is_extractive(settings.model):
        yield _unused()
    elif not endpoints:
        yield Check(NAME, "ok", "none is named; moments are found without one")
    for endpoint in endpoints:
        yield _check(endpoint, connect)


def _endpoints(settings: Settings, home: Home) -> Iterator[Endpoint]:
    """The endpoints of the settings and of every row of `model_configs`."""
    wanted = [settings.model] if settings.model and not is_extractive(settings.model) else []
    if is_embedded(settings) and not home.postgres.exists():
        yield from (endpoint_from_settings(settings, name) for name in wanted)
        return
    with database(settings, home, migrate=False) as engine, Session(engine) as session:
        # A missing table means an unmigrated database, which its own check reports.
        known = inspect(engine).has_table(ModelConfig.__tablename__)
        named = select(ModelConfig.name).order_by(ModelConfig.name)
        rows = list(session.execute(named).scalars()) if known else []
        for name in dict.fromkeys([*wanted, *rows]):
            if name in rows:
                yield endpoint_named(session, settings, name)
            else:
                yield endpoint_from_settings(settings, name)


def _unused() -> Check:
    found = f"{PREFIX}LLM_URL is set, but no model is named: only runs that name one use it"
    return Check(NAME, "warning", found, f"Set {PREFIX}MODEL, or unset {PREFIX}LLM_URL.")


def _check(endpoint: Endpoint, connect: Callable[[str | None], GoogleRest]) -> Check:
    name = f"{NAME} {endpoint.name}"
    if importlib.util.find_spec("pydantic_ai") is None:
        remedy = "pip install 'videomoments[llm]'"
        return Check(name, "problem", "the client of language models is not installed", remedy)
    if endpoint.provider == "vertex":
        return _check_vertex(name, endpoint, connect)
    if endpoint.url is None:
        remedy = f"Set {PREFIX}LLM_URL to that of an OpenAI-compatible API, like http://…/v1."
        return Check(name, "problem", "no address is set for it", remedy)
    return _judged(name, endpoint, list_models_of(endpoint.url, endpoint.api_key))


def _judged(name: str, endpoint: Endpoint, listing: Listing) -> Check:
    """Interpret the endpoint's answer to a request for its list of models."""
    where = endpoint.url
    if listing.unreachable is not None:
        remedy = f"Start the server, or correct {PREFIX}LLM_URL or the model's row (models set)."
        return Check(name, "problem", f"{where}: {listing.unreachable}", remedy)
    if listing.status in (401, 403):
        which = "the key" if endpoint.api_key else "a request without a key"
        remedy = (
            f"Correct {PREFIX}LLM_API_KEY, or {PREFIX}LLM_API_KEY_NAME for a row with its own key."
        )
        return Check(name, "problem", f"{where} refuses {which} ({listing.status})", remedy)
    if listing.status >= 500 or listing.status == 429:
        remedy = "See the endpoint's own log, or wait; runs try again for a while."
        return Check(name, "problem", f"{where} answers {listing.status}", remedy)
    if listing.models is None:
        found = f"{where} answers, but lists no models ({listing.status}): not checked further"
        remedy = "Make sure that the address ends with the API's path, such as …/v1."
        return Check(name, "warning", found, remedy)
    return _judged_by_list(name, endpoint, listing)


def _judged_by_list(name: str, endpoint: Endpoint, listing: Listing) -> Check:
    models = listing.models or ()
    if endpoint.model not in models:
        shown = ", ".join(models[:LISTED]) or "none"
        more = f" and {len(models) - LISTED} more" if len(models) > LISTED else ""
        found = f"{endpoint.url} does not list {endpoint.model}; it lists {shown}{more}"
        remedy = f"Correct {PREFIX}MODEL or the model's row, or load the model at the endpoint."
        return Check(name, "warning", found, remedy)
    if endpoint.api_key is None:
        key = "no key is needed"
    elif listing.open_to_all:
        key = "its list is open to all, so the key is not verified"
    else:
        key = "the key is accepted"
    return Check(name, "ok", f"{endpoint.model} at {endpoint.url}: {key}")


def _check_vertex(
    name: str, endpoint: Endpoint, connect: Callable[[str | None], GoogleRest]
) -> Check:
    """Ask Vertex AI about the model, with this machine's login."""
    location = endpoint.location
    where = f"Vertex AI, {location}"
    host = "aiplatform" if location == "global" else f"{location}-aiplatform"
    publisher = f"https://{host}.googleapis.com/v1/publishers/google/models"
    project = endpoint.project
    try:
        # Like the client: without a setting, the login's project.
        project = project or default_credentials()[1]
        if project is None:
            return Check(name, "problem", "no project is named", f"Set {PREFIX}PROJECT.")
        where = f"Vertex AI in project {project}, {location}"
        found = connect(project).find(f"{publisher}/{endpoint.model}")
    except NoCredentials as error:
        remedy = "Run gcloud auth application-default login, or set GOOGLE_APPLICATION_CREDENTIALS."
        return Check(name, "problem", f"{where}: {error}", remedy)
    except GoogleError as error:
        remedy = (
            f"gcloud services enable aiplatform.googleapis.com --project={project}, and "
            "give this account roles/aiplatform.user."
        )
        return Check(name, "problem", f"{where}: {error}", remedy)
    if found is None:
        remedy = f"Correct {PREFIX}MODEL or the model's row."
        return Check(name, "warning", f"{where} does not know {endpoint.model}", remedy)
    return Check(name, "ok", f"{endpoint.model} on {where}: the login is accepted")
