import numpy as np
import pyarrow.csv as pc
import pytest

from dorec import EventLog
from dorec.domain.errors import InputError
from dorec.domain.estimate import Estimate
from dorec.profile import funnel

RNG = np.random.default_rng(0)


def random_log(n_users=400):
    rows = []
    for u in range(n_users):
        rows += [(u, "view")] * int(RNG.integers(0, 3))
        rows += [(u, "cart")] * int(RNG.random() < 0.4)
        rows += [(u, "purchase")] * int(RNG.random() < 0.2)
        rows += [(u, "rating")]
    return EventLog.from_table({"user_id": [str(u) for u, _ in rows], "event": [e for _, e in rows]}), rows


def test_counts_and_rates_are_those_of_sets_of_users():
    log, rows = random_log()
    found = funnel(log)
    who = {name: {u for u, e in rows if e == name} for name in ("view", "cart", "purchase")}
    assert [(s.event, s.events, s.users) for s in found.stages] == [
        (name, sum(e == name for _, e in rows), len(who[name])) for name in ("view", "cart", "purchase")
    ]
    assert found.n_users == 400
    assert found.others == {"rating": 400}
    rates = {e.name: e.value for e in found.conversions}
    assert rates == pytest.approx({
        "view to cart": len(who["cart"] & who["view"]) / len(who["view"]),
        "cart to purchase": len(who["cart"] & who["purchase"]) / len(who["cart"]),
    })  # fmt: skip


def test_the_error_of_a_rate_is_that_of_a_bootstrap_over_users():
    log, rows = random_log()
    rate = funnel(log).conversions[0]
    view, cart = (np.bincount([u for u, e in rows if e == name], minlength=400) > 0 for name in ("view", "cart"))
    draws = RNG.integers(0, 400, (2_000, 400))
    replicates = (view & cart)[draws].sum(1) / view[draws].sum(1)
    assert rate.std_error == pytest.approx(replicates.std(), rel=0.08)
    assert rate.influence.mean() == pytest.approx(0, abs=1e-12)


def test_stages_and_segments_of_one_log_can_be_compared():
    log, _ = random_log()
    segments = {"id": [str(u) for u in range(300)], "kind": ["new" if u < 100 else "old" for u in range(300)]}
    found = funnel(log, segments=segments, user="id", by_segment="kind")
    assert set(found.segments) == {"new", "old", "missing"}
    assert sum(f.n_users for f in found.segments.values()) == 400
    assert sum(f.stages[0].users for f in found.segments.values()) == found.stages[0].users
    gap = found.segments["new"].conversions[0] - found.segments["old"].conversions[0]
    apart = np.hypot(found.segments["new"].conversions[0].std_error, found.segments["old"].conversions[0].std_error)
    assert gap.std_error == pytest.approx(apart, rel=0.01)  # segments share no user
    assert isinstance(Estimate.concat(found.conversions), Estimate)


def test_a_log_of_one_kind_has_a_stage_and_no_rate():
    found = funnel(EventLog.from_table({"user_id": ["a", "b"], "event": ["purchase"] * 2}))
    assert found.conversions == ()
    assert found.to_dict()["stages"][0]["users"] == 2
    assert funnel(EventLog.from_table({"user_id": ["a"], "event": ["rating"]})).stages == ()


def test_half_a_segment_is_refused():
    with pytest.raises(InputError, match="both"):
        funnel(EventLog.from_table({"user_id": ["a"]}), by_segment="kind")


def test_taobao(shared):
    path = shared / "data/taobao_userbehavior_sample/UserBehavior.csv.gz"
    names = ["user", "item", "category", "event", "time"]
    table = pc.read_csv(path, read_options=pc.ReadOptions(column_names=names)).to_pandas()
    table["event"] = table["event"].map({"pv": "view", "fav": "favourite", "cart": "cart", "buy": "purchase"})
    table = table.astype({"user": str, "item": str})
    log = EventLog.from_table(table[["user", "item", "event"]], user_id="user", item_id="item")
    found = funnel(log)
    assert [s.event for s in found.stages] == ["view", "favourite", "cart", "purchase"]
    assert sum(s.events for s in found.stages) == 4_321
    assert found.n_users == 43
