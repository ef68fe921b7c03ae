"""The list of what was stored: one row a batch, chained by hash, and a file that says how far it was acknowledged."""

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from dorec.domain.errors import IntegrityError
from dorec.store.durable import write_bytes
from dorec.store.schema import COMMITS

ACKNOWLEDGED = "acknowledged.json"
NO_CHAIN = "0" * 64
CHAINED = ("sequence", "received", "stored", "duplicates", "quarantined", "events_file", "events_sha256",
           "quarantine_file", "quarantine_sha256", "source", "batch")  # fmt: skip

Row = Mapping[str, Any]


@dataclass(frozen=True, eq=False)
class Commits:
    """The commits of one event store.

    A database that lost its newest transactions (a flipped byte in a write-ahead log is enough) looks sound to itself;
    the file beside the events, written after each commit, knows better.
    """

    engine: sa.Engine
    folder: Path

    @contextmanager
    def reading(self) -> Iterator[sa.Connection]:
        """A connection that reads."""
        with self.engine.connect() as connection:
            yield connection

    @contextmanager
    def writing(self) -> Iterator[sa.Connection]:
        """A connection in one transaction that writes; it is committed and on the disk afterwards."""
        with self.engine.connect().execution_options(writes=True) as connection, connection.begin():
            yield connection

    def rows(self, connection: sa.Connection, *, after: int = 0) -> list[Row]:
        """Commits in order."""
        query = sa.select(COMMITS).where(COMMITS.c.sequence > after).order_by(COMMITS.c.sequence)
        return [dict(row) for row in connection.execute(query).mappings()]

    def some(self, connection: sa.Connection, sequences: Sequence[int]) -> dict[int, Row]:
        """Some commits by their numbers."""
        query = sa.select(COMMITS).where(COMMITS.c.sequence.in_(sequences))
        return {row["sequence"]: dict(row) for row in connection.execute(query).mappings()} if sequences else {}

    def last(self, connection: sa.Connection) -> Row:
        """The newest commit.

        Raises:
            IntegrityError: the database knows less than was acknowledged.
        """
        found = (
            connection.execute(sa.select(COMMITS).order_by(COMMITS.c.sequence.desc()).limit(1)).mappings().one_or_none()
        )
        last: dict[str, Any] = dict(found) if found else {"sequence": 0, "chain": NO_CHAIN}
        sequence, chain = self._acknowledged(last["sequence"])
        if not sequence:
            return last
        said = last if last["sequence"] == sequence else self.some(connection, [sequence]).get(sequence)
        if said is None or said["chain"] != chain:
            raise IntegrityError(
                f"The state database ends at batch {last['sequence']}, but batch {sequence} was acknowledged, with "
                "another checksum: commits were lost. Restore state.sqlite from a backup, or start a new study."
            )
        return last

    def add(self, connection: sa.Connection, row: dict[str, Any], last: Row) -> Row:
        """Enter a commit after the last one."""
        whole = {**row, "sequence": last["sequence"] + 1, "committed": datetime.now(UTC)}
        whole["chain"] = chained(last["chain"], whole)
        connection.execute(COMMITS.insert().values(**whole))
        return whole

    def acknowledge(self, row: Row) -> None:
        """Remember outside the database that it was committed."""
        write_bytes(
            self.folder / ACKNOWLEDGED, json.dumps({"sequence": row["sequence"], "chain": row["chain"]}).encode()
        )

    def _acknowledged(self, known: int) -> tuple[int, str]:
        path = self.folder / ACKNOWLEDGED
        try:
            said = json.loads(path.read_bytes())
            return int(said["sequence"]), str(said["chain"])
        except FileNotFoundError:
            if known > 1:
                raise IntegrityError(f"{path} is missing although {known} batches were stored.") from None
            return 0, NO_CHAIN
        except (ValueError, KeyError, TypeError) as error:
            raise IntegrityError(f"{path} is damaged. Restore the study from a backup.") from error


def chained(before: str, row: Row) -> str:
    """The hash of a commit and of all before it."""
    return hashlib.sha256(json.dumps([before, *(row[name] for name in CHAINED)]).encode()).hexdigest()


def check_chain(rows: Sequence[Row]) -> None:
    """Compare every commit with its hash.

    Raises:
        IntegrityError: with the first that was changed.
    """
    chain = NO_CHAIN
    for row in rows:
        chain = chained(chain, row)
        if chain != row["chain"]:
            raise IntegrityError(f"Commit {row['sequence']} was changed after it was written. Restore from a backup.")
