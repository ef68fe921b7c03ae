"""The first shape: commits of events, runs, stages, estimates."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

BIG = sa.BigInteger().with_variant(sa.Integer, "sqlite")


def upgrade() -> None:
    """Make the tables."""
    _commits()
    op.create_table(
        "runs",
        sa.Column("run_id", sa.String(64), primary_key=True),
        sa.Column("command", sa.Text, nullable=False),
        sa.Column("seed", sa.BigInteger, nullable=False),
        sa.Column("started", sa.DateTime(timezone=True), nullable=False),
        sa.Column("finished", sa.DateTime(timezone=True)),
        sa.Column("status", sa.String(16), nullable=False),
        sa.Column("version", sa.String(32), nullable=False),
        sa.Column("config_hash", sa.String(128), nullable=False),
        sa.Column("inputs", sa.JSON, nullable=False),
        sa.Column("results", sa.JSON, nullable=False),
    )
    op.create_table(
        "stages",
        sa.Column("name", sa.String(64), primary_key=True),
        sa.Column("key", sa.String(128), primary_key=True),
        sa.Column("run_id", sa.String(64), nullable=False),
        sa.Column("folder", sa.Text, nullable=False),
        sa.Column("finished", sa.DateTime(timezone=True), nullable=False),
    )
    op.create_table(
        "estimates",
        sa.Column("id", BIG, primary_key=True, autoincrement=True),
        sa.Column("run_id", sa.String(64), nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("record", sa.JSON, nullable=False),
    )
    op.create_index("ix_estimates_run_id", "estimates", ["run_id"])


def downgrade() -> None:
    """Drop the tables."""
    for name in ("estimates", "stages", "runs", "commits"):
        op.drop_table(name)


def _commits() -> None:
    op.create_table(
        "commits",
        sa.Column("sequence", BIG, primary_key=True, autoincrement=False),
        sa.Column("source", sa.Text, nullable=False),
        sa.Column("batch", sa.BigInteger, nullable=False),
        sa.Column("received", sa.BigInteger, nullable=False),
        sa.Column("stored", sa.BigInteger, nullable=False),
        sa.Column("duplicates", sa.BigInteger, nullable=False),
        sa.Column("quarantined", sa.BigInteger, nullable=False),
        sa.Column("events_file", sa.String(200)),
        sa.Column("events_sha256", sa.String(64)),
        sa.Column("quarantine_file", sa.String(200)),
        sa.Column("quarantine_sha256", sa.String(64)),
        sa.Column("fields", sa.JSON),
        sa.Column("examples", sa.JSON),
        sa.Column("chain", sa.String(64), nullable=False),
        sa.Column("committed", sa.DateTime(timezone=True), nullable=False),
    )
