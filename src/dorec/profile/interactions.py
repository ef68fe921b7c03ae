"""Events -> interactions for recommenders, and the weight that each deserves."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import ibis
import numpy as np
import pyarrow as pa

from dorec.domain.dataset import Dataset
from dorec.domain.errors import InputError
from dorec.domain.event_log import EventLog
from dorec.numeric.arrays import AnyArray, IntArray

if TYPE_CHECKING:
    import ibis.expr.types as ir

# deeper in the funnel says more about taste; an impression is the shop's act, not the user's
DEFAULT_WEIGHTS: Mapping[str, float] = MappingProxyType(
    {
        "impression": 0.0,
        "view": 1.0,
        "click": 1.0,
        "favourite": 2.0,
        "cart": 3.0,
        "purchase": 5.0,
        "interaction": 1.0,
        "cancel": 0.0,
        "cancellation": 0.0,
        "refund": 0.0,
        "return": 0.0,
    }
)
OTHER_WEIGHT = 1.0  # of event types that are not known
BATCH = 500_000


def to_dataset(
    log: EventLog,
    *,
    weights: Mapping[str, float] | None = None,
    items: Any = None,
    item: str = "item_id",
    text: str | None = None,
    users: Any = None,
    user: str = "user_id",
) -> Dataset:
    """Interactions with a weight by depth in the funnel; a rating's weight is its value.

    Left out: events without an item, of weight 0 (impressions, cancellations), sales with a negative value, ratings
    without a positive value. Interactions come ordered by user, time and item, whatever the order of arrival. Times
    are kept if every interaction has one. Events stream through in batches and ids become codes as they come: the
    memory is about 40 bytes an interaction plus the ids themselves.

    Args:
        log: the events.
        weights: event type -> weight, over the defaults (view 1, click 1, favourite 2, cart 3, purchase 5, others 1).
        items: a table of items, joined by id.
        item: the column of `items` with the id.
        text: the column of `items` with a title.
        users: a table of users, joined by id.
        user: the column of `users` with the id.

    Raises:
        InputError: no event is left, or a weight is negative.

    Example:
        >>> log = EventLog.from_table({"user_id": ["ann", "ann", "bob"], "item_id": ["tea", "tea", "jam"],
        ...                            "event": ["view", "purchase", "impression"]})
        >>> data = to_dataset(log)
        >>> data.n_users, data.items.tolist(), data.weight.tolist()
        (1, ['tea'], [1.0, 5.0])
    """
    chosen = {**DEFAULT_WEIGHTS, **(weights or {})}
    wrong = [name for name, w in chosen.items() if not 0 <= w < float("inf")]
    if wrong:
        raise InputError(f"The weight of {wrong[0]!r} is {chosen[wrong[0]]}; give a number of at least 0.")
    rows = _weighted(log.table, chosen, "rating" not in (weights or {}))
    columns = ("user_id", "item_id", "event", "timestamp", "_weight")
    parts = []
    for batch in rows.select(*columns).to_pyarrow_batches(chunk_size=BATCH):
        coded = [batch.column(i).dictionary_encode() for i in range(3)]
        parts.append(pa.RecordBatch.from_arrays([*coded, batch.column(3).cast(pa.int64()), batch.column(4)], columns))
    if not sum(len(part) for part in parts):
        raise InputError("No event has an item and a weight above 0, so there is nothing to recommend from.")
    table = pa.Table.from_batches(parts).unify_dictionaries()
    del parts
    data = _dataset(table)
    if items is not None:
        data = data.with_items(items, item=item, text=text)
    return data if users is None else data.with_users(users, user=user)


def _weighted(events: "ir.Table", weights: Mapping[str, float], rating_by_value: bool) -> "ir.Table":
    """The events that count, with their weight."""
    branches = [(events.event == name, ibis.literal(float(w))) for name, w in weights.items()]
    if rating_by_value:
        branches.append((events.event == "rating", events.value))
    weight = ibis.cases(*branches, else_=OTHER_WEIGHT)
    taken_back = (events.event != "rating") & (events.value < 0).fill_null(False)
    weighed = events.mutate(_weight=weight)
    usable = weighed["_weight"].notnull() & ~weighed["_weight"].isnan() & (weighed["_weight"] > 0)
    placed = weighed.item_id.notnull() & weighed.user_id.notnull()
    return weighed.filter(usable & placed & ~taken_back)


def _dataset(table: pa.Table) -> Dataset:
    users, user_index = _sorted_codes(table.column("user_id"))
    items, item_index = _sorted_codes(table.column("item_id"))
    kinds, kind_index = _sorted_codes(table.column("event"))
    stamp = table.column("timestamp")
    time = None if stamp.null_count else stamp.to_numpy() / 1e6
    weight = table.column("_weight").to_numpy()
    keys = [kind_index, weight, item_index, user_index] if time is None else [kind_index, item_index, time, user_index]
    order = np.lexsort(keys)
    return Dataset(
        users=users,
        items=items,
        user_index=user_index[order],
        item_index=item_index[order],
        weight=weight[order],
        time=None if time is None else time[order],
        event=kinds.astype(object)[kind_index[order]],
    )


def _sorted_codes(column: pa.ChunkedArray) -> tuple[AnyArray, IntArray]:
    """The distinct ids, sorted, and each row's place among them; dictionaries are unified already."""
    ids = np.asarray(column.chunk(0).dictionary.to_pylist(), dtype=str)
    codes = np.concatenate([chunk.indices.to_numpy() for chunk in column.chunks])
    order = np.argsort(ids)
    place = np.empty(len(ids), dtype=np.int64)
    place[order] = np.arange(len(ids))
    used = np.zeros(len(ids), dtype=bool)
    used[place[np.unique(codes)]] = True
    if used.all():
        return ids[order], place[codes]
    renumbered = np.cumsum(used) - 1
    return ids[order][used], renumbered[place[codes]]
