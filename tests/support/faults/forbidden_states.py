"""States that the ledger and the results must not be in after everything has ended.

Written apart from the runtime, so that its mistakes are not repeated here.
"""

from __future__ import annotations

# Each finds rows that must not be: (what is wrong, query).
FORBIDDEN = (
    (
        "lost: a pipeline never ended",
        "SELECT identifier, status FROM pipeline_history WHERE status NOT IN "
        "('completed', 'partial', 'failed', 'superseded', 'source_gone') OR completed_at IS NULL",
    ),
    (
        "wrong status",
        """
        SELECT identifier, status, should FROM (
            SELECT p.identifier, p.status, CASE
                WHEN bool_or(r.status = 'failed' AND r.error_code = 'superseded') THEN 'superseded'
                WHEN bool_or(r.status = 'failed' AND r.error_code = 'source_gone')
                    THEN 'source_gone'
                WHEN bool_or(r.status = 'failed'
                             AND r.stage NOT IN ('cut_clip', 'make_thumbnail',
                                                 'refine_moments', 'score_moments'))
                    THEN 'failed'
                WHEN bool_or(r.status = 'failed') THEN 'partial'
                ELSE 'completed' END AS should
            FROM pipeline_history p JOIN stage_runs r ON r.pipeline_id = p.id
            WHERE p.status <> 'running' GROUP BY p.id) AS judged WHERE status <> should
        """,
    ),
    (
        "lost: a pipeline of which nothing was ever to be done",
        "SELECT p.identifier, p.status FROM pipeline_history p "
        "WHERE NOT EXISTS (SELECT FROM stage_runs r WHERE r.pipeline_id = p.id)",
    ),
    (
        "completed, but something was never begun",
        "SELECT p.identifier, r.stage FROM pipeline_history p "
        "JOIN stage_runs r ON r.pipeline_id = p.id WHERE p.status IN ('completed', 'partial') "
        "AND r.status = 'skipped' AND r.error_code = 'pipeline_failed'",
    ),
    (
        "an end without its reason, or a reason without need",
        "SELECT identifier, status, error_stage FROM pipeline_history "
        "WHERE (status = 'completed') <> (error_stage IS NULL) "
        "OR (error_stage IS NULL) <> (error_message IS NULL)",
    ),
    (
        "a run and its history differ",
        """
        SELECT p.identifier, p.status, r.status FROM pipeline_history p
        LEFT JOIN runs r ON r.pipeline_history_id = p.id
        WHERE (r.identifier, r.kind, r.status, r.completed_at, r.error_stage, r.error_message)
            IS DISTINCT FROM (p.identifier, p.pipeline_type, p.status, p.completed_at,
                              p.error_stage, p.error_message)
        """,
    ),
    (
        "a message not handled",
        "SELECT r.stage, r.subject, r.status FROM stage_runs r "
        "WHERE r.status IN ('queued', 'running')",
    ),
    (
        "an expired lease",
        "SELECT stage, subject FROM stage_runs "
        "WHERE lease_expires_at < clock_timestamp() + make_interval(secs => :ahead_seconds)",
    ),
    (
        "a failure without its reason",
        "SELECT stage, subject FROM stage_runs "
        "WHERE status IN ('failed', 'skipped') AND (error_code IS NULL OR error_message IS NULL)",
    ),
    (
        "a deletion that was never finished",
        "SELECT video, source_url FROM deletions WHERE completed_at IS NULL",
    ),
    (
        "completed, but its moments are not all cut",
        """
        SELECT p.identifier, m.identifier FROM pipeline_history p
        JOIN moments m ON m.video_id = p.video_id
            AND m.generation_config_id = p.generation_config_id AND m.parent_id IS NULL
        LEFT JOIN clips c ON c.moment_id = m.id
        WHERE p.status = 'completed' AND p.pipeline_type <> 'moments_only' AND c.id IS NULL
        """,
    ),
    (
        "a completed clip without its thumbnail",
        """
        SELECT c.cloud_url FROM clips c JOIN pipeline_history p ON p.video_id = c.video_id
        LEFT JOIN thumbnails t ON t.clip_id = c.id
        GROUP BY c.id HAVING bool_and(p.status = 'completed') AND count(t.id) = 0
        """,
    ),
    (
        "a picture that was made of a video is not there",
        """
        SELECT v.identifier FROM videos v JOIN pipeline_history p ON p.video_id = v.id
        JOIN stage_runs r ON r.pipeline_id = p.id
        LEFT JOIN thumbnails t ON t.video_id = v.id
        WHERE r.stage = 'make_thumbnail' AND r.topic = 'video-probed'
            AND r.status = 'completed' AND t.id IS NULL
        """,
    ),
    (
        "words that were heard are not written",
        """
        SELECT v.identifier FROM videos v JOIN pipeline_history p ON p.video_id = v.id
        JOIN stage_runs r ON r.pipeline_id = p.id
        LEFT JOIN transcripts t ON t.video_id = v.id
        WHERE r.stage = 'generate_moments' AND r.status = 'completed'
            AND (r.message ->> 'has_speech')::boolean AND coalesce(t.number_of_words, 0) = 0
        """,
    ),
    (
        "miscounted clips",
        """
        SELECT p.identifier, p.total_clips_created, count(r.id) FROM pipeline_history p
        LEFT JOIN stage_runs r ON r.pipeline_id = p.id AND r.stage = 'cut_clip'
            AND r.status = 'completed'
        GROUP BY p.id HAVING coalesce(p.total_clips_created, 0) <> count(r.id)
        """,
    ),
    (
        "doubled: more than one row of a moment",
        "SELECT video_id, generation_config_id, start_time, count(*) FROM moments "
        "WHERE parent_id IS NULL GROUP BY 1, 2, 3 HAVING count(*) > 1",
    ),
    (
        "doubled: more than one transcript of a video",
        "SELECT video_id, count(*) FROM transcripts GROUP BY 1 HAVING count(*) > 1",
    ),
    (
        "doubled: more than one clip of a moment",
        "SELECT moment_id, count(*) FROM clips GROUP BY 1 HAVING count(*) > 1",
    ),
    (
        "doubled: more than one thumbnail of a clip or video",
        "SELECT clip_id, video_id, count(*) FROM thumbnails GROUP BY 1, 2 HAVING count(*) > 1",
    ),
    (
        "doubled: one object named by two rows",
        "SELECT cloud_url, count(*) FROM (SELECT cloud_url FROM clips UNION ALL "
        "SELECT cloud_url FROM thumbnails) AS named GROUP BY 1 HAVING count(*) > 1",
    ),
)
