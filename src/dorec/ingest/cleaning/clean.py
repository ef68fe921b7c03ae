"""Steps in a row over a log, counted in one pass."""

import hashlib
import uuid
import weakref
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any

import ibis

from dorec.domain.errors import InputError
from dorec.domain.event_log import EventLog
from dorec.ingest.cleaning.accidental_clicks import AccidentalClicks
from dorec.ingest.cleaning.bots import Bots
from dorec.ingest.cleaning.cancellations import Cancellations
from dorec.ingest.cleaning.duplicates import Duplicates
from dorec.ingest.cleaning.impossible_values import ImpossibleValues
from dorec.ingest.cleaning.missing_values import MissingValues
from dorec.ingest.cleaning.outliers import Outliers
from dorec.ingest.cleaning.step import ALIVE, BROWSING, CODE, Facts, Step, is_cancellation
from dorec.numeric.clock import DAY, MINUTE, seconds

if TYPE_CHECKING:
    import ibis.expr.types as ir

# off unless asked: outliers and dwell times are judgements about a shop, not faults of the data
DEFAULT_STEPS: tuple[Step, ...] = (Duplicates(), MissingValues(), ImpossibleValues(), Cancellations(), Bots())
STEPS: Mapping[str, Step] = {  # by the names that settings use, as they are by default
    "duplicates": Duplicates(),
    "missing_values": MissingValues(),
    "impossible_values": ImpossibleValues(),
    "cancellations": Cancellations(),
    "bots": Bots(),
    "outliers": Outliers(),
    "accidental_clicks": AccidentalClicks(),
}
_UNUSED: list[tuple[int, str]] = []  # engine and name of temporary tables that no expression needs any more
SHOWN = ("event_id", "user_id", "item_id", "event", "timestamp", "value")  # of an example


@dataclass(frozen=True, kw_only=True)
class StepReport:
    """What one step did.

    Example:
        >>> report = StepReport(name="bots", description="drops machines", before=10, after=8)
        >>> report.dropped
        2
    """

    name: str
    description: str
    before: int  # events handed to the step
    after: int  # events that it kept
    changed: int = 0  # events kept with another value, or flagged
    examples: list[dict[str, Any]] = field(default_factory=list)
    skipped_reason: str = ""
    counts: Mapping[str, int] = field(default_factory=dict)  # reason or note -> events
    value_dropped: float = 0.0  # sum of value over the dropped events
    parameters: Mapping[str, Any] = field(default_factory=dict)

    @property
    def dropped(self) -> int:
        """Events that the step removed."""
        return self.before - self.after

    def to_dict(self) -> dict[str, Any]:
        """The report as plain data."""
        return {
            "name": self.name,
            "description": self.description,
            "before": self.before,
            "after": self.after,
            "dropped": self.dropped,
            "changed": self.changed,
            "counts": dict(self.counts),
            "value_dropped": self.value_dropped,
            "examples": [dict(e) for e in self.examples],
            "skipped_reason": self.skipped_reason,
            "parameters": {k: _plain(v) for k, v in self.parameters.items()},
        }


@dataclass(frozen=True, kw_only=True)
class CleaningReport:
    """What each step did, in order: before - dropped = after, from the first step to the last.

    Example:
        >>> step = StepReport(name="bots", description="drops machines", before=10, after=8)
        >>> report = CleaningReport(steps=(step,))
        >>> report.before, report.after, report.to_dict()["steps"][0]["dropped"]
        (10, 8, 2)
    """

    steps: tuple[StepReport, ...]

    @property
    def before(self) -> int:
        """Events handed in."""
        return self.steps[0].before if self.steps else 0

    @property
    def after(self) -> int:
        """Events kept."""
        return self.steps[-1].after if self.steps else 0

    def to_dict(self) -> dict[str, Any]:
        """The report as plain data."""
        return {"before": self.before, "after": self.after, "steps": [step.to_dict() for step in self.steps]}


def clean(
    log: EventLog, steps: Sequence[Step] = DEFAULT_STEPS, *, max_share: float = 0.5, n_examples: int = 3
) -> tuple[EventLog, CleaningReport]:
    """The log after every step, and what each step did, with counts, lost value and examples.

    The steps run as one query in the engine that holds the log; memory here is that of the counts. The cleaned events
    are kept there as a temporary table, and the log itself is handed back where no step touches an event.

    Args:
        log: the events.
        steps: in this order; `DEFAULT_STEPS` leaves outliers and dwell times alone.
        max_share: a step that would drop more than this share of the events it gets is not applied and says so: that
            is a misread column or unit far more often than it is dirt.
        n_examples: events shown for each step.

    Raises:
        InputError: `max_share` is not in (0, 1].

    Example:
        >>> log = EventLog.from_table({"event_id": ["1", "1", "2"], "user_id": ["ann", "ann", "bob"]})
        >>> cleaned, report = clean(log)
        >>> cleaned.n_events, report.steps[0].dropped, report.steps[-1].skipped_reason
        (2, 1, 'there are no browsing events (view, click, favourite, cart)')
    """
    if not 0 < max_share <= 1:
        raise InputError(f"max_share is {max_share}; give a share in (0, 1], as in 0.5.")
    facts = _facts(log.table)
    skipped = {i: reason for i, step in enumerate(steps) if (reason := step.skip(facts))}
    while True:
        active = {i: step for i, step in enumerate(steps) if i not in skipped}
        marked = _kept_in_engine(_mark_all(log.table, active)) if active else log.table
        counts = _count(marked, active)
        excess = _first_excess(counts, active, facts.events, max_share)
        if excess is None:
            break
        which, reason = excess
        skipped[which] = reason
    report = _report(marked, steps, skipped, counts, facts.events, n_examples)
    _drop_unused(ibis.get_backend(marked))
    touched = any(step.before != step.after or step.changed for step in report.steps)
    if not touched:
        return log, report
    extra = [c for c in marked.columns if not c.startswith("_step_") and c != ALIVE]
    kept = marked.filter(marked[ALIVE]).select(*extra)
    name = hashlib.sha256(f"{log.fingerprint}{sorted(active.items())}".encode()).hexdigest() if log.fingerprint else ""
    return EventLog(kept, fingerprint=name), report


def _facts(events: "ir.Table") -> Facts:
    second = seconds(events.timestamp)
    row = events.aggregate(
        events=events.count(),
        with_time=events.timestamp.count(),
        with_id=events.event_id.count(),
        with_value=events.value.count(),
        browsing=events.event.isin(BROWSING).sum(),
        cancellations=is_cancellation(events).sum(),
        off_minutes=(second % MINUTE != 0).sum(),
        off_days=(second % DAY != 0).sum(),
    ).to_pyarrow()
    found = {name: int(value or 0) for name, value in row.to_pylist()[0].items()}
    minutes, days = found.pop("off_minutes") == 0, found.pop("off_days") == 0
    return Facts(whole_minutes=minutes, whole_days=days, **found)


def _mark_all(events: "ir.Table", steps: Mapping[int, Step]) -> "ir.Table":
    """The events with a code for each step, seen by later steps only while they are alive."""
    marked = events.mutate(_alive=ibis.literal(True))
    pending = False
    for i, step in steps.items():
        # a step that reads the events more than once would have all steps before it computed as often
        marked = _kept_in_engine(marked) if step.rescans and pending else marked
        pending = True
        coded = step.mark(marked)
        code = ibis.ifelse(coded[ALIVE], coded[CODE].fill_null(0), 0).cast("int8")
        coded = coded.mutate(**{f"_step_{i}": code}).drop(CODE)
        marked = coded.mutate(_alive=coded[ALIVE] & (coded[f"_step_{i}"] <= 0))
    return marked


def _kept_in_engine(table: "ir.Table") -> "ir.Table":
    """The table computed once, in the engine; it may go when the last expression on it is gone."""
    engine = ibis.get_backend(table)
    _drop_unused(engine)
    name = f"dorec_cleaned_{uuid.uuid4().hex}"
    stored = engine.create_table(name, table, temp=True)
    # dropped by the next call and not by the finalizer, which may run amid a query on the same connection
    weakref.finalize(stored.op(), _UNUSED.append, (id(engine), name)).atexit = False
    return stored


def _drop_unused(engine: Any) -> None:
    for name in [name for owner, name in _UNUSED if owner == id(engine)]:
        # not by engine.drop_table, whose statement sqlglot 30 writes without the name
        engine.raw_sql(f'DROP TABLE IF EXISTS "{name}"')
        _UNUSED.remove((id(engine), name))


def _count(marked: "ir.Table", steps: Mapping[int, Step]) -> dict[str, Any]:
    """Events and value for each code of each step, in one scan."""
    wanted: dict[str, Any] = {}
    for i, step in steps.items():
        code = marked[f"_step_{i}"]
        for k in [*range(1, len(step.reasons) + 1), *(-k for k in range(1, len(step.notes) + 1))]:
            wanted[f"{i}:{k}"] = (code == k).sum()
        finite = marked.value.notnull() & ~marked.value.isnan() & ~marked.value.isinf()
        wanted[f"{i}:value"] = ibis.ifelse((code > 0) & finite, marked.value, 0.0).sum()
    if not wanted:
        return {}
    return {name: value or 0 for name, value in marked.aggregate(**wanted).to_pyarrow().to_pylist()[0].items()}


def _dropped(counts: Mapping[str, Any], i: int, step: Step) -> int:
    return sum(int(counts[f"{i}:{k}"]) for k in range(1, len(step.reasons) + 1))


def _first_excess(
    counts: Mapping[str, Any], steps: Mapping[int, Step], events: int, max_share: float
) -> tuple[int, str] | None:
    for i, step in steps.items():
        dropped = _dropped(counts, i, step)
        if dropped > max_share * events:
            share = dropped / events
            return i, (
                f"it would drop {dropped:,} of {events:,} events ({share:.0%}), more than max_share={max_share:g}: "
                "look at the columns and units, or raise max_share"
            )
        events -= dropped
    return None


def _report(
    marked: "ir.Table",
    steps: Sequence[Step],
    skipped: Mapping[int, str],
    counts: Mapping[str, Any],
    events: int,
    n_examples: int,
) -> CleaningReport:
    reports = []
    for i, step in enumerate(steps):
        told: dict[str, Any] = {"name": step.name, "description": step.description, "parameters": step.parameters()}
        if i in skipped:
            reports.append(StepReport(before=events, after=events, skipped_reason=skipped[i], **told))
            continue
        found = {word: int(counts[f"{i}:{k}"]) for k, word in enumerate(step.reasons, start=1)}
        noted = {word: int(counts[f"{i}:{-k}"]) for k, word in enumerate(step.notes, start=1)}
        after = events - sum(found.values())
        counted = {word: n for word, n in {**found, **noted}.items() if n}
        examples = _examples(marked, i, step, n_examples) if counted else []
        reports.append(
            StepReport(
                before=events,
                after=after,
                changed=sum(noted.values()),
                counts=counted,
                value_dropped=float(counts[f"{i}:value"]),
                examples=examples,
                **told,
            )
        )
        events = after
    return CleaningReport(steps=tuple(reports))


def _examples(marked: "ir.Table", i: int, step: Step, n: int) -> list[dict[str, Any]]:
    code = f"_step_{i}"
    rows = marked.filter(marked[code] != 0).select(*SHOWN, code).limit(n).to_pyarrow().to_pylist()
    out = []
    for row in rows:
        k = row.pop(code)
        why = step.reasons[k - 1] if k > 0 else step.notes[-k - 1]
        out.append({**{name: _plain(value) for name, value in row.items() if value is not None}, "reason": why})
    return out


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, float) and not abs(value) < float("inf"):
        return str(value)
    return list(value) if isinstance(value, tuple) else value
