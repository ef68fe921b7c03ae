"""PCMCI on worlds whose lagged links are known, against brute force, and on panels."""

from datetime import date, timedelta
from itertools import product

import numpy as np
import pytest

from dorec.discover import LagPC, make, summary_graph
from dorec.domain.errors import (
    Collinear,
    ColumnNotFound,
    ConfigError,
    ConstantColumn,
    InputError,
    NotFinite,
    TooFewUnits,
)
from dorec.domain.knowledge import Knowledge

NAMES = ("a", "b", "c", "d")


def series(weights, n, seed, burn=100):
    """(n, d) of a vector autoregression; weights[k][i, j] is the effect of i on j after k + 1 steps."""
    rng = np.random.default_rng(seed)
    d, lags = len(weights[0]), len(weights)
    x = rng.normal(size=(n + burn, d))
    for t in range(lags, n + burn):
        x[t] += sum(x[t - 1 - k] @ weights[k] for k in range(lags))
    return x[burn:]


def random_weights(d, seed, own=0.5):
    rng = np.random.default_rng(seed)
    one = (rng.random((d, d)) < 0.3) * rng.uniform(0.25, 0.4, (d, d)) * rng.choice([-1, 1], (d, d))
    two = (rng.random((d, d)) < 0.15) * rng.uniform(0.25, 0.35, (d, d))
    np.fill_diagonal(one, own)
    weights = [one, two]
    companion = np.block([[one.T, two.T], [np.eye(d), np.zeros((d, d))]])
    radius = np.abs(np.linalg.eigvals(companion)).max()
    return [w * (0.9 / radius) ** (k + 1) for k, w in enumerate(weights)] if radius > 0.9 else weights


def table(x, names=NAMES, **more):
    return {**more, **{name: x[:, j] for j, name in enumerate(names)}}


def panel(weights, n_users, n_days, seed, spread=0.0):
    """Users in random order of rows, with means of their own."""
    rng = np.random.default_rng(seed)
    x = np.concatenate([series(weights, n_days, [seed, u], burn=30) for u in range(n_users)])
    user = np.repeat(np.arange(n_users), n_days)
    x = x + (spread * rng.normal(size=(n_users, 1)))[user]  # busy users do more of everything
    return table(x, NAMES[: x.shape[1]], user=user, day=np.tile(np.arange(n_days), n_users))


def residual(y, given):
    design = np.column_stack([np.ones(len(y)), *given])
    return y - design @ np.linalg.lstsq(design, y, rcond=None)[0]


def brute_force(x, max_lag, selection_alpha):
    """PCMCI by least squares on the rows themselves: values (d, d, max_lag + 1)."""
    from scipy import stats

    n, d = x.shape
    rows = np.arange(2 * max_lag, n)

    def at(v, lag):
        return x[rows - lag, v]

    def r_of(source, y, given):
        return np.corrcoef(residual(at(*source), [at(*g) for g in given]), residual(at(y, 0), [at(*g) for g in given]))[
            0, 1
        ]

    past = {}
    for y in range(d):
        left = [(v, lag) for lag in range(1, max_lag + 1) for v in range(d)]
        weakest = dict.fromkeys(left, np.inf)
        size = 0
        while len(left) - 1 >= size:
            drop = []
            for source in left:
                given = [g for g in left if g != source][:size]
                r = r_of(source, y, given)
                weakest[source] = min(weakest[source], abs(r))
                dof = len(rows) - 2 - size
                p = 2 * stats.t.sf(abs(r) * np.sqrt(dof / (1 - r * r)), dof)
                if p >= selection_alpha:
                    drop.append(source)
            left = sorted((s for s in left if s not in drop), key=lambda s: -weakest[s])
            size += 1
        past[y] = left
    value = np.full((d, d, max_lag + 1), np.nan)
    for x_, y, lag in product(range(d), range(d), range(1, max_lag + 1)):
        given = {*past[y], *((v, k + lag) for v, k in past[x_])} - {(x_, lag)}
        value[x_, y, lag] = r_of((x_, lag), y, sorted(given))
    return value


@pytest.mark.parametrize("seed", range(6))
def test_values_are_those_of_brute_force(seed):
    x = series(random_weights(4, seed), 150 + 40 * seed, seed)
    found = LagPC(max_lag=2, test="student_t", time=None).links(table(x))
    np.testing.assert_allclose(found.value, brute_force(x, 2, 0.2), atol=1e-9)


@pytest.mark.parametrize("seed", range(8))
def test_a_long_series_gives_its_links(seed):
    weights = random_weights(4, seed)
    found = LagPC(max_lag=3, time=None, alpha=0.001).links(table(series(weights, 8000, seed)))
    true = {(NAMES[i], NAMES[j], k + 1) for k, w in enumerate(weights) for i, j in np.argwhere(np.abs(w) > 0.1)}
    got = {(link.cause, link.effect, link.lag): link.value for link in found}
    assert true <= set(got)
    assert len(set(got) - true) <= 1  # where effects nearly cancel, the first step may miss a cause of the past
    assert all(abs(got[link]) < 0.06 for link in set(got) - true)


def test_noise_gives_no_more_links_than_alpha_says():
    """24 links of 4 columns that only remember themselves, in each of 80 worlds: levels hold, one test and all."""
    single, any_false = [], []
    for seed in range(80):
        x = series([0.8 * np.eye(4)], 250, seed)
        found = LagPC(max_lag=2, time=None).links(table(x))
        cross = ~np.eye(4, dtype=bool)
        single.append((found.p_value[cross][:, 1:] <= 0.05).mean())
        any_false.append(found.found[cross].any())
    assert 0.03 < np.mean(single) < 0.065
    assert np.mean(any_false) < 0.11


def test_autocorrelation_does_not_fool_it_as_it_fools_plain_lagged_correlation():
    hits, plain = [], []
    for seed in range(100):
        x = series([0.95 * np.eye(2)], 150, seed)
        found = LagPC(max_lag=1, time=None, fdr=False).links(table(x, NAMES[:2]))
        hits += [found.found[0, 1, 1], found.found[1, 0, 1]]
        r = np.corrcoef(x[:-1, 0], x[1:, 1])[0, 1]
        plain.append(abs(np.arctanh(r)) * np.sqrt(len(x) - 4) > 1.96)
    assert np.mean(plain) > 0.4
    assert np.mean(hits) < 0.09


CHAIN = [np.array([[0.5, 0.4, 0.0], [0.0, 0.5, 0.4], [0.0, 0.0, 0.5]])]
CHAIN_LINKS = {("a", "b", 1), ("b", "c", 1), ("a", "a", 1), ("b", "b", 1), ("c", "c", 1)}


def test_many_short_series_give_the_links():
    rows = panel(CHAIN, n_users=200, n_days=24, seed=0, spread=2.0)
    found = LagPC(max_lag=2, unit="user", alpha=1e-3, test="student_t").links(rows)
    assert {(link.cause, link.effect, link.lag) for link in found} == CHAIN_LINKS
    assert (found.n_windows, found.n_units, found.n_gaps) == (200 * 20, 200, 0)


def test_the_means_of_short_series_do_not_make_links():
    """Without the jackknife a quarter of these tests would reject."""
    rejected = []
    for seed in range(6):
        rows = panel(CHAIN, n_users=300, n_days=20, seed=seed, spread=2.0)
        found = LagPC(max_lag=2, unit="user", fdr=False).links(rows)
        places = product(range(3), range(3), (1, 2))
        rejected += [found.found[i, j, k] for i, j, k in places if ("abc"[i], "abc"[j], k) not in CHAIN_LINKS]
    assert np.mean(rejected) < 0.12


def test_differences_between_users_look_like_links_only_when_means_are_left_in():
    rows = panel([0.3 * np.eye(3)], n_users=200, n_days=15, seed=1, spread=2.0)
    cross = ~np.eye(3, dtype=bool)
    left_in = LagPC(max_lag=1, unit="user", means="none").links(rows)
    taken_out = LagPC(max_lag=1, unit="user").links(rows)
    assert left_in.found[cross].any()
    assert not taken_out.found[cross].any()


def test_a_day_that_moves_everybody_looks_like_a_link_only_when_its_mean_is_left_in():
    rng = np.random.default_rng(3)
    rows = panel([0.3 * np.eye(3)], n_users=100, n_days=40, seed=2)
    season = series([0.9 * np.eye(1)], 40, 5)[:, 0]
    for name in "abc":
        rows[name] = rows[name] + season[rows["day"]] * rng.uniform(0.9, 1.1)
    cross = ~np.eye(3, dtype=bool)
    assert LagPC(max_lag=1, unit="user").links(rows).found[cross].any()
    assert not LagPC(max_lag=1, unit="user", means="unit_and_time").links(rows).found[cross].any()


@pytest.mark.parametrize("means", ["none", "unit", "unit_and_time"])
def test_order_labels_and_scales_do_not_matter(means):
    rows = panel(random_weights(4, 5), n_users=30, n_days=20, seed=3, spread=1.0)
    rng = np.random.default_rng(0)
    order = rng.permutation(600)
    label = np.array([f"user {k}" for k in rng.permutation(30)])
    first = date(2024, 2, 20)
    other = {"d": rows["d"] * -3.0 + 5.0, "user": label[rows["user"]], "c": rows["c"] * 1e6}
    other |= {"day": np.array([first + timedelta(days=int(t)) for t in rows["day"]], dtype="datetime64[D]")}
    other |= {"b": rows["b"], "a": rows["a"]}
    method = LagPC(max_lag=2, unit="user", means=means)
    graph = method.discover(rows)
    turned = method.discover({name: values[order] for name, values in other.items()})
    assert set(graph.edges) == set(turned.edges)
    assert len(graph.edges) > 4


def test_windows_never_cross_users_or_gaps():
    """The correlations are those of windows cut out by hand."""
    rows = panel(CHAIN, n_users=5, n_days=30, seed=4)
    keep = ~np.isin(rows["day"], [11]) | (rows["user"] == 2)
    rows = {name: values[keep] for name, values in rows.items()}
    found = LagPC(max_lag=1, unit="user", means="none", test="student_t").links(rows)
    x, user, day = np.column_stack([rows[n] for n in "abc"]), rows["user"], rows["day"]
    index = {(u, t): i for i, (u, t) in enumerate(zip(user, day, strict=True))}
    windows = [
        [index[u, t - k] for k in range(3)]
        for u, t in zip(user, day, strict=True)
        if (u, t - 1) in index and (u, t - 2) in index
    ]
    assert found.n_windows == len(windows) == 28 + 4 * (9 + 16)
    assert (found.n_gaps, found.n_rows_unused) == (4, 0)
    # chain: a's own past is what matters to a; its MCI value by hand from those windows
    w = x[np.array(windows)]  # (m, 3, d)
    given = [w[:, 2, 0]]
    by_hand = np.corrcoef(residual(w[:, 1, 0], given), residual(w[:, 0, 0], given))[0, 1]
    past_of_a_only = LagPC(max_lag=1, unit="user", means="none", selection_alpha=1e-9).links(rows)
    np.testing.assert_allclose(past_of_a_only.value[0, 0, 1], by_hand, atol=1e-9)


def test_knowledge_of_variables_and_of_nodes_is_never_violated():
    x = table(series(CHAIN, 3000, 0), NAMES[:3])
    free = LagPC(max_lag=2, time=None)
    known = Knowledge(forbidden=(("a", "b"),), required=(("c", "a"), ("b[t-2]", "c[t]")))
    found = free.links(x, known)
    links = {(link.cause, link.effect, link.lag) for link in found}
    assert not found.found[0, 1].any()
    assert ("b", "c", 2) in links
    assert found.found[2, 0].sum() == 1
    by_tier = free.links(x, Knowledge(tiers=(("c",), ("a", "b"))))
    assert not by_tier.found[:2, 2].any()
    assert by_tier.found[0, 1, 1]
    with pytest.raises(InputError, match="leads back in time"):
        free.discover(x, Knowledge(required=(("a[t]", "b[t-1]"),)))
    with pytest.raises(InputError, match="forbidden or within one step"):
        free.discover(x, Knowledge(required=(("a[t]", "b[t]"),)))
    with pytest.raises(InputError, match=r"names 'a\[t-5\]'"):
        free.discover(x, Knowledge(forbidden=(("a[t-5]", "b[t]"),)))
    with pytest.raises(InputError, match="Tiers name zz"):
        free.discover(x, Knowledge(tiers=(("zz",), ("a",))))


def test_the_graph_repeats_links_forwards_in_time_only():
    found = LagPC(max_lag=2, time=None, alpha=1e-4).links(table(series(CHAIN, 3000, 0), NAMES[:3]))
    graph = found.graph()
    assert graph.nodes[:3] == ("a[t-2]", "b[t-2]", "c[t-2]")
    assert ("a[t-1]", "b[t]") in graph.directed
    assert ("a[t-2]", "b[t-1]") in graph.directed
    assert len(found.graph(repeat=False).edges) == len(list(found))
    place = {node: i // 3 for i, node in enumerate(graph.nodes)}
    assert all(place[a] < place[b] for a, b in graph.directed)
    hidden = found.graph(hidden_past=True)
    assert ("a[t-2]", "b[t-2]") in hidden.bidirected  # both follow from a[t-3]
    assert not any("[t]" in node for pair in hidden.bidirected for node in pair)
    assert summary_graph(graph).directed == (
        ("a[past]", "a[now]"),
        ("a[past]", "b[now]"),
        ("b[past]", "b[now]"),
        ("b[past]", "c[now]"),
        ("c[past]", "c[now]"),
    )
    with pytest.raises(InputError, match="no lagged node"):
        summary_graph(type(graph).from_edges("ab"))


def test_bad_tables_are_refused_by_name():
    x = table(series(CHAIN, 100, 0), NAMES[:3], day=np.arange(100))
    free = LagPC(max_lag=1)
    with pytest.raises(ColumnNotFound, match="'day'"):
        free.discover({k: v for k, v in x.items() if k != "day"})
    with pytest.raises(NotFinite, match=r"b \(1\)"):
        free.discover({**x, "b": np.where(np.arange(100) == 7, np.nan, x["b"])})
    with pytest.raises(InputError, match=r"1 rows have the day of another row.*unit="):
        free.discover({**x, "day": np.where(np.arange(100) == 7, 8, np.arange(100))})
    with pytest.raises(NotFinite, match="rows have no day"):
        free.discover({**x, "day": np.where(np.arange(100) == 7, np.nan, np.arange(100))})
    with pytest.raises(InputError, match="whole numbers or dates"):
        free.discover({**x, "day": np.array([f"day {i}" for i in range(100)])})
    with pytest.raises(InputError, match="hold no numbers"):
        free.discover({**x, "c": np.array(["x", "y"] * 50)})
    with pytest.raises(Collinear, match=r"z\[t\] and a\[t-1\]|a\[t-1\] and z\[t\]|z\[t\]; "):
        free.discover({**x, "z": np.concatenate([[0.3], x["a"][:-1]])})
    with pytest.raises(Collinear, match="counter"):
        free.discover({**x, "z": np.arange(100) * 2.0})
    with pytest.raises(Collinear, match="wave"):
        free.discover({**x, "z": np.sin(np.arange(100))})
    with pytest.raises(TooFewUnits, match="stretches of 9 rows"):
        LagPC(max_lag=4).discover({**x, "day": np.arange(100) * 2 + (np.arange(100) // 5)})
    short = {name: values[:16] for name, values in x.items()}
    required = Knowledge(required=tuple((f"{a}[t-{k}]", "a[t]") for a in "abc" for k in (1, 2, 3)))
    with pytest.raises(TooFewUnits, match="too few for tests given up to"):
        LagPC(max_lag=3).discover(short, required)
    user = np.repeat(np.arange(10), 10)
    with pytest.raises(ConstantColumn, match="age never vary"):
        LagPC(max_lag=1, unit="user").discover({**x, "user": user, "age": 20.0 + user})


@pytest.mark.parametrize(
    "settings",
    [
        {"max_lag": 0},
        {"alpha": 0},
        {"selection_alpha": 1.0},
        {"test": "rcot"},
        {"means": "user"},
        {"unit": "day"},
        {"means": "unit_and_time"},
    ],
)
def test_bad_settings_are_refused(settings):
    with pytest.raises(ConfigError):
        make("lag_pc", **settings)
