"""The simulated shop as the tables a real one would export."""

from datetime import UTC, datetime, timedelta

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from dorec.domain.event_log import event_schema
from dorec.numeric.arrays import AnyArray, BoolArray, FloatArray, IntArray
from dorec.simulate.behaviour import DAY, Behaviour, Shop
from dorec.simulate.catalogue import Catalogue
from dorec.simulate.shoppers import AGE_BANDS, DEVICES, REGIONS, Shoppers

START = datetime(2025, 3, 3, tzinfo=UTC)  # a Monday
KINDS = ("impression", "view", "cart", "purchase", "rating")


def item_table(shop: Catalogue) -> "pa.Table":
    """item_id, title, category, price."""
    return pa.table({"item_id": shop.ids, "title": shop.title, "category": shop.category, "price": shop.price})


def user_table(people: Shoppers) -> "pa.Table":
    """user_id and the features observed before the log."""
    return pa.table(
        {
            "user_id": people.ids,
            "age_band": np.array(AGE_BANDS)[people.age],
            "region": np.array(REGIONS)[people.region],
            "device": np.array(DEVICES)[people.device],
            "tenure_days": people.tenure_days,
            "activity": people.activity,
            "price_sensitivity": np.round(people.price_sensitivity, 3),
        }
    )


def promotion_table(people: Shoppers, treated: BoolArray, shop: Shop) -> "pa.Table":
    """user_id, treatment, first and last day of the promotion."""
    start, end = (START + timedelta(days=d) for d in (shop.window_from, shop.n_days - 1))
    return pa.table(
        {
            "user_id": people.ids,
            "treatment": np.where(treated, "voucher", "none"),
            "start": pa.array([start.date()] * people.n),
            "end": pa.array([end.date()] * people.n),
        }
    )


def unit_table(
    people: Shoppers, behaviour: Behaviour, paid: FloatArray, treated: BoolArray, assignment: FloatArray
) -> "pa.Table":
    """One row a user: features, behaviour before, treatment and its probability, spend in the window."""
    visits, sessions = behaviour.visits, behaviour.sessions
    user, now = sessions.user[visits.session], sessions.in_window[visits.session]

    def total(of: IntArray, weights: AnyArray) -> FloatArray:
        return np.asarray(np.bincount(of, weights=weights, minlength=people.n), dtype=np.float64)

    columns = {
        "sessions_before": total(sessions.user, ~sessions.in_window),
        "views_before": total(user, ~now),
        "spend_before": np.round(total(user, paid * ~now), 2),
        "treatment": np.where(treated, "voucher", "none"),
        "propensity_none": 1.0 - assignment,
        "propensity_voucher": assignment,
        "spend_in_window": np.round(total(user, paid * now), 2),
    }
    table = user_table(people)
    for name, values in columns.items():
        table = table.append_column(name, pa.array(values))
    return table


def event_table(shop: Shop, behaviour: Behaviour, paid: FloatArray, policy_id: str) -> pa.Table:
    """Every event in the order of time, with the columns of the event schema."""
    shown, visits, sessions = behaviour.impressions, behaviour.visits, behaviour.sessions
    people, items = shop.people, shop.items
    rng = shop.rng("clock")
    seen_at = sessions.start[visits.session] + np.maximum(visits.place, 0) + rng.uniform(5, 240, len(visits.session))
    cart_at = seen_at + rng.uniform(10, 180, len(seen_at))
    paid_at = cart_at + rng.uniform(30, 900, len(seen_at))
    rated, stars, rated_at = _ratings(people, items, behaviour, paid_at, rng)
    carted, bought = np.flatnonzero(visits.carted), np.flatnonzero(visits.bought)
    everything = np.arange(len(seen_at))
    none = np.full(len(shown.session), np.nan)
    part = [everything, carted, bought, rated]
    time = np.concatenate([sessions.start[shown.session], seen_at, cart_at[carted], paid_at[bought], rated_at])
    kind = np.repeat(np.arange(len(KINDS)), [len(shown.session), *(len(p) for p in part)])
    visit = np.concatenate(part)
    session = np.concatenate([shown.session, visits.session[visit]])
    value = np.concatenate(
        [none, np.full(len(everything), np.nan), items.price[visits.item[carted]], paid[bought], stars]
    )
    columns = {
        "user": sessions.user[session],
        "item": np.concatenate([shown.item, visits.item[visit]]),
        "position": np.concatenate([shown.place, visits.place[visit]]),
        "propensity": np.concatenate([shown.propensity, np.full(len(visit), np.nan)]),
    }
    # impressions of a slate share a time: the place breaks the tie, then the kind
    order = np.lexsort((kind, columns["position"], time))
    order = order[time[order] < shop.n_days * DAY]
    taken = {name: values[order] for name, values in columns.items()}
    return _as_events(
        people,
        items,
        policy_id,
        {**taken, "time": time[order], "kind": kind[order], "session": session[order], "value": value[order]},
    )


def _ratings(
    people: Shoppers, shop: Catalogue, behaviour: Behaviour, paid_at: FloatArray, rng: np.random.Generator
) -> tuple[IntArray, FloatArray, FloatArray]:
    """Half of the purchases are rated, 1 to 5, some days later: quality and taste show, with noise."""
    visits, sessions = behaviour.visits, behaviour.sessions
    bought = np.flatnonzero(visits.bought)
    rated = bought[rng.random(len(bought)) < 0.5]
    user, item = sessions.user[visits.session[rated]], visits.item[rated]
    liking = np.einsum("ij,ij->i", people.taste[user], shop.taste[item]) / 2.6
    stars = np.clip(np.rint(3.3 + 0.6 * liking + 0.5 * shop.quality[item] + 0.7 * rng.normal(size=len(rated))), 1, 5)
    return rated, stars, paid_at[rated] + rng.uniform(1, 6, len(rated)) * DAY


def _as_events(people: Shoppers, shop: Catalogue, policy_id: str, c: dict[str, AnyArray]) -> "pa.Table":
    n = len(c["time"])
    kinds = np.asarray(c["kind"])
    searched = (c["position"] < 0) & (kinds > 0)
    micros = np.asarray(np.rint((START.timestamp() + c["time"]) * 1e6), dtype=np.int64)
    columns = [
        _numbered("e", np.arange(n)),
        pa.array(people.ids).take(pa.array(c["user"])),
        pa.array(shop.ids).take(pa.array(c["item"])),
        pa.array(KINDS).take(pa.array(kinds)),
        pa.array(micros).cast(pa.timestamp("us", tz="UTC")),
        pa.array(c["value"], mask=np.isnan(c["value"])),
        _numbered("s", c["session"]),
        pa.array(c["position"].astype(np.int32), mask=c["position"] < 0),
        pa.array(c["propensity"], mask=np.isnan(c["propensity"])),
        pa.array([policy_id, None]).take(pa.array((kinds > 0).astype(np.int64))),
        pa.array(['{"source": "search"}', None]).take(pa.array((~searched).astype(np.int64))),
    ]
    return pa.table(columns, schema=event_schema())


def _numbered(letter: str, numbers: AnyArray) -> "pa.Array":
    return pc.binary_join_element_wise(letter, pa.array(numbers).cast(pa.string()), "")
