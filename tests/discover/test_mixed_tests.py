"""The degenerate and the conditional Gaussian: against textbook formulas, calibrated, and with power."""

from itertools import combinations

import numpy as np
import pytest
from scipy import stats

from dorec.discover import PC
from dorec.discover.columns import mixed_columns
from dorec.discover.conditional_gaussian import ConditionalGaussian
from dorec.discover.degenerate_gaussian import DegenerateGaussian, degenerate_gaussian
from dorec.discover.independence import independence_test
from dorec.discover.levels import level_of_tests
from dorec.domain.errors import Collinear, ConstantColumn, InputError, NotFinite, TooFewUnits
from dorec.domain.knowledge import Knowledge

WORDS = np.array(list("abcd"))
TESTS = ["degenerate_gaussian", "conditional_gaussian"]


def shop(n, seed):
    """plan -> price, price -> clicks <- channel, clicks -> bought: three numbers, three kinds of levels."""
    rng = np.random.default_rng(seed)
    plan, channel = rng.integers(0, 3, n), rng.integers(0, 4, n)
    price = 0.8 * plan + rng.normal(size=n)
    clicks = 0.8 * price + 0.7 * channel + rng.normal(size=n)
    bought = clicks + rng.logistic(size=n) > 1.5
    return {"plan": plan, "channel": WORDS[channel], "price": price, "clicks": clicks, "bought": bought}


def answer(table, test, *given_last):
    names, asked = independence_test(table, test, 0.05)
    row = [names.index(v) for v in given_last]
    return float(asked.answer(np.array([row], dtype=np.int32)).p_value[0])


def residual_rank_test(table, x, y, given):
    """Bartlett's test of canonical correlations between residuals, from least squares on explicit indicators."""

    def block(name):
        values = np.asarray(table[name])
        if values.dtype.kind == "f":
            return values[:, None]
        return (values[:, None] == np.unique(values)[1:]).astype(float)

    n = len(table[x])
    rest = np.column_stack([np.ones(n), *(block(s) for s in given)])

    def left(a):
        return a - rest @ np.linalg.lstsq(rest, a, rcond=None)[0]

    a, b = left(block(x)), left(block(y))
    cov = [u.T @ v for u, v in ((a, a), (a, b), (b, b))]
    m = np.linalg.solve(cov[0], cov[1]) @ np.linalg.solve(cov[2], cov[1].T)
    log_ratio = -np.linalg.slogdet(np.eye(len(m)) - m)[1]
    room = n - 1 - (rest.shape[1] - 1) - (a.shape[1] + b.shape[1] + 1) / 2
    return stats.chi2.sf(room * log_ratio, a.shape[1] * b.shape[1])


def test_every_degenerate_gaussian_test_against_least_squares():
    table = shop(300, 0)
    names, test = independence_test(table, "degenerate_gaussian", 0.05)
    assert isinstance(test, DegenerateGaussian)
    everything, nothing = ~np.eye(5, dtype=bool), np.zeros((5, 5), dtype=bool)
    for size in range(4):
        level = test.level(size, everything, everything, nothing)
        separators = {tuple(row) for row in level.separators.tolist()}
        for x in range(5):
            for y in set(range(5)) - {x}:
                sets = list(combinations(sorted(set(range(5)) - {x, y}), size))
                values = [residual_rank_test(table, names[x], names[y], [names[s] for s in g]) for g in sets]
                assert np.isclose(level.p_value[x, y], max(values), rtol=1e-6, atol=1e-12)
                members = {s for g, p in zip(sets, values, strict=True) if p > 0.05 for s in g}
                assert {s for a, b, s in separators if (a, b) == (x, y)} == members
        rows = level_of_tests(test, size, everything, everything, nothing)
        assert np.allclose(rows.p_value, level.p_value, rtol=1e-6, atol=1e-12)
        assert np.allclose(rows.weakest, np.minimum(level.weakest, level.weakest.T), rtol=1e-6)


def test_conditional_gaussian_of_numbers_is_partial_correlation_in_every_cell():
    rng = np.random.default_rng(0)
    g, z = rng.integers(0, 2, 200), rng.normal(size=200)
    x, y = z * g + rng.normal(size=200), z - g + rng.normal(size=200)
    statistic = 0.0
    for level in (0, 1):
        rows = g == level
        rest = np.column_stack([np.ones(rows.sum()), z[rows]])
        a, b = (v[rows] - rest @ np.linalg.lstsq(rest, v[rows], rcond=None)[0] for v in (x, y))
        statistic -= (rows.sum() - 3.5) * np.log(1 - np.corrcoef(a, b)[0, 1] ** 2)
    p = answer({"x": x, "y": y, "z": z, "g": g}, "conditional_gaussian", "x", "y", "z", "g")
    assert np.isclose(p, stats.chi2.sf(statistic, 2), rtol=0.03)


def test_conditional_gaussian_of_levels_alone_is_near_their_g_square():
    rng = np.random.default_rng(0)
    g, h = rng.integers(0, 3, (2, 2000))
    k = np.where(rng.random(2000) < 0.05, g, h)
    table = {"g": WORDS[g], "h": WORDS[h], "k": WORDS[k]}
    for row in (("g", "h"), ("g", "k"), ("g", "h", "k")):
        assert np.isclose(answer(table, "conditional_gaussian", *row), answer(table, "g_square", *row), atol=0.02)


def null_world(kind, n, rng):
    z, g = rng.normal(size=n), rng.integers(0, 3, n)
    if kind == "numbers given both":
        return {"x": z + 0.5 * g + rng.normal(size=n), "y": g - z + rng.normal(size=n), "z": z, "g": g}
    if kind == "number and level given a number":
        return {"x": z + rng.normal(size=n), "y": WORDS[np.digitize(z + rng.logistic(size=n), [-1, 1])], "z": z}
    if kind == "number and level given a level":
        return {"x": g + rng.normal(size=n), "y": WORDS[(g + rng.integers(0, 2, n)) % 3], "g": g}
    if kind == "levels given a number":
        return {"x": z + rng.logistic(size=n) > 0, "y": np.digitize(z + rng.logistic(size=n), [-1, 1]), "z": z}
    return {"x": rng.normal(size=n), "y": rng.choice(WORDS, n, p=[0.5, 0.3, 0.1, 0.1])}


NULLS = [
    "numbers given both",
    "number and level given a number",
    "number and level given a level",
    "levels given a number",
    "number and level",
]


@pytest.mark.parametrize("kind", NULLS)
@pytest.mark.parametrize("test", TESTS)
def test_p_values_are_uniform_where_there_is_independence(kind, test):
    rng = np.random.default_rng(7)
    found = []
    for _ in range(250):
        table = null_world(kind, 300, rng)
        found.append(answer(table, test, *table))
    assert stats.kstest(found, "uniform").pvalue > 0.005
    assert np.mean(np.array(found) < 0.05) < 0.05 + 3 * np.sqrt(0.05 * 0.95 / 250)


@pytest.mark.parametrize("test", TESTS)
def test_true_dependences_are_found(test):
    table = shop(500, 1)
    for row in (("plan", "price"), ("price", "clicks", "plan"), ("channel", "clicks", "price"), ("clicks", "bought")):
        assert answer(table, test, *row) < 1e-3
    rng = np.random.default_rng(0)
    g = rng.integers(0, 2, 500)
    spread = {"g": g, "x": rng.normal(size=500) * (1 + g)}
    assert (answer(spread, test, "g", "x") < 1e-6) == (test == "conditional_gaussian")


@pytest.mark.parametrize("test", TESTS)
def test_pc_finds_the_shop_whatever_the_order_of_rows_columns_and_labels(test):
    table = shop(4000, 2)
    graph = PC(alpha=0.01, test=test).discover(table)
    assert graph.skeleton == {
        frozenset(pair)
        for pair in (("plan", "price"), ("price", "clicks"), ("channel", "clicks"), ("clicks", "bought"))
    }
    assert {("price", "clicks"), ("channel", "clicks"), ("clicks", "bought")} <= set(graph.directed)
    rng = np.random.default_rng(0)
    rows, columns = rng.permutation(4000), rng.permutation(5)
    shuffled = {name: table[name][rows] for name in np.array(list(table))[columns].tolist()}
    shuffled["plan"] = np.array(["zero", "one", "and two"])[shuffled["plan"]]
    other = PC(alpha=0.01, test=test).discover(shuffled)
    assert {str(e) for e in other.edges} == {str(e) for e in graph.edges}


@pytest.mark.parametrize("test", TESTS)
def test_knowledge_is_never_violated(test):
    knowledge = Knowledge(
        tiers=(("bought",), ("clicks", "price")),
        required=(("channel", "plan"),),
        forbidden=(("clicks", "price"), ("price", "clicks")),
    )
    graph = PC(test=test).discover(shop(300, 3), knowledge)
    assert ("channel", "plan") in graph.directed
    assert frozenset(("clicks", "price")) not in graph.skeleton
    assert not [(a, b) for a, b in graph.directed if knowledge.forbids(a, b)]


@pytest.mark.parametrize("test", TESTS)
def test_bad_columns_are_refused_by_name(test):
    table = shop(100, 0)
    search = PC(test=test)
    with pytest.raises(ConstantColumn, match="always has one value"):
        search.discover({**table, "always": np.ones(100)})
    with pytest.raises(NotFinite, match=r"price \(1\).*missing='test_wise'"):
        search.discover({**table, "price": np.where(np.arange(100) == 3, np.nan, table["price"])})
    with pytest.raises(NotFinite, match=r"infinite values, which are not missing: price \(1\)"):
        PC(test=test, missing="test_wise").discover(
            {**table, "price": np.where(np.arange(100) == 3, np.inf, table["price"])}
        )
    with pytest.raises(Collinear, match="plan and copy"):
        search.discover({**table, "copy": WORDS[table["plan"]]})
    with pytest.raises(Collinear, match="price and cents"):
        search.discover({**table, "cents": 100 * table["price"] + 1})
    with pytest.raises(Collinear, match="total"):
        search.discover({**table, "total": table["price"] + table["clicks"]})
    with pytest.raises(InputError, match=r"id \(100\) have more than 50 levels"):
        search.discover({**table, "id": [f"u{i}" for i in range(100)]})
    with pytest.raises(TooFewUnits, match="1 rows"):
        search.discover({name: column[:1] for name, column in table.items()})


@pytest.mark.parametrize("test", TESTS)
def test_more_columns_than_rows_are_tested_as_far_as_they_go(test):
    rng = np.random.default_rng(0)
    table = {f"v{i}": rng.normal(size=20) if i % 2 else rng.choice(WORDS[:3], 20) for i in range(30)}
    assert len(PC(test=test, alpha=0.01).discover(table).edges) < 60


def test_levels_that_a_set_determines_are_not_tested():
    rng = np.random.default_rng(0)
    city = rng.integers(0, 4, 300)
    table = {"city": WORDS[city], "country": city // 2, "x": city + rng.normal(size=300)}
    for test in TESTS:
        names, asked = independence_test(table, test, 0.05)
        assert names == ("city", "country", "x")
        p = asked.answer(np.array([[1, 2, 0], [0, 2, 1]], dtype=np.int32)).p_value
        assert not p[0] < 0.05  # nothing is left of the country given the city
        assert p[1] < 1e-3


def test_which_columns_are_discrete():
    n = 60
    found = mixed_columns(
        {
            "text": ["a", "b"] * 30,
            "flag": [True, False, None] * 20,
            "stars": [1, 2, 3, 4, 5, None] * 10,
            "count": np.arange(n) % 11,
            "price": np.arange(n) * 0.1,
        },
        missing="test_wise",
    )
    assert dict(zip(found.names, found.discrete.tolist(), strict=True)) == {
        "text": True,
        "flag": True,
        "stars": True,
        "count": False,
        "price": False,
    }
    assert found.levels.tolist() == [2, 2, 5, 1, 1]
    assert (found.codes[1] < 0).sum() == 20
    assert isinstance(degenerate_gaussian(mixed_columns(shop(50, 0)), 0.05), DegenerateGaussian)
    assert ConditionalGaussian.of(mixed_columns(shop(50, 0)), 0.05).deepest == 7
