"""Create videos, their transcripts, prompts and configs."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    _create_videos()
    _create_transcripts()
    _create_prompts()
    _create_generation_configs()


def downgrade() -> None:
    op.drop_table("generation_configs")
    op.drop_table("prompts")
    op.drop_table("transcripts")
    op.drop_table("videos")


def _create_videos() -> None:
    op.create_table(
        "videos",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("identifier", sa.String(length=255), nullable=False),
        sa.Column("source_url", sa.Text()),
        sa.Column("cloud_url", sa.Text(), nullable=False),
        sa.Column("title", sa.String(length=500)),
        sa.Column("duration_seconds", sa.Float()),
        sa.Column("file_size_kb", sa.BigInteger()),
        sa.Column("video_codec", sa.String(length=50)),
        sa.Column("audio_codec", sa.String(length=50)),
        sa.Column("resolution", sa.String(length=20)),
        sa.Column("frame_rate", sa.Float()),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()")),
        sa.PrimaryKeyConstraint("id", name=op.f("videos_pkey")),
        sa.UniqueConstraint("identifier", name="idx_videos_identifier"),
    )
    op.create_index("idx_videos_created_at", "videos", ["created_at"])
    op.create_index("idx_videos_source_url", "videos", ["source_url"])


def _create_transcripts() -> None:
    op.create_table(
        "transcripts",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("video_id", sa.Integer(), nullable=False),
        sa.Column("full_text", sa.Text(), nullable=False),
        sa.Column("word_timestamps", JSONB(), nullable=False),
        sa.Column("segment_timestamps", JSONB(), nullable=False),
        sa.Column("language", sa.String(length=10), server_default="en"),
        sa.Column("number_of_words", sa.Integer()),
        sa.Column("number_of_segments", sa.Integer()),
        sa.Column("transcription_service", sa.String(length=50)),
        sa.Column("processing_time_seconds", sa.Float()),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()")),
        sa.ForeignKeyConstraint(
            ["video_id"], ["videos.id"], name=op.f("transcripts_video_id_fkey"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("transcripts_pkey")),
        sa.UniqueConstraint("video_id", name=op.f("uq_transcripts_video_id")),
    )
    op.create_index(
        "idx_transcripts_full_text",
        "transcripts",
        [sa.literal_column("to_tsvector('english', full_text)")],
        postgresql_using="gin",
    )
    op.create_index("idx_transcripts_video_id", "transcripts", ["video_id"])


def _create_prompts() -> None:
    op.create_table(
        "prompts",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("user_prompt", sa.Text(), nullable=False),
        sa.Column("system_prompt", sa.Text(), nullable=False),
        sa.Column("prompt_hash", sa.String(length=64), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()")),
        sa.PrimaryKeyConstraint("id", name=op.f("prompts_pkey")),
        sa.UniqueConstraint("prompt_hash", name="idx_prompts_hash"),
    )


def _create_generation_configs() -> None:
    op.create_table(
        "generation_configs",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("prompt_id", sa.Integer(), nullable=False),
        sa.Column("transcript_id", sa.Integer()),
        sa.Column("model", sa.String(length=100), nullable=False),
        sa.Column("operation_type", sa.String(length=50), nullable=False),
        sa.Column("temperature", sa.Float()),
        sa.Column("top_p", sa.Float()),
        sa.Column("top_k", sa.Integer()),
        sa.Column("min_moment_length", sa.Float()),
        sa.Column("max_moment_length", sa.Float()),
        sa.Column("min_moments", sa.Integer()),
        sa.Column("max_moments", sa.Integer()),
        sa.Column("config_hash", sa.String(length=64), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()")),
        sa.ForeignKeyConstraint(
            ["prompt_id"],
            ["prompts.id"],
            name=op.f("generation_configs_prompt_id_fkey"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["transcript_id"],
            ["transcripts.id"],
            name=op.f("generation_configs_transcript_id_fkey"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("generation_configs_pkey")),
        sa.UniqueConstraint("config_hash", name="idx_generation_configs_hash"),
    )
    op.create_index("idx_generation_configs_model", "generation_configs", ["model"])
    op.create_index("idx_generation_configs_operation", "generation_configs", ["operation_type"])
    op.create_index("idx_generation_configs_prompt_id", "generation_configs", ["prompt_id"])
    op.create_index("idx_generation_configs_transcript_id", "generation_configs", ["transcript_id"])
