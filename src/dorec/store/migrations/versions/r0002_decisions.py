"""Decisions and what became of them, one row each, chained by hash."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

BIG = sa.BigInteger().with_variant(sa.Integer, "sqlite")


def upgrade() -> None:
    """Make the table."""
    op.create_table(
        "decisions",
        sa.Column("sequence", BIG, primary_key=True, autoincrement=False),
        sa.Column("decision_id", sa.String(64), nullable=False),
        sa.Column("entry", sa.String(16), nullable=False),
        sa.Column("created", sa.String(40), nullable=False),
        sa.Column("question", sa.Text, nullable=False),
        sa.Column("inputs", sa.JSON, nullable=False),
        sa.Column("record", sa.Text, nullable=False),
        sa.Column("chain", sa.String(64), nullable=False),
        sa.UniqueConstraint("decision_id", "entry", name="one_entry_of_a_kind"),
    )


def downgrade() -> None:
    """Drop the table."""
    op.drop_table("decisions")
