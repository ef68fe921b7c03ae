"""Which column is the user, the item, the event, the time: by name and by content, each choice with its reason."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pyarrow as pa

from dorec.domain.errors import InputError
from dorec.ingest.event_names import event_of_file, is_known, mapping
from dorec.ingest.look import Look, look
from dorec.ingest.role_names import OUTCOMES, TREATMENTS, named, tokens
from dorec.ingest.roles import TIME_UNITS, ColumnRoles, Kind
from dorec.ingest.sample import Sample, sample_of, to_table
from dorec.ingest.sources import files_of

RATINGS = {"rating", "ratings", "score", "stars", "overall"}


def infer_roles(source: str | Path | pa.Table, *, sample: int = 10_000) -> ColumnRoles:
    """Roles of the columns of a file, folder, glob or table, from its first rows.

    Args:
        source: a path, or raw rows as a database gives them.
        sample: rows that are looked at.

    Returns:
        Roles with `evidence` in words; correct them by `with_columns` and `with_options`.

    Raises:
        UnreadableSource: there is no such file, or it is of a kind that is not read.
        InputError: the table has no columns.

    Example:
        >>> table = pa.table({"visitorid": [1, 1, 2], "itemid": [5, 6, 5], "event": ["view", "addtocart", "view"]})
        >>> roles = infer_roles(table)
        >>> roles.columns["user_id"], roles.columns["item_id"], roles.event_names["addtocart"]
        ('visitorid', 'itemid', 'cart')
    """
    if isinstance(source, pa.Table):
        found = Sample(path=None, format="table", rows=None, table=source.slice(0, sample), why={})
        paths: list[Path] = []
    else:
        paths = files_of(source)
        found = sample_of(paths[0], sample)
    table, header = _table(found)
    if not table.num_columns:
        raise InputError("The source has no columns.")
    looks = {name: look(name, table.column(name)) for name in table.column_names}
    draft = _Draft(looks, header, dict(found.why))
    draft.choose()
    return _finished(draft, found, header, paths)


def _table(found: Sample) -> tuple[pa.Table, bool]:
    if found.table is not None:
        return found.table, True
    rows = found.rows or []
    header = _has_header(rows)
    found.why["header"] = (
        "the first line holds names" if header else "the first line holds values like the lines that follow"
    )
    return to_table(rows, header), header


def _has_header(rows: Sequence[Sequence[str]]) -> bool:
    """Whether the first line is names: known ones, or text where the column holds numbers."""
    first = rows[0]
    if any(named(cell) for cell in first):
        return True
    if any(not cell.strip() for cell in first[1:]) or len(set(first)) < len(first):
        return False
    body = [r for r in rows[1:200] if len(r) == len(first)]
    if not body:
        return not any(_is_number(c) for c in first)
    for place, cell in enumerate(first):
        column = {r[place] for r in body if r[place]}
        if column and all(map(_is_number, column)) and not _is_number(cell):
            return True
    texts = [c for place, c in enumerate(first) if not _is_number(c) and c not in {r[place] for r in body}]
    return not any(map(_is_number, first)) and len(texts) == len(first)


def _is_number(text: str) -> bool:
    return re.fullmatch(r"\s*[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?\s*", text) is not None


@dataclass
class _Draft:
    """Roles as they are chosen, one after the other; a column has one role."""

    looks: Mapping[str, Look]
    header: bool
    evidence: dict[str, str]
    columns: dict[str, str] = field(default_factory=dict)
    rating: bool = False

    def choose(self) -> None:
        self._by_name("timestamp", lambda c: c.is_time)
        self._by_name("propensity", lambda c: c.is_number and c.low >= 0 and c.high <= 1)
        self._by_name("event", _is_event)
        for role in ("session_id", "user_id", "item_id", "policy_id"):
            self._by_name(role, lambda c: c.kind not in {"empty", "number", "time"} or c.high > 100)
        self._by_name("event_id", lambda c: c.unique)
        self._by_name("position", lambda c: c.kind in {"integer", "boolean"} and c.high < 10_000)
        self._values()
        if "timestamp" not in self.columns:
            self._by_content("timestamp", lambda c: c.is_time, "its values are times")
        if "event" not in self.columns:
            self._by_content("event", _speaks_of_events, "its values are names of events")
        if not self.header:
            self._without_names()

    def take(self, role: str, column: str, why: str) -> None:
        self.columns[role] = column
        self.evidence[role] = f"column {column!r}: {why}"

    def free(self) -> list[Look]:
        return [c for name, c in self.looks.items() if name not in self.columns.values()]

    def _by_name(self, role: str, fits: Callable[[Look], bool]) -> None:
        candidates = []
        for place, column in enumerate(self.free()):
            rank = named(column.name).get(role)
            if rank is None:
                continue
            if fits(column):
                candidates.append((rank, place, column.name))
            else:
                self.evidence.setdefault(f"not {role}", f"{column.name!r} has the name but holds {_shown(column)}")
        if candidates:
            column = self.looks[min(candidates)[2]]
            self.take(role, column.name, f"its name, and it holds {_shown(column)}")

    def _by_content(self, role: str, fits: Callable[[Look], bool], why: str) -> None:
        column = next((c for c in self.free() if fits(c)), None)
        if column is not None:
            self.take(role, column.name, why)

    def _values(self) -> None:
        if "propensity" in self.columns:
            click = next(
                (c for c in self.free() if c.kind == "boolean" and tokens(c.name)[-1:] in (["click"], ["reward"])), None
            )
            if click is not None:
                self.take("value", click.name, "0 or 1 beside a logged propensity: the reward of what was shown")
                return
        quantity = self._first("quantity")
        price = self._first("price")
        self._by_name("value", lambda c: c.is_number and not c.is_time)
        if "value" in self.columns:
            self.rating = tokens(self.columns["value"])[-1] in RATINGS
            if quantity and price and self.columns["value"] == price.name:
                del self.columns["value"], self.evidence["value"]
        if "value" not in self.columns and quantity and price:
            self.take("quantity", quantity.name, "its name; quantity times price is the value")
            self.take("price", price.name, "its name; quantity times price is the value")

    def _first(self, role: str) -> Look | None:
        found = [
            (r, i, c.name)
            for i, c in enumerate(self.free())
            if (r := named(c.name).get(role)) is not None and c.is_number
        ]
        return self.looks[min(found)[2]] if found else None

    def _without_names(self) -> None:
        """Columns without names: a few small numbers are ratings, the first two others are user and item."""
        few = next(
            (
                c
                for c in self.free()
                if c.kind in {"integer", "number"} and 1 < c.distinct <= 11 and c.low >= 0 and c.high <= 10
            ),
            None,
        )
        keys = [c for c in self.free() if c is not few and c.kind in {"integer", "text"} and c.distinct > 1]
        if few is not None and len(keys) >= 2:
            self.take("value", few.name, f"{few.distinct} small numbers, like ratings")
            self.rating = True
        for role, column in zip(("user_id", "item_id"), keys, strict=False):
            order = "first" if role == "user_id" else "second"
            self.take(role, column.name, f"the {order} column of ids in a file without names")


def _is_event(column: Look) -> bool:
    if any(is_known(v) for v in column.values):
        return True
    return (column.kind == "text" and 1 < column.distinct <= 50) or (
        column.kind == "integer" and 1 < column.distinct <= 12
    )


def _speaks_of_events(column: Look) -> bool:
    return (
        column.kind == "text" and bool(column.values) and sum(map(is_known, column.values)) > 0.5 * len(column.values)
    )


def _shown(column: Look) -> str:
    if column.kind == "empty":
        return "nothing"
    if column.distinct == 1:
        return f"only {column.values[0] if column.values else 'one value'}"
    words = {"unix_s": "unix seconds", "unix_ms": "unix milliseconds", "unix_us": "unix microseconds",
             "time": "times", "iso": "times in ISO 8601", "datetime": "times"}  # fmt: skip
    return f"{column.distinct:,} different {words.get(column.kind, column.kind + ' values')}"


def _finished(draft: _Draft, found: Sample, header: bool, paths: Sequence[Path]) -> ColumnRoles:
    columns, evidence = draft.columns, draft.evidence
    names = [p.name for p in paths]
    kind, why = _kind(draft)
    evidence["kind"] = why
    events: dict[str, str] = {}
    constant, from_file = "interaction", False
    if "event" in columns:
        events = mapping(draft.looks[columns["event"]].values)
        renamed = [f"{a} -> {b}" for a, b in events.items() if a != b]
        if renamed:
            evidence["event_names"] = ", ".join(renamed)
    else:
        constant, from_file, evidence["event"] = _constant(draft, names)
    unit = zone = form = None
    if "timestamp" in columns:
        unit, zone, form = _time(draft.looks[columns["timestamp"]], found, evidence)
    required = tuple(r for r in ("user_id", "event", "timestamp") if r in columns or r == "user_id")
    return ColumnRoles(
        columns=columns, kind=kind, format=found.format, delimiter=found.delimiter, header=header,
        encoding=found.encoding, time_unit=unit, time_zone=zone, time_format=form, event_names=events,
        constant_event=constant, event_from_file=from_file, required=required,
        source_columns={n: c.kind if c.clean or c.is_time else "text" for n, c in draft.looks.items()},
        evidence=evidence,
    )  # fmt: skip


def _time(column: Look, found: Sample, evidence: dict[str, str]) -> tuple[str, str | None, str | None]:
    unit = TIME_UNITS.get(column.kind, "iso")
    if column.time_format:
        also = f"; {', '.join(column.also)} would fit as well" if column.also else ""
        evidence["time_format"] = f"every time of the sample reads as {column.time_format}{also}"
    if unit != "iso" or column.zoned:
        evidence["time_zone"] = "unix time needs none" if unit != "iso" else "every time names its own"
        return unit, None, column.time_format
    if found.format == "jsonl":
        evidence["time_zone"] = "times name no zone: declare time_zone, or they are set aside"
        return unit, None, column.time_format
    evidence["time_zone"] = "times name no zone; UTC is assumed, set time_zone if that is wrong"
    return unit, "UTC", column.time_format


def _constant(draft: _Draft, names: Sequence[str]) -> tuple[str, bool, str]:
    told = [event_of_file(name) for name in names]
    if len(names) > 1 and all(told):
        return str(told[0]), True, f"no column names the event, so each file's name does: {', '.join(map(str, told))}"
    if draft.rating:
        return "rating", False, "no column names the event; there is a rating"
    if "propensity" in draft.columns:
        return "impression", False, "no column names the event; a propensity is logged for what was shown"
    if told and told[0]:
        return told[0], False, f"no column names the event; the file is called {names[0]}"
    words = {t for name in draft.looks for t in tokens(name)}
    if "quantity" in draft.columns or words & {
        "invoice",
        "sales",
        "order",
        "basket",
        "purchase",
        "transaction",
        "receipt",
    }:
        return "purchase", False, "no column names the event; the columns are those of sales"
    return "interaction", False, "no column names the event"


def _kind(draft: _Draft) -> tuple[Kind, str]:
    columns, looks = draft.columns, draft.looks
    user, item = columns.get("user_id"), columns.get("item_id")
    if item and "propensity" in columns:
        return "events", "items were shown with a logged propensity"
    if user and item:
        return "events", "rows have a user and an item"
    treatment = next((n for n in looks if set(tokens(n)) & TREATMENTS and 2 <= looks[n].distinct <= 12), None)
    outcome = next((n for n in looks if n != treatment and set(tokens(n)) & OUTCOMES and looks[n].is_number), None)
    if not item and treatment and outcome and (user is None or looks[user].unique):
        return "units", f"one row a unit: {treatment!r} looks like a treatment and {outcome!r} like an outcome"
    if user and ("timestamp" in columns or "event" in columns):
        return "events", "rows have a user and a time or an event"
    if item:
        return "items", "rows have an item, but neither a user nor a propensity"
    if user:
        return "users", "rows have a user, but neither an item nor a time"
    return "units", "rows have neither a user nor an item: one row a unit"
