"""Where is it kept? Events as Parquet read by DuckDB, the ledger in SQLite or a SQL server, artefacts with hashes."""

from dorec.store.artefacts import read_arrays, read_json, read_table, write_artefacts
from dorec.store.decisions import Decisions
from dorec.store.duckdb_engine import configure, materialise, memory_table, open_events
from dorec.store.event_store import EventStore
from dorec.store.ledger import Ledger
from dorec.store.receipt import Receipt
from dorec.store.sql_source import read_sql
from dorec.store.study_folder import StudyFolder

__all__ = [
    "Decisions",
    "EventStore",
    "Ledger",
    "Receipt",
    "StudyFolder",
    "configure",
    "materialise",
    "memory_table",
    "open_events",
    "read_arrays",
    "read_json",
    "read_sql",
    "read_table",
    "write_artefacts",
]
