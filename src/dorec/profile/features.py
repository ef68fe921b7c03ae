"""What users and items are like, from their events alone, and as of any instant.

Every feature is a sum, a count, a first or a last over events, or a ratio of those. The same definitions serve one
instant for all (`user_features`, `item_features`) and an instant for each row (`features_as_of`): a feature can't mean
one thing in training and another in use.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import ibis
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from dorec.domain.errors import InputError
from dorec.domain.event_log import FUNNEL, EventLog
from dorec.domain.table import to_arrow
from dorec.numeric.arrays import AnyArray, FloatArray, IntArray
from dorec.numeric.clock import day_of_week, hour_of_day

if TYPE_CHECKING:
    import ibis.expr.types as ir

DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
CATEGORY_KEYS = ("category", "category_id", "category_name", "product_category", "item_category", "department", "genre")
DAY_SECONDS = 86_400.0


@dataclass(frozen=True, kw_only=True)
class FeatureSpec:
    """Which features there are: decided once for a log, so that every row and instant has the same columns.

    Example:
        >>> FeatureSpec(events=("view", "purchase"), sales=("purchase",)).rates
        (('view', 'purchase'),)
    """

    events: tuple[str, ...]  # event types, the funnel's first and in its order
    sales: tuple[str, ...]  # event types whose value is money
    categories: tuple[str, ...] = ()
    time: bool = True  # whether there are time stamps

    @property
    def rates(self) -> tuple[tuple[str, str], ...]:
        """Pairs of funnel stages that follow each other in this log."""
        stages = [e for e in self.events if e in FUNNEL]
        return tuple(pairwise(stages))


def user_features(
    log: EventLog,
    at: datetime | None = None,
    *,
    items: Any = None,
    item: str = "item_id",
    category: str | None = None,
    top_categories: int = 10,
) -> pa.Table:
    """One row a user, ordered by user_id, from the events strictly before `at` (all events by default).

    Columns: events; items (distinct); n_<event> for each event type; <stage>_to_<next> (rates of the funnel, null
    without a trial); frequency and monetary (number and value of sales); mean_value (price affinity, over
    all but ratings); with ratings also mean_rating; with times also recency_days and tenure_days (since the last and
    the first event, until `at` or the log's last event), hour_00 to hour_23 and monday to sunday (shares, UTC); with a
    category also category=<name> (shares of the commonest).

    Args:
        log: the events.
        at: only events strictly before this instant count; users without one have no row.
        items: a table of items with the category; without it, the category is looked for in the events' context.
        item: the column of `items` with the item's id.
        category: the column of `items`, or the key in the context.
        top_categories: how many categories get a column.

    Raises:
        ColumnNotFound: `items` lacks `item` or `category`.
        InputError: `at` is given and the log has no time stamps.

    Example:
        >>> log = EventLog.from_table({"user_id": ["ann", "ann", "bob"], "item_id": ["x", "x", "y"],
        ...                            "event": ["view", "purchase", "view"], "value": [None, 3.0, None]})
        >>> user_features(log).select(["user_id", "events", "view_to_purchase", "monetary"]).to_pylist()[0]
        {'user_id': 'ann', 'events': 2, 'view_to_purchase': 1.0, 'monetary': 3.0}
    """
    events, categories = with_category(log, items=items, item=item, category=category, top=top_categories, before=at)
    return _features(log, events, "user_id", "item_id", at, categories)


def item_features(log: EventLog, at: datetime | None = None) -> pa.Table:
    """One row an item, ordered by item_id, from the events strictly before `at` (all events by default).

    The columns of `user_features` seen from the item: users counts its distinct users, mean_value is its price.

    Example:
        >>> log = EventLog.from_table({"user_id": ["ann", "bob", "bob"], "item_id": ["x", "x", "y"]})
        >>> item_features(log).select(["item_id", "events", "users"]).to_pylist()
        [{'item_id': 'x', 'events': 2, 'users': 2}, {'item_id': 'y', 'events': 1, 'users': 1}]
    """
    return _features(log, log.table.filter(log.table.item_id.notnull()), "item_id", "user_id", at, ())


def feature_spec(log: EventLog, categories: Sequence[str] = ()) -> FeatureSpec:
    """The features that a log can have."""
    present = log.event_counts
    ordered = [e for e in FUNNEL if e in present] + [e for e in present if e not in FUNNEL]
    sales = ("purchase",) if "purchase" in present else tuple(e for e in ordered if e != "rating")
    timed = bool(log.table.timestamp.notnull().any().to_pyarrow().as_py())
    return FeatureSpec(events=tuple(ordered), sales=sales, categories=tuple(categories), time=timed)


def prepared(events: "ir.Table") -> "ir.Table":
    """The events with _hour and _day, once for each event rather than once for each moment that looks at it.

    A value that is NaN becomes null, as it says nothing and would turn every sum into NaN.
    """
    value = ibis.ifelse(events.value.isnan(), None, events.value)
    return events.mutate(_hour=hour_of_day(events.timestamp), _day=day_of_week(events.timestamp), value=value)


def aggregates(events: "ir.Table", spec: FeatureSpec, other: str) -> dict[str, Any]:
    """The sums, counts, firsts and lasts that the features are made of, over `prepared` events."""
    # a log of ratings alone has no sales, and a condition on no column can't be summed
    sale = events.event.isin(spec.sales) if spec.sales else events.user_id.isnull()
    wanted: dict[str, Any] = {"events": events.count(), "_others": events[other].nunique()}
    wanted |= {f"n_{e}": _number(events.event == e) for e in spec.events}
    wanted["frequency"] = _number(sale)
    wanted["monetary"] = ibis.ifelse(sale, events.value, 0.0).sum()
    wanted["mean_value"] = events.value.mean(where=events.event != "rating")
    if "rating" in spec.events:
        wanted["mean_rating"] = events.value.mean(where=events.event == "rating")
    if spec.time:
        hour, day = events["_hour"], events["_day"]
        wanted |= {"_first": events.timestamp.min(), "_last": events.timestamp.max()}
        wanted |= {f"hour_{h:02d}": _number(hour == h) for h in range(24)}
        wanted |= {name: _number(day == d) for d, name in enumerate(DAYS)}
    wanted |= {f"category={c}": _number(events["_category"] == c) for c in spec.categories}
    return wanted


def derive(
    raw: pa.Table, spec: FeatureSpec, keys: pa.Table, rows: IntArray, until: AnyArray | None, distinct: str
) -> pa.Table:
    """Features from aggregates: `rows` (n,) is each result row's place in `raw`, -1 where it has no event.

    `until` (n,) holds the instant, in seconds, that recency and tenure are measured to.
    """
    found = rows >= 0
    take = pa.array(rows, mask=~found)

    def counts(name: str) -> FloatArray:
        values: FloatArray = pc.fill_null(raw.column(name).take(take).cast(pa.float64()), 0.0).to_numpy()
        return values

    out: dict[str, Any] = {name: keys.column(name) for name in keys.column_names}
    out["events"] = counts("events").astype(np.int64)
    out[distinct] = counts("_others").astype(np.int64)
    out |= {f"n_{e}": counts(f"n_{e}").astype(np.int64) for e in spec.events}
    out |= {f"{a}_to_{b}": _ratio(counts(f"n_{b}"), counts(f"n_{a}")) for a, b in spec.rates}
    out["frequency"] = counts("frequency").astype(np.int64)
    out["monetary"] = counts("monetary")
    means = [name for name in ("mean_value", "mean_rating") if name in raw.column_names]
    out |= {name: raw.column(name).take(take).cast(pa.float64()) for name in means}
    total = counts("events")
    if spec.time and until is not None:
        for name, column in (("recency_days", "_last"), ("tenure_days", "_first")):
            stamp = raw.column(column).take(take).cast(pa.int64())
            days = (until - pc.fill_null(stamp, 0).to_numpy() / 1e6) / DAY_SECONDS
            out[name] = pa.array(days, mask=pc.is_null(stamp).to_numpy(zero_copy_only=False))
    shares = [f"hour_{h:02d}" for h in range(24)] + list(DAYS) if spec.time else []
    for name in [*shares, *(f"category={c}" for c in spec.categories)]:
        out[name] = _ratio(counts(name), total)
    return pa.table(out)


def with_category(
    log: EventLog, *, items: Any, item: str, category: str | None, top: int, before: datetime | None
) -> tuple["ir.Table", tuple[str, ...]]:
    """The events with a column _category, and the commonest categories before an instant, alphabetically."""
    events = log.table
    if items is not None:
        if category is None:
            raise InputError("items were given without a category; name the column of items that holds it.")
        table = to_arrow(items, [item, category])
        plain = {"_item": table.column(item).cast(pa.string()), "_category": table.column(category).cast(pa.string())}
        first = pa.table(plain).group_by("_item", use_threads=False).aggregate([("_category", "first")])
        side = ibis.memtable(first.rename_columns(["_item", "_category"]))
        events = events.left_join(side, events.item_id == side["_item"]).drop("_item")
    else:
        key = category or _category_key(log)
        if key is None:
            return events, ()
        events = events.mutate(_category=events.context.cast("json")[key].str)
    past = events if before is None else events.filter(events.timestamp < instant(before))
    known = past.filter(past["_category"].notnull())
    counted = known.group_by("_category").agg(n=known.count())
    ranked = counted.order_by(counted.n.desc(), counted["_category"]).limit(top).to_pyarrow()
    return events, tuple(sorted(ranked.column("_category").to_pylist()))


def instant(when: datetime) -> "ir.TimestampScalar":
    """An instant as an expression; one without a time zone is UTC."""
    return ibis.literal(_aware(when), type="timestamp('UTC', 6)")


def _aware(when: datetime) -> datetime:
    return when.replace(tzinfo=UTC) if when.tzinfo is None else when.astimezone(UTC)


def _features(
    log: EventLog, events: "ir.Table", key: str, other: str, at: datetime | None, categories: Sequence[str]
) -> pa.Table:
    spec = feature_spec(log, categories)
    if at is not None:
        if not spec.time:
            raise InputError("The events have no time stamps, so nothing is known 'as of' an instant. Leave `at` out.")
        events = events.filter(events.timestamp < instant(at))
    events = prepared(events)
    raw = events.group_by(key).agg(**aggregates(events, spec, other)).order_by(key).to_pyarrow()
    until = None
    if spec.time:
        last = pc.max(raw.column("_last")).as_py() if at is None else _aware(at)
        until = np.full(raw.num_rows, np.nan if last is None else last.timestamp())
    rows = np.arange(raw.num_rows, dtype=np.int64)
    return derive(raw, spec, raw.select([key]), rows, until, "items" if other == "item_id" else "users")


def _category_key(log: EventLog) -> str | None:
    """The key of a category in the events' context, found by looking at some."""
    some = log.table.filter(log.table.context.notnull()).select("context").limit(1_000).to_pyarrow()
    for text in some.column("context").to_pylist():
        try:
            found = json.loads(text)
        except ValueError:
            continue
        if isinstance(found, dict):
            for key in CATEGORY_KEYS:
                if key in found:
                    return key
    return None


def _number(condition: Any) -> Any:
    return ibis.ifelse(condition.fill_null(False), 1, 0).cast("int64").sum()


def _ratio(a: FloatArray, b: FloatArray) -> pa.Array:
    """The quotient, null where b is 0."""
    return pa.array(a / np.where(b > 0, b, 1.0), mask=b <= 0)
