"""Create the moments, their clips and their thumbnails."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

SET_UPDATED_AT = """
CREATE FUNCTION set_updated_at() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.updated_at := now();
    RETURN NEW;
END $$
"""

# A CHECK would also apply to updates: deleting a parent sets parent_id to NULL in its children and
# would fail. The trigger does not fire for that update.
REFINED_NEEDS_PARENT = """
CREATE FUNCTION refuse_refined_without_parent() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'A refined moment needs the moment it refines: % has no parent_id',
        NEW.identifier
        USING ERRCODE = 'check_violation', CONSTRAINT = 'moments_refined_has_parent',
              TABLE = 'moments';
END $$
"""


def upgrade() -> None:
    _create_moments()
    _create_clips()
    _create_thumbnails()
    op.execute(SET_UPDATED_AT)
    op.execute(REFINED_NEEDS_PARENT)
    op.execute(
        "CREATE TRIGGER moments_updated_at BEFORE UPDATE ON moments FOR EACH ROW "
        "WHEN (OLD.* IS DISTINCT FROM NEW.*) EXECUTE FUNCTION set_updated_at()"
    )
    op.execute(
        "CREATE TRIGGER moments_refined_has_parent "
        "BEFORE INSERT OR UPDATE OF is_refined ON moments FOR EACH ROW "
        "WHEN (NEW.is_refined AND NEW.parent_id IS NULL) "
        "EXECUTE FUNCTION refuse_refined_without_parent()"
    )


def downgrade() -> None:
    op.drop_table("thumbnails")
    op.drop_table("clips")
    op.drop_table("moments")
    op.execute("DROP FUNCTION refuse_refined_without_parent()")
    op.execute("DROP FUNCTION set_updated_at()")


def _create_moments() -> None:
    op.create_table(
        "moments",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("identifier", sa.String(length=20), nullable=False),
        sa.Column("video_id", sa.Integer(), nullable=False),
        sa.Column("start_time", sa.Float(), nullable=False),
        sa.Column("end_time", sa.Float(), nullable=False),
        sa.Column("title", sa.String(length=500), nullable=False),
        sa.Column("is_refined", sa.Boolean(), server_default=sa.text("false")),
        sa.Column("parent_id", sa.Integer()),
        sa.Column("generation_model", sa.String(length=100)),
        sa.Column("generation_config_id", sa.Integer()),
        sa.Column("score", sa.Integer()),
        sa.Column("scoring_model", sa.String(length=100)),
        sa.Column("scored_at", sa.DateTime(timezone=True)),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()")),
        sa.Column("updated_at", sa.DateTime(timezone=True), server_default=sa.text("now()")),
        sa.CheckConstraint("end_time > start_time", name=op.f("ck_moments_end_after_start")),
        sa.CheckConstraint("score >= 0 AND score <= 10", name=op.f("ck_moments_score_range")),
        sa.ForeignKeyConstraint(
            ["generation_config_id"],
            ["generation_configs.id"],
            name=op.f("moments_generation_config_id_fkey"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["parent_id"], ["moments.id"], name=op.f("moments_parent_id_fkey"), ondelete="SET NULL"
        ),
        sa.ForeignKeyConstraint(
            ["video_id"], ["videos.id"], name=op.f("moments_video_id_fkey"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("moments_pkey")),
        sa.UniqueConstraint("identifier", name="idx_moments_identifier"),
    )
    op.create_index("idx_moments_is_refined", "moments", ["is_refined"])
    op.create_index("idx_moments_parent_id", "moments", ["parent_id"])
    op.create_index(
        "idx_moments_score", "moments", ["score"], postgresql_where=sa.text("score IS NOT NULL")
    )
    op.create_index("idx_moments_timestamps", "moments", ["start_time", "end_time"])
    op.create_index("idx_moments_video_id", "moments", ["video_id"])


def _create_clips() -> None:
    op.create_table(
        "clips",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("moment_id", sa.Integer(), nullable=False),
        sa.Column("video_id", sa.Integer(), nullable=False),
        sa.Column("cloud_url", sa.Text(), nullable=False),
        sa.Column("start_time", sa.Float(), nullable=False),
        sa.Column("end_time", sa.Float(), nullable=False),
        sa.Column("padding_left", sa.Float(), nullable=False),
        sa.Column("padding_right", sa.Float(), nullable=False),
        sa.Column("file_size_kb", sa.BigInteger()),
        sa.Column("format", sa.String(length=20)),
        sa.Column("video_codec", sa.String(length=50)),
        sa.Column("audio_codec", sa.String(length=50)),
        sa.Column("resolution", sa.String(length=20)),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()")),
        sa.CheckConstraint("end_time > start_time", name=op.f("ck_clips_end_after_start")),
        sa.ForeignKeyConstraint(
            ["moment_id"], ["moments.id"], name=op.f("clips_moment_id_fkey"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["video_id"], ["videos.id"], name=op.f("clips_video_id_fkey"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("clips_pkey")),
        sa.UniqueConstraint("moment_id", name="idx_clips_moment_id"),
    )
    op.create_index("idx_clips_video_id", "clips", ["video_id"])


def _create_thumbnails() -> None:
    op.create_table(
        "thumbnails",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("video_id", sa.Integer()),
        sa.Column("clip_id", sa.Integer()),
        sa.Column("cloud_url", sa.Text(), nullable=False),
        sa.Column("file_size_kb", sa.BigInteger()),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()")),
        sa.ForeignKeyConstraint(
            ["clip_id"], ["clips.id"], name=op.f("thumbnails_clip_id_fkey"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["video_id"], ["videos.id"], name=op.f("thumbnails_video_id_fkey"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("thumbnails_pkey")),
    )
    op.create_index("idx_thumbnails_clip_id", "thumbnails", ["clip_id"])
    op.create_index(
        "idx_thumbnails_clip_id_unique",
        "thumbnails",
        ["clip_id"],
        unique=True,
        postgresql_where=sa.text("clip_id IS NOT NULL"),
    )
    op.create_index("idx_thumbnails_video_id", "thumbnails", ["video_id"])
    op.create_index(
        "idx_thumbnails_video_id_unique",
        "thumbnails",
        ["video_id"],
        unique=True,
        postgresql_where=sa.text("video_id IS NOT NULL"),
    )
    # ### end Alembic commands ###
