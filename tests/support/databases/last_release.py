"""The statements that the last release sends, recorded from its runs of a pipeline (d1fc995).

They know no `runs`. A test sends them to the newest schema, while that release may still run.
Once it may not any more, this file goes with its columns and triggers.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Engine, text

from shared.messages.base import Message

PROMPT = """
INSERT INTO prompts (user_prompt, system_prompt, prompt_hash) VALUES ('u', 's', :name) RETURNING id
"""
CONFIG = """
INSERT INTO generation_configs (prompt_id, model, operation_type, config_hash)
VALUES (:prompt, 'm', 'generation', :name) RETURNING id
"""
VIDEO = "INSERT INTO videos (identifier, cloud_url) VALUES (:name, 'file:///v.mp4') RETURNING id"
BEGIN = """
INSERT INTO pipeline_history (identifier, video_id, generation_config_id, pipeline_type, status,
    started_at, completed_at, duration_seconds, total_moments_generated, total_clips_created,
    error_stage, error_message)
VALUES (:identifier, :video, :config, 'full', 'running', clock_timestamp(), NULL, NULL, NULL, NULL,
    NULL, NULL)
RETURNING pipeline_history.id, pipeline_history.created_at
"""
QUEUE = """
INSERT INTO stage_runs (pipeline_id, stage, subject, topic, message, parent_id, status,
    available_at, queued_at, traceparent)
VALUES (:pipeline, :stage, :subject, :topic, :message, :parent, 'queued', clock_timestamp(),
    clock_timestamp(), NULL)
ON CONFLICT DO NOTHING RETURNING stage_runs.id
"""
FIND = "SELECT * FROM pipeline_history WHERE pipeline_history.identifier = :identifier"
FIND_RUN = """
SELECT stage_runs.id, stage_runs.status, stage_runs.attempt,
    stage_runs.lease_expires_at > clock_timestamp() AS is_live
FROM stage_runs WHERE stage_runs.pipeline_id = :pipeline AND stage_runs.stage = :stage
    AND stage_runs.subject = :subject FOR UPDATE
"""
CLAIM = """
UPDATE stage_runs SET status = 'running', attempt = :attempt, lease_token = gen_random_uuid(),
    lease_owner = 'last release', lease_expires_at = clock_timestamp() + interval '90 s',
    started_at = clock_timestamp(), updated_at = clock_timestamp()
WHERE stage_runs.id = :run RETURNING lease_token
"""
LOCK = "SELECT * FROM pipeline_history WHERE pipeline_history.id = :pipeline FOR UPDATE"
FENCE = """
SELECT stage_runs.id FROM stage_runs WHERE stage_runs.id = :run
    AND stage_runs.lease_token = :token AND stage_runs.status = 'running' FOR UPDATE
"""
SIBLINGS = """
SELECT count(*) FROM stage_runs WHERE stage_runs.pipeline_id = :pipeline
    AND stage_runs.stage = :stage AND stage_runs.id != :run
    AND stage_runs.status IN ('queued', 'running')
"""
CLOSE = """
UPDATE stage_runs SET status = :status, lease_token = NULL, lease_owner = NULL,
    lease_expires_at = NULL, completed_at = clock_timestamp(), error_code = :code,
    error_message = :error, result = :result, metrics = '{}', updated_at = clock_timestamp()
WHERE stage_runs.id = :run
"""
COUNT_CLIP = """
UPDATE pipeline_history SET total_clips_created = :clips WHERE pipeline_history.id = :pipeline
"""
DOOM = """
UPDATE pipeline_history SET error_stage = :stage, error_message = :error
WHERE pipeline_history.id = :pipeline
"""
SKIP_QUEUED = """
UPDATE stage_runs SET status = 'skipped', completed_at = clock_timestamp(),
    error_code = 'pipeline_failed', error_message = 'Not begun.', updated_at = clock_timestamp()
WHERE stage_runs.pipeline_id = :pipeline AND stage_runs.status = 'queued'
"""
UNFINISHED = """
SELECT count(*) FROM stage_runs WHERE stage_runs.pipeline_id = :pipeline
    AND stage_runs.status IN ('queued', 'running')
"""
END = """
UPDATE pipeline_history SET status = :status, completed_at = clock_timestamp(),
    duration_seconds = EXTRACT(epoch FROM clock_timestamp() - pipeline_history.started_at),
    error_stage = :stage, error_message = :error
WHERE pipeline_history.id = :pipeline
"""
REOPEN = """
UPDATE stage_runs SET status = 'queued', attempt = 0, available_at = clock_timestamp(),
    queued_at = clock_timestamp(), published_at = NULL, completed_at = NULL, error_code = NULL,
    error_message = NULL, updated_at = clock_timestamp()
WHERE stage_runs.pipeline_id = :pipeline AND (stage_runs.status = 'failed'
    OR stage_runs.status = 'skipped' AND stage_runs.error_code = 'pipeline_failed')
RETURNING stage_runs.id
"""
RUN_AGAIN = """
UPDATE pipeline_history SET status = 'running', completed_at = NULL, duration_seconds = NULL,
    error_stage = NULL, error_message = NULL
WHERE pipeline_history.id = :pipeline
"""
ORPHAN = """
INSERT INTO stage_runs (pipeline_id, stage, subject, topic, message, status, attempt, error_code,
    error_message, traceparent)
VALUES (NULL, :stage, :subject, 'a-topic', '{}', 'failed', 1, 'source_gone', 'gone', NULL)
ON CONFLICT (pipeline_id, stage, subject) DO UPDATE SET attempt = (stage_runs.attempt + 1),
    error_code = excluded.error_code, error_message = excluded.error_message,
    traceparent = excluded.traceparent
RETURNING stage_runs.id
"""
DUE = """
SELECT stage_runs.stage, stage_runs.subject FROM stage_runs WHERE stage_runs.status = 'queued'
    AND stage_runs.pipeline_id IN (
        SELECT pipeline_history.id FROM pipeline_history WHERE pipeline_history.status = 'running')
ORDER BY stage_runs.id
"""
RESERVE = """
INSERT INTO ai_requests (pipeline_id, stage, subject, operation, model, request, request_hash,
    outcome, input_tokens, output_tokens)
VALUES (:pipeline, 'generate_window', 's', 'generate', 'm', '{}', 'h', 'reserved', :tokens, 0)
RETURNING ai_requests.id
"""
SPENT = """
SELECT coalesce(sum(ai_requests.input_tokens + ai_requests.output_tokens), 0) FROM ai_requests
WHERE ai_requests.pipeline_id = :pipeline
"""


@dataclass(frozen=True, slots=True)
class Taken:
    """A stage run that the last release has claimed."""

    pipeline: int
    run: int
    token: Any
    stage: str


@dataclass(frozen=True, slots=True)
class LastRelease:
    """A worker of the last release: each method is one of its transactions."""

    engine: Engine

    def begin(self, identifier: str, stage: str, message: Message) -> int:
        """A run over a new video with its first stage queued. Returns its id in the history."""
        with self.engine.begin() as connection:
            name = identifier.partition(":")[2]
            prompt = _scalar(connection, PROMPT, name=name)
            config = _scalar(connection, CONFIG, prompt=prompt, name=name)
            video = _scalar(connection, VIDEO, name=name)
            run = _scalar(connection, BEGIN, identifier=identifier, video=video, config=config)
            _queue(connection, run, stage, message, None)
        return int(run)

    def claim(self, identifier: str, stage: str, subject: str) -> Taken:
        """Take a queued stage run."""
        with self.engine.begin() as connection:
            found = connection.execute(text(FIND), {"identifier": identifier}).one()
            row = connection.execute(
                text(FIND_RUN), {"pipeline": found.id, "stage": stage, "subject": subject}
            ).one()
            assert (row.status, bool(row.is_live)) == ("queued", False)
            token = _scalar(connection, CLAIM, run=row.id, attempt=row.attempt + 1)
        return Taken(found.id, row.id, token, stage)

    def finish(
        self,
        taken: Taken,
        emits: Sequence[tuple[str, Message]] = (),
        *,
        joins: Sequence[tuple[str, Message]] = (),
        clip: bool = False,
    ) -> tuple[bool, bool]:
        """Complete the stage run. Whether it was the last sibling, and whether the run ended.

        `joins` is emitted by the last sibling alone.
        """
        with self.engine.begin() as connection:
            history = _fenced(connection, taken)
            alone = history.error_stage is None and not _scalar(
                connection, SIBLINGS, pipeline=taken.pipeline, stage=taken.stage, run=taken.run
            )
            if clip:
                clips = (history.total_clips_created or 0) + 1
                _send(connection, COUNT_CLIP, pipeline=taken.pipeline, clips=clips)
            _close(connection, taken, "completed", None, None)
            for stage, message in [*emits, *(joins if alone else ())]:
                _queue(connection, taken.pipeline, stage, message, taken.run)
            ended = _end_if_done(connection, taken.pipeline)
        return alone, ended

    def fail(self, taken: Taken) -> bool:
        """Fail a stage that the run cannot do without. Whether the run ended."""
        with self.engine.begin() as connection:
            _fenced(connection, taken)
            _close(connection, taken, "failed", "rejected", "no good")
            _send(connection, DOOM, pipeline=taken.pipeline, stage=taken.stage, error="no good")
            _send(connection, SKIP_QUEUED, pipeline=taken.pipeline)
            return _end_if_done(connection, taken.pipeline)

    def reopen(self, pipeline: int) -> int:
        """Retry what failed. How many stage runs."""
        with self.engine.begin() as connection:
            _send(connection, LOCK, pipeline=pipeline)
            changed = connection.execute(text(REOPEN), {"pipeline": pipeline}).all()
            _send(connection, RUN_AGAIN, pipeline=pipeline)
        return len(changed)

    def record_orphan(self, stage: str, subject: str) -> None:
        """Record a failure outside any run."""
        with self.engine.begin() as connection:
            _send(connection, ORPHAN, stage=stage, subject=subject)

    def due(self) -> list[tuple[str, str]]:
        """The stage runs that its sweep would publish again."""
        with self.engine.connect() as connection:
            return [(row.stage, row.subject) for row in connection.execute(text(DUE))]

    def reserve_call(self, pipeline: int, tokens: int) -> int:
        """Reserve a call of a model. The tokens that the run has spent with it."""
        with self.engine.begin() as connection:
            _send(connection, RESERVE, pipeline=pipeline, tokens=tokens)
            return int(_scalar(connection, SPENT, pipeline=pipeline))


def _fenced(connection: Connection, taken: Taken) -> Any:
    history = connection.execute(text(LOCK), {"pipeline": taken.pipeline}).one()
    connection.execute(text(FENCE), {"run": taken.run, "token": taken.token}).one()
    return history


def _close(
    connection: Connection, taken: Taken, status: str, code: str | None, error: str | None
) -> None:
    result = json.dumps({"word": 0}) if taken.stage == "hear" and code is None else None
    values = {"status": status, "code": code, "error": error, "result": result}
    _send(connection, CLOSE, run=taken.run, **values)


def _end_if_done(connection: Connection, pipeline: int) -> bool:
    if _scalar(connection, UNFINISHED, pipeline=pipeline):
        return False
    history = connection.execute(text(LOCK), {"pipeline": pipeline}).one()
    _send(
        connection,
        END,
        pipeline=pipeline,
        status="completed" if history.error_stage is None else "failed",
        stage=history.error_stage,
        error=history.error_message,
    )
    return True


def _queue(
    connection: Connection, pipeline: int, stage: str, message: Message, parent: int | None
) -> None:
    values = {
        "pipeline": pipeline,
        "stage": stage,
        "subject": message.subject,
        "topic": message.topic,
        "message": message.model_dump_json(),
        "parent": parent,
    }
    _send(connection, QUEUE, **values)


def _send(connection: Connection, statement: str, **values: Any) -> None:
    connection.execute(text(statement), values)


def _scalar(connection: Connection, statement: str, **values: Any) -> Any:
    return connection.execute(text(statement), values).scalars().first()
