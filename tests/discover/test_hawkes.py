"""Hawkes processes: recovery, likelihood against its definition, size where nothing triggers, and bad streams."""

import numpy as np
import pytest

from dorec.discover import HawkesGranger, make
from dorec.domain.errors import ColumnNotFound, ConfigError, InputError, NoInterval, NotFinite, TooFewUnits
from dorec.domain.event_log import EventLog
from dorec.domain.knowledge import Knowledge
from dorec.numeric.hawkes import simulate_hawkes

KINDS = np.array(["cart", "purchase", "view"])
#                      cart  purchase  view
FUNNEL = np.array([[0.1, 0.5, 0.0], [0.0, 0.0, 0.0], [0.4, 0.0, 0.3]])
RATES = np.array([0.05, 0.02, 0.3])
LINKS = {("cart", "cart"), ("cart", "purchase"), ("view", "cart"), ("view", "view")}


def stream(branching, rates, decay, n_users, length, seed):
    user, when, kind = simulate_hawkes(
        rates, branching, decay, np.full(n_users, float(length)), np.random.default_rng(seed)
    )
    return {"user_id": user, "event": KINDS[kind], "timestamp": when}


def pairs(graph):
    return {(a.removesuffix("[past]"), b.removesuffix("[now]")) for a, b in graph.directed}


def test_a_funnel_is_recovered_within_its_errors():
    rows = stream(FUNNEL, RATES, 1.5, n_users=300, length=100, seed=0)
    fit = HawkesGranger(decay=1.5, baseline="shared", alpha=0.01).fit(rows, windows=(0.0, 100.0))
    assert pairs(fit.graph) == LINKS
    inside = ~np.isnan(fit.std_error)
    assert (np.abs(fit.branching - FUNNEL)[inside] < 3.5 * fit.std_error[inside]).all()
    np.testing.assert_allclose(fit.baseline, RATES, rtol=0.1)
    assert fit.spectral_radius == pytest.approx(np.abs(np.linalg.eigvals(fit.branching)).max())
    low, high = fit.interval("view", "cart")
    assert 0.35 < low < 0.4 < high < 0.45


def test_the_decay_is_chosen_by_likelihood():
    rows = stream(FUNNEL, RATES, 1.5, n_users=200, length=100, seed=1)
    fit = HawkesGranger(decay=(0.1, 0.5, 1.5, 5.0, 20.0), baseline="shared").fit(rows)
    assert fit.decay == 1.5
    assert fit.log_likelihoods[1.5] == max(fit.log_likelihoods.values())
    assert pairs(HawkesGranger(alpha=0.01).discover(rows)) == LINKS


def log_likelihood(rows, length, baseline, branching, decay):
    """By definition: the log rate at each event, less the integral of the rates, user by user."""
    total = 0.0
    names = sorted(set(rows["event"].tolist()))
    for user in np.unique(rows["user_id"]):
        mine = rows["user_id"] == user
        when, kind = rows["timestamp"][mine], np.array([names.index(e) for e in rows["event"][mine]])
        for j in range(len(names)):
            for t in when[kind == j]:
                before = when < t
                pull = branching[kind[before], j] * decay * np.exp(-decay * (t - when[before]))
                total += np.log(baseline[j] + pull.sum())
            total -= baseline[j] * length + (branching[kind, j] * -np.expm1(-decay * (length - when))).sum()
    return total


@pytest.mark.parametrize("seed", range(3))
def test_the_likelihood_is_that_of_its_definition_and_nothing_nearby_is_better(seed):
    rows = stream(FUNNEL, RATES, 1.0, n_users=12, length=40, seed=seed)
    rows["timestamp"] = np.round(rows["timestamp"], 1)  # with ties
    fit = HawkesGranger(decay=1.0, baseline="shared").fit(rows, windows=(0.0, 40.0))
    assert fit.n_ties > 0
    best = log_likelihood(rows, 40.0, fit.baseline, fit.branching, 1.0)
    assert fit.log_likelihoods[1.0] == pytest.approx(best - (fit.branching * 0).sum(), abs=1e-6)
    rng = np.random.default_rng(seed)
    for _ in range(20):
        near = np.maximum(fit.branching + rng.normal(scale=0.02, size=(3, 3)), 0)
        baseline = fit.baseline * rng.uniform(0.95, 1.05, 3)
        assert log_likelihood(rows, 40.0, baseline, near, 1.0) <= best + 1e-7


def test_independent_streams_trigger_nothing_more_often_than_alpha_says():
    """Users who differ ten-fold in how busy they are, and are then watched for times of their own."""
    level, any_found, shared = [], [], []
    cross = ~np.eye(3, dtype=bool)
    for seed in range(40):
        rng = np.random.default_rng(seed)
        length = rng.uniform(30, 60, 60)
        busy = rng.lognormal(sigma=1.0, size=(60, 1)) * [0.2, 0.1, 0.3]
        user, when, kind = simulate_hawkes(busy, np.zeros((3, 3)), 1.0, length, rng)
        rows = {"user_id": user, "event": KINDS[kind], "timestamp": when}
        windows = {u: (0.0, length[u]) for u in range(60)}
        fit = HawkesGranger().fit(rows, windows=windows)
        level += (fit.p_value <= 0.05)[cross].tolist()
        any_found.append(fit.found.any())
        if seed < 8:
            shared.append(HawkesGranger(decay=1.0, baseline="shared").fit(rows, windows=windows).found[cross].any())
    assert np.mean(level) < 0.06
    assert np.mean(any_found) < 0.12
    assert np.mean(shared) > 0.5  # what the baseline of each user is for


def test_order_labels_and_units_of_time_do_not_matter():
    rows = stream(FUNNEL, RATES, 1.5, n_users=40, length=60, seed=3)
    rng = np.random.default_rng(0)
    order = rng.permutation(len(rows["event"]))
    label = np.array([f"user {k}" for k in rng.permutation(40)])
    base = np.datetime64("2024-03-01T00:00:00", "us")
    other = {
        "timestamp": base + np.round(rows["timestamp"] * 3600e6).astype("timedelta64[us]"),
        "event": rows["event"],
        "user_id": label[rows["user_id"]],
    }
    fit = HawkesGranger(decay=1.5).fit(rows)
    turned = HawkesGranger(decay=1.5).fit({name: values[order] for name, values in other.items()})
    np.testing.assert_allclose(turned.branching, fit.branching, atol=1e-4)
    np.testing.assert_allclose(turned.p_value, fit.p_value, atol=1e-4)
    assert turned.graph.directed == fit.graph.directed
    by_day = HawkesGranger(decay=1.5 * 24, time_unit="day").fit(other)
    np.testing.assert_allclose(by_day.branching, fit.branching, atol=1e-4)
    np.testing.assert_allclose(by_day.baseline, fit.baseline * 24, rtol=1e-3)


def test_an_event_log_serves_as_it_is():
    rows = stream(FUNNEL, RATES, 1.5, n_users=40, length=60, seed=3)
    stamps = np.datetime64("2024-03-01T00:00:00", "us") + np.round(rows["timestamp"] * 3600e6).astype("timedelta64[us]")
    log = EventLog.from_table({"user_id": rows["user_id"].astype(str), "event": rows["event"], "timestamp": stamps})
    np.testing.assert_allclose(
        HawkesGranger(decay=1.5).fit(log).branching, HawkesGranger(decay=1.5).fit(rows).branching, atol=1e-4
    )


def test_knowledge_is_never_violated():
    rows = stream(FUNNEL, RATES, 1.5, n_users=100, length=60, seed=4)
    known = Knowledge(forbidden=(("view", "cart"),), required=(("purchase", "view"),))
    fit = HawkesGranger(decay=1.5).fit(rows, knowledge=known)
    assert ("view", "cart") not in pairs(fit.graph)
    assert fit.branching[2, 0] == 0
    assert ("purchase", "view") in pairs(fit.graph)
    tiers = HawkesGranger(decay=1.5).fit(rows, knowledge=Knowledge(tiers=(("purchase",), ("view", "cart"))))
    assert (tiers.branching[[0, 2], 1] == 0).all()
    with pytest.raises(InputError, match="Knowledge names"):
        HawkesGranger().discover(rows, Knowledge(forbidden=(("view", "order"),)))


def test_no_interval_on_the_boundary():
    rows = stream(FUNNEL, RATES, 1.5, n_users=100, length=60, seed=5)
    fit = HawkesGranger(decay=1.5, baseline="shared").fit(rows)
    i, j = np.argwhere(fit.branching == 0)[0]
    assert np.isnan(fit.std_error[i, j])
    assert fit.p_value[i, j] == 1
    with pytest.raises(NoInterval, match="estimated as 0"):
        fit.interval(fit.names[i], fit.names[j])
    with pytest.raises(ColumnNotFound, match="event types"):
        fit.interval("vieew", "cart")


def test_one_type_and_users_with_one_event():
    rng = np.random.default_rng(0)
    lone = {"user_id": np.arange(50), "event": np.full(50, "view"), "timestamp": rng.random(50)}
    fit = HawkesGranger().fit(lone)
    assert fit.graph.edges == ()
    assert fit.graph.nodes == ("view[past]", "view[now]")
    rows = stream(np.array([[0.6]]), np.array([0.3]), 1.0, n_users=50, length=100, seed=0)
    assert pairs(HawkesGranger(decay=1.0).discover(rows)) == {("cart", "cart")}


def test_users_without_events_count_where_the_baseline_is_shared():
    user, when, kind = simulate_hawkes(RATES / 10, np.zeros((3, 3)), 1.0, np.full(400, 10.0), np.random.default_rng(1))
    rows = {"user_id": user, "event": KINDS[kind], "timestamp": when}
    assert len(np.unique(user)) < 200
    fit = HawkesGranger(decay=1.0, baseline="shared").fit(rows, windows=dict.fromkeys(range(400), (0.0, 10.0)))
    assert fit.n_units == 400
    assert fit.baseline.sum() == pytest.approx(0.037, rel=0.2)


def test_bad_streams_are_refused():
    rows = stream(FUNNEL, RATES, 1.5, n_users=10, length=30, seed=6)
    method = HawkesGranger()
    with pytest.raises(ColumnNotFound, match="'timestamp'"):
        method.discover({"user_id": rows["user_id"], "event": rows["event"]})
    with pytest.raises(NotFinite, match="1 rows have no timestamp"):
        method.discover({**rows, "timestamp": np.where(np.arange(len(rows["event"])) == 3, np.nan, rows["timestamp"])})
    stamps = rows["timestamp"].astype("datetime64[s]")
    stamps[0] = np.datetime64("NaT")
    with pytest.raises(NotFinite, match="timestamp"):
        method.discover({**rows, "timestamp": stamps})
    with pytest.raises(NotFinite, match="no event"):
        method.discover({**rows, "event": [None, *rows["event"][1:].tolist()]})
    with pytest.raises(InputError, match="is -10 long"):
        method.fit(rows, windows=(10.0, 0.0))
    with pytest.raises(InputError, match="outside of their unit's window"):
        method.fit(rows, windows=(0.0, 5.0))
    with pytest.raises(InputError, match="events but no window"):
        method.fit(rows, windows={0: (0.0, 30.0)})
    with pytest.raises(InputError, match="is 0 long"):
        method.discover({**rows, "timestamp": np.zeros(len(rows["event"]))})
    with pytest.raises(InputError, match="Parse text"):
        method.discover({**rows, "timestamp": np.full(len(rows["event"]), "yesterday")})
    with pytest.raises(TooFewUnits, match="9 events"):
        method.discover({name: values[:9] for name, values in rows.items()})


@pytest.mark.parametrize(
    "settings",
    [{"decay": 0.0}, {"decay": (1.0, -1.0)}, {"decay": ()}, {"alpha": 2}, {"baseline": "own"}, {"time_unit": "week"}],
)
def test_bad_settings_are_refused(settings):
    with pytest.raises(ConfigError):
        make("hawkes", **settings)
