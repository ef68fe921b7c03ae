"""What was promised and what was measured: rows are added and never changed, each with the hash of those before."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from dorec.domain.decision import Decision, Settlement, TrackRecord
from dorec.domain.errors import InputError, IntegrityError, did_you_mean
from dorec.store.durable import write_bytes
from dorec.store.locks import exclusive
from dorec.store.schema import DECISIONS

ACKNOWLEDGED = "decisions.json"  # how far the chain went, kept beside the database
LOCK = "decisions.lock"
NO_CHAIN = "0" * 64
CARD, MEASURED = "card", "measured"
CHAINED = ("sequence", "decision_id", "entry", "created", "question", "inputs", "record")


@dataclass(frozen=True, eq=False)
class Decisions:
    """The decisions of a study, in its state database.

    Example:
        >>> import tempfile
        >>> from dorec.store import StudyFolder
        >>> card = Decision(decision_id="d1", question="new ranking?", choice="test", reason="gain_uncertain",
        ...                 meaning="", gain=0.3, std_error=0.2, raw_std_error=0.2, lower=-0.1, upper=0.7)
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     decisions = StudyFolder.create(Path(folder) / "shop").decisions
        ...     decisions.enter(card)
        ...     decisions.settle(Settlement.of(card, 0.25, 0.1))
        ...     decisions.verify(), str(decisions.record())
        (2, '1 of 1 promise held; on average 0.2 standard errors too high')
    """

    engine: sa.Engine
    study: Path

    def enter(self, decision: Decision) -> None:
        """Add a card.

        Raises:
            InputError: a decision of this id is there already.
            IntegrityError: rows before it were changed or lost.
        """
        self._add(
            CARD,
            decision.decision_id,
            decision.question,
            decision.created.isoformat(),
            decision.inputs,
            decision.to_dict(),
        )

    def settle(self, settlement: Settlement) -> None:
        """Add what was measured.

        Raises:
            InputError: there is no such decision, or it was measured before.
            IntegrityError: rows before it were changed or lost.
        """
        card = self.card(settlement.decision_id)
        row = settlement.to_dict()
        self._add(MEASURED, card.decision_id, card.question, settlement.settled.isoformat(), settlement.inputs, row)

    def card(self, decision_id: str) -> Decision:
        """One card, by its id."""
        cards = {card.decision_id: card for card, _ in self.record().entries}
        if decision_id not in cards:
            shown = ", ".join(list(cards)[-8:]) or "none yet"
            raise InputError(
                f"There is no decision {decision_id!r} in {self.study}; decisions: {shown}."
                f"{did_you_mean(decision_id, cards)}"
            )
        return cards[decision_id]

    def record(self) -> TrackRecord:
        """Every card with what became of it, oldest first; rows are verified before they are read."""
        rows = self._verified()
        ends = {r["decision_id"]: Settlement.from_dict(json.loads(r["record"])) for r in rows if r["entry"] == MEASURED}
        cards = [Decision.from_dict(json.loads(r["record"])) for r in rows if r["entry"] == CARD]
        pairs = [(card, ends.get(card.decision_id)) for card in cards]
        return TrackRecord(
            tuple((card if end is None else replace(card, status="settled"), end) for card, end in pairs)
        )

    def verify(self) -> int:
        """The number of rows, after each was compared with its hash.

        Raises:
            IntegrityError: a row was changed, or rows that were acknowledged are gone.
        """
        return len(self._verified())

    def _verified(self) -> list[Mapping[str, Any]]:
        said = self._acknowledged()  # before the rows: what a writer adds in between is then not taken for lost
        with self.engine.connect() as connection:
            rows = _rows(connection)
        self._check(rows, said)
        return rows

    def _check(self, rows: list[Mapping[str, Any]], said: Mapping[str, Any]) -> None:
        chain = NO_CHAIN
        chains = [chain]
        for place, row in enumerate(rows, start=1):
            chain = _chained(chain, row)
            if chain != row["chain"] or row["sequence"] != place:
                raise IntegrityError(
                    f"Row {row['sequence']} of the decisions (of {row['decision_id']!r}) was changed after it was "
                    "written, or a row before it is gone. Restore state.sqlite from a backup."
                )
            chains.append(chain)
        if said["sequence"] >= len(chains) or chains[said["sequence"]] != said["chain"]:
            raise IntegrityError(
                f"The state database holds {len(rows)} rows of decisions, but {said['sequence']} were acknowledged, "
                "with another checksum: rows were lost. Restore state.sqlite from a backup."
            )

    def _add(
        self,
        entry: str,
        decision_id: str,
        question: str,
        created: str,
        inputs: Mapping[str, str],
        record: Mapping[str, Any],
    ) -> None:
        row: dict[str, Any] = {"decision_id": decision_id, "entry": entry, "created": created, "question": question}
        row |= {"inputs": dict(inputs), "record": json.dumps(record, sort_keys=True, allow_nan=False)}
        with exclusive(self.study / LOCK):  # so that acknowledgements follow one another as rows do
            with self.engine.connect().execution_options(writes=True) as connection, connection.begin():
                rows = _rows(connection)
                self._check(rows, self._acknowledged())
                if any(r["decision_id"] == decision_id and r["entry"] == entry for r in rows):
                    done = "was measured already" if entry == MEASURED else "is in the ledger already"
                    raise InputError(f"Decision {decision_id!r} {done}. Rows are added once and never changed.")
                row["sequence"] = len(rows) + 1
                row["chain"] = _chained(rows[-1]["chain"] if rows else NO_CHAIN, row)
                connection.execute(DECISIONS.insert().values(**row))
            acknowledged = {"sequence": row["sequence"], "chain": row["chain"]}
            write_bytes(self.study / ACKNOWLEDGED, json.dumps(acknowledged).encode())

    def _acknowledged(self) -> dict[str, Any]:
        path = self.study / ACKNOWLEDGED
        try:
            said = json.loads(path.read_bytes())
            return {"sequence": int(said["sequence"]), "chain": str(said["chain"])}
        except FileNotFoundError:
            return {"sequence": 0, "chain": NO_CHAIN}
        except (ValueError, KeyError, TypeError) as error:
            raise IntegrityError(f"{path} is damaged. Restore the study from a backup.") from error


def _rows(connection: sa.Connection) -> list[Mapping[str, Any]]:
    query = sa.select(DECISIONS).order_by(DECISIONS.c.sequence)
    return [dict(row) for row in connection.execute(query).mappings()]


def _chained(before: str, row: Mapping[str, Any]) -> str:
    """The hash of a row and of all before it."""
    parts = [before, *(row[name] for name in CHAINED)]
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()
