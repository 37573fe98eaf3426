"""Create runs, which the ledger locks, and let stage runs and model calls refer to them.

Runs of a pipeline over a video keep their row in pipeline_history. The link stands in `runs`, so
that an import, an edit or an upload can be a run without such a row.

The last release runs on this schema at the same time as this one:

- It knows no runs. Triggers make a run for each row that it inserts into pipeline_history, and
  fill `run_id` in the stage runs and the model calls that it inserts. The triggers run with their
  owner's rights, because the last release's accounts have none on `runs` before the next grant.
- It locks the row of pipeline_history where this release locks the run. `lock_run` locks both,
  pipeline_history first: the last release locks the run second, by the trigger that copies its
  change of status. So the two releases exclude each other, and always lock in the same order.
- It reads and writes status, times and errors in pipeline_history, this release in `runs`. A
  trigger on each table copies a change to the other. Each copies only a difference, so that the
  copy of a copy ends there.

0013 fills `run_id` in existing rows and 0014 adds the constraints. A later release, once nobody
runs the last one, contracts: it drops `pipeline_id` from stage_runs and ai_requests, the triggers
`runs_of_history`, `stage_runs_run` and `ai_requests_run`, and the first statement of `lock_run`.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

RUN_OF_HISTORY = """
CREATE FUNCTION run_of_history() RETURNS trigger LANGUAGE plpgsql
SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    IF TG_OP = 'INSERT' THEN
        INSERT INTO runs (identifier, kind, status, pipeline_history_id, started_at, completed_at,
                          error_stage, error_message)
        VALUES (NEW.identifier, NEW.pipeline_type, NEW.status, NEW.id, NEW.started_at,
                NEW.completed_at, NEW.error_stage, NEW.error_message);
    ELSE
        UPDATE runs SET status = NEW.status, started_at = NEW.started_at,
                        completed_at = NEW.completed_at, error_stage = NEW.error_stage,
                        error_message = NEW.error_message
        WHERE pipeline_history_id = NEW.id
          AND (status, started_at, completed_at, error_stage, error_message) IS DISTINCT FROM
              (NEW.status, NEW.started_at, NEW.completed_at, NEW.error_stage, NEW.error_message);
    END IF;
    RETURN NULL;
END $$
"""

HISTORY_OF_RUN = """
CREATE FUNCTION history_of_run() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE pipeline_history SET status = NEW.status, completed_at = NEW.completed_at,
                                duration_seconds =
                                    extract(epoch FROM NEW.completed_at - NEW.started_at),
                                error_stage = NEW.error_stage, error_message = NEW.error_message
    WHERE id = NEW.pipeline_history_id
      AND (status, completed_at, error_stage, error_message) IS DISTINCT FROM
          (NEW.status, NEW.completed_at, NEW.error_stage, NEW.error_message);
    RETURN NULL;
END $$
"""

# The last release keeps one stage run for each (pipeline_id, stage, subject), NULL included. The
# negative number distinguishes a run without pipeline_history from failures without any run.
RUN_OF_ROW = """
CREATE FUNCTION run_of_row() RETURNS trigger LANGUAGE plpgsql
SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    IF NEW.run_id IS NULL THEN
        SELECT id INTO STRICT NEW.run_id FROM runs WHERE pipeline_history_id = NEW.pipeline_id;
    ELSE
        SELECT coalesce(pipeline_history_id, -id) INTO NEW.pipeline_id
        FROM runs WHERE id = NEW.run_id;
    END IF;
    RETURN NEW;
END $$
"""

LOCK_RUN = """
CREATE FUNCTION lock_run(wanted bigint) RETURNS SETOF runs LANGUAGE plpgsql AS $$
BEGIN
    PERFORM FROM pipeline_history h JOIN runs r ON r.pipeline_history_id = h.id
    WHERE r.id = wanted FOR NO KEY UPDATE OF h;
    RETURN QUERY SELECT * FROM runs WHERE id = wanted FOR NO KEY UPDATE;
END $$
"""

TRIGGERS = (
    "CREATE TRIGGER runs_of_history AFTER INSERT OR UPDATE OF "
    "status, started_at, completed_at, error_stage, error_message ON pipeline_history "
    "FOR EACH ROW EXECUTE FUNCTION run_of_history()",
    "CREATE TRIGGER history_of_runs AFTER UPDATE OF "
    "status, completed_at, error_stage, error_message ON runs FOR EACH ROW "
    "WHEN (NEW.pipeline_history_id IS NOT NULL) EXECUTE FUNCTION history_of_run()",
)

FILL = """
INSERT INTO runs (identifier, kind, status, pipeline_history_id, started_at, completed_at,
                  error_stage, error_message, created_at)
SELECT identifier, pipeline_type, status, id, started_at, completed_at, error_stage, error_message,
       coalesce(created_at, started_at)
FROM pipeline_history ORDER BY id
"""

REFERRING = ("stage_runs", "ai_requests")


def upgrade() -> None:
    _create_runs()
    for statement in (RUN_OF_HISTORY, HISTORY_OF_RUN, RUN_OF_ROW, LOCK_RUN, *TRIGGERS):
        op.execute(statement)
    # The lock of the new triggers keeps the last release from inserting until the commit.
    op.execute(FILL)
    for table in REFERRING:
        op.add_column(
            table,
            sa.Column(
                "run_id",
                sa.BigInteger(),
                sa.ForeignKey("runs.id", name=op.f(f"{table}_run_id_fkey"), ondelete="CASCADE"),
            ),
        )
        op.execute(
            f"CREATE TRIGGER {table}_run BEFORE INSERT ON {table} FOR EACH ROW "
            "WHEN ((NEW.run_id IS NULL) <> (NEW.pipeline_id IS NULL)) "
            "EXECUTE FUNCTION run_of_row()"
        )


def downgrade() -> None:
    for table in REFERRING:
        op.execute(f"DROP TRIGGER {table}_run ON {table}")
        op.drop_column(table, "run_id")
    op.execute("DROP TRIGGER runs_of_history ON pipeline_history")
    op.execute("DROP FUNCTION lock_run")
    op.drop_table("runs")
    for function in ("run_of_history", "history_of_run", "run_of_row"):
        op.execute(f"DROP FUNCTION {function}()")


def _create_runs() -> None:
    op.create_table(
        "runs",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("identifier", sa.String(length=100), nullable=False),
        sa.Column("kind", sa.String(length=50), nullable=False),
        sa.Column("status", sa.String(length=20), nullable=False),
        sa.Column("pipeline_history_id", sa.Integer()),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("completed_at", sa.DateTime(timezone=True)),
        sa.Column("error_stage", sa.String(length=50)),
        sa.Column("error_message", sa.Text()),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.ForeignKeyConstraint(
            ["pipeline_history_id"],
            ["pipeline_history.id"],
            name=op.f("runs_pipeline_history_id_fkey"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("runs_pkey")),
        sa.UniqueConstraint("identifier", name=op.f("uq_runs_identifier")),
        sa.UniqueConstraint("pipeline_history_id", name=op.f("uq_runs_pipeline_history_id")),
    )
    op.create_index(
        "idx_runs_unfinished",
        "runs",
        ["kind", "started_at"],
        postgresql_where=sa.text("status = 'running'"),
    )
