"""Tables of a study's state: commits, runs, stages, estimates, decisions. Migrations bring a database to them."""

import sqlalchemy as sa

METADATA = sa.MetaData()

COMMITS = sa.Table(
    "commits",
    METADATA,
    sa.Column("sequence", sa.BigInteger().with_variant(sa.Integer, "sqlite"), primary_key=True, autoincrement=False),
    sa.Column("source", sa.Text, nullable=False),
    sa.Column("batch", sa.BigInteger, nullable=False),
    sa.Column("received", sa.BigInteger, nullable=False),
    sa.Column("stored", sa.BigInteger, nullable=False),
    sa.Column("duplicates", sa.BigInteger, nullable=False),
    sa.Column("quarantined", sa.BigInteger, nullable=False),
    sa.Column("events_file", sa.String(200)),  # null: nothing new in this batch
    sa.Column("events_sha256", sa.String(64)),
    sa.Column("quarantine_file", sa.String(200)),
    sa.Column("quarantine_sha256", sa.String(64)),
    sa.Column("fields", sa.JSON),  # columns that the source had: its schema at that moment
    sa.Column("examples", sa.JSON),  # some duplicates
    sa.Column("chain", sa.String(64), nullable=False),  # hash over this row and the chain before it
    sa.Column("committed", sa.DateTime(timezone=True), nullable=False),
)

RUNS = sa.Table(
    "runs",
    METADATA,
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

STAGES = sa.Table(
    "stages",
    METADATA,
    sa.Column("name", sa.String(64), primary_key=True),
    sa.Column("key", sa.String(128), primary_key=True),
    sa.Column("run_id", sa.String(64), nullable=False),
    sa.Column("folder", sa.Text, nullable=False),  # relative to the study
    sa.Column("finished", sa.DateTime(timezone=True), nullable=False),
)

ESTIMATES = sa.Table(
    "estimates",
    METADATA,
    sa.Column("id", sa.BigInteger().with_variant(sa.Integer, "sqlite"), primary_key=True, autoincrement=True),
    sa.Column("run_id", sa.String(64), nullable=False, index=True),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("record", sa.JSON, nullable=False),
)

DECISIONS = sa.Table(
    "decisions",
    METADATA,
    sa.Column("sequence", sa.BigInteger().with_variant(sa.Integer, "sqlite"), primary_key=True, autoincrement=False),
    sa.Column("decision_id", sa.String(64), nullable=False),
    sa.Column("entry", sa.String(16), nullable=False),  # card, or measured
    sa.Column("created", sa.String(40), nullable=False),  # ISO 8601
    sa.Column("question", sa.Text, nullable=False),
    sa.Column("inputs", sa.JSON, nullable=False),  # path -> SHA-256
    sa.Column("record", sa.Text, nullable=False),  # canonical JSON: text, so that what was hashed is what is kept
    sa.Column("chain", sa.String(64), nullable=False),  # hash over this row and the chain before it
    sa.UniqueConstraint("decision_id", "entry", name="one_entry_of_a_kind"),
)
