"""The live database equals the owner's specification and the models."""

from __future__ import annotations

import re

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Engine, MetaData, text

from shared.db.models import Base
from tests.support.databases.live_schema import (
    live_columns,
    live_indexes,
    specified_columns,
    specified_indexes,
)

OURS = {"stage_runs", "deletions", "model_configs", "ai_requests", "moment_candidates"}
SPECIFIED = specified_columns()
INDEXES = specified_indexes()


def test_database_has_the_specified_tables_and_ours(engine: Engine) -> None:
    """No table is missing or unexpected."""
    with engine.connect() as connection:
        assert set(live_columns(connection)) == set(SPECIFIED) | OURS


@pytest.mark.parametrize("table", sorted(SPECIFIED))
def test_columns_equal_the_specification(engine: Engine, table: str) -> None:
    """Order, type, NULL, default, keys, ON DELETE and CHECK are equal."""
    with engine.connect() as connection:
        live = live_columns(connection)[table]
    assert list(live) == list(SPECIFIED[table])
    assert live == SPECIFIED[table]


def test_indexes_equal_the_specification(engine: Engine) -> None:
    """Each has its name and definition; beside them there is only one per UNIQUE."""
    with engine.connect() as connection:
        live = live_indexes(connection)
    assert {name: _expected_definition(name, said) for name, said in INDEXES.items()} == {
        name: live[name] for name in INDEXES if name in live
    }
    more = {
        name for name in live.keys() - INDEXES.keys() if not any(table in name for table in OURS)
    }
    # transcripts.video_id is UNIQUE while its named index is specified as a plain one. No index is
    # named for the unique columns of runs.
    assert more == {
        "uq_transcripts_video_id",
        "uq_runs_identifier",
        "uq_runs_pipeline_history_id",
    }


def test_ledger_has_its_indexes(engine: Engine) -> None:
    """NULL runs are alike, and partial indexes are partial."""
    with engine.connect() as connection:
        live = live_indexes(connection)
    assert {name: live[name] for name in live if "stage_runs" in name} == {
        "uq_stage_runs_run_stage_subject": "CREATE UNIQUE INDEX "
        "uq_stage_runs_run_stage_subject ON public.stage_runs USING btree "
        "(run_id, stage, subject) NULLS NOT DISTINCT",
        "uq_stage_runs_pipeline_stage_subject": "CREATE UNIQUE INDEX "
        "uq_stage_runs_pipeline_stage_subject ON public.stage_runs USING btree "
        "(pipeline_id, stage, subject) NULLS NOT DISTINCT",
        "idx_stage_runs_due": "CREATE INDEX idx_stage_runs_due ON public.stage_runs USING btree "
        "(available_at) WHERE ((status)::text = 'queued'::text)",
        "idx_stage_runs_lease": "CREATE INDEX idx_stage_runs_lease ON public.stage_runs "
        "USING btree (lease_expires_at) WHERE ((status)::text = 'running'::text)",
        "idx_stage_runs_run_status": "CREATE INDEX idx_stage_runs_run_status "
        "ON public.stage_runs USING btree (run_id, status)",
        "idx_stage_runs_parent_id": "CREATE INDEX idx_stage_runs_parent_id ON public.stage_runs "
        "USING btree (parent_id)",
    }


def test_model_tables_have_their_indexes(engine: Engine) -> None:
    """Every searched, summed or purged column and every foreign key has an index."""
    with engine.connect() as connection:
        live = live_indexes(connection)
    tables = ("model_configs", "ai_requests", "moment_candidates")
    assert {
        name: definition.partition(" USING ")[2]
        for name, definition in live.items()
        if any(table in name for table in tables)
    } == {
        "uq_model_configs_name": "btree (name)",
        "idx_ai_requests_run_hash": "btree (run_id, request_hash)",
        "idx_ai_requests_pipeline_hash": "btree (pipeline_id, request_hash)",
        "idx_ai_requests_created_at": "btree (created_at)",
        "idx_moment_candidates_pipeline_id": "btree (pipeline_id)",
        "idx_moment_candidates_video_id": "btree (video_id)",
        "idx_moment_candidates_moment_id": "btree (moment_id)",
        "idx_moment_candidates_prompt_id": "btree (prompt_id)",
    }


def test_models_equal_the_migrations(engine: Engine, empty_database_engine: Engine) -> None:
    """Tables made from the models equal the migrated ones, column by column."""
    Base.metadata.create_all(empty_database_engine)
    with engine.connect() as migrated, empty_database_engine.connect() as modelled:
        assert live_columns(migrated) == live_columns(modelled)
        assert live_indexes(migrated) == live_indexes(modelled)


def test_alembic_finds_no_difference(engine: Engine) -> None:
    """Autogenerate, with types and defaults, sees none; in a changed model it does."""
    with engine.connect() as connection:
        context = MigrationContext.configure(
            connection, opts={"compare_type": True, "compare_server_default": True}
        )
        assert compare_metadata(context, Base.metadata) == []
        changed = MetaData()
        for table in Base.metadata.sorted_tables:
            table.to_metadata(changed)
        changed.tables["moments"].c.title.nullable = True
        assert len(compare_metadata(context, changed)) == 1


def test_constraints_and_triggers_are_in_force(engine: Engine) -> None:
    """No constraint is NOT VALID, and the named triggers are enabled."""
    with engine.connect() as connection:
        unvalidated = connection.execute(
            text("SELECT conname FROM pg_constraint WHERE NOT convalidated")
        ).all()
        triggers = connection.execute(
            text("SELECT tgname FROM pg_trigger WHERE NOT tgisinternal AND tgenabled = 'O'")
        ).scalars()
        assert unvalidated == []
        assert set(triggers) == {
            "moments_updated_at",
            "moments_refined_has_parent",
            "stage_runs_updated_at",
            "model_configs_updated_at",
            "runs_of_history",
            "history_of_runs",
            "stage_runs_run",
            "ai_requests_run",
        }


def _expected_definition(name: str, said: str) -> str:
    """A row of indexes.csv in PostgreSQL's words."""
    table, _, rest = said.partition(" ")
    unique = "UNIQUE " if rest.startswith("UNIQUE ") else ""
    rest = rest.removeprefix("UNIQUE ")
    if rest.startswith("GIN index on "):
        assert rest == "GIN index on to_tsvector('english', full_text) for full-text search"
        target = "gin (to_tsvector('english'::regconfig, full_text))"
    else:
        columns, _, condition = rest.removeprefix("on ").partition(" WHERE ")
        condition = re.sub(r"(\w+) = ('\w+')", r"(\1)::text = \2::text", condition)
        target = f"btree ({columns.strip('()')})" + (f" WHERE ({condition})" if condition else "")
    return f"CREATE {unique}INDEX {name} ON public.{table} USING {target}"
