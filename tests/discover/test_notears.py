import warnings

import numpy as np
import pytest

from dorec.discover import Dagma, Notears, VarianceOrderWarning
from dorec.domain.errors import Collinear, ConfigError, ConstantColumn, InputError, NotFinite
from dorec.domain.graph import CausalGraph
from dorec.domain.knowledge import Knowledge
from dorec.numeric.continuous_search import lagrangian_weights, penalised_loss

SEARCHES = [Notears(), Dagma()]
each = pytest.mark.parametrize("search", SEARCHES, ids=lambda s: type(s).__name__)


def linear(seed, n=1000, d=7, degree=2.5):
    """Linear data with noise of equal variance, and their DAG."""
    rng = np.random.default_rng(seed)
    names = [f"v{i}" for i in range(d)]
    weight = np.triu(rng.random((d, d)) < degree / (d - 1), 1) * rng.uniform(0.7, 2, (d, d))
    weight *= rng.choice([-1, 1], (d, d))
    data = rng.normal(size=(n, d)) @ np.linalg.inv(np.eye(d) - weight)
    shuffled = rng.permutation(d)
    edges = [(names[i], names[j]) for i, j in np.argwhere(weight)]
    return {names[i]: data[:, i] for i in shuffled}, CausalGraph.from_edges(names, directed=edges)


@each
@pytest.mark.parametrize("seed", range(5))
def test_equal_noise_gives_the_true_dag(search, seed):
    table, truth = linear(seed)
    assert set(search.report(table).graph.directed) == set(truth.directed)


@each
def test_no_order_of_rows_columns_or_names_changes_the_graph(search):
    table, _ = linear(1)
    before = search.report(table)
    rng = np.random.default_rng(0)
    rows = rng.permutation(1000)
    other = {name: table[name][rows] for name in sorted(table)}
    assert set(search.report(other).graph.directed) == set(before.graph.directed)
    renamed = {name: f"z{9 - int(name[1:])}" for name in table}
    again = search.report({renamed[name]: values for name, values in table.items()})
    assert set(again.graph.directed) == {(renamed[a], renamed[b]) for a, b in before.graph.directed}


@each
def test_an_answer_that_rests_on_variances_warns_and_shows_both(search):
    table, _ = linear(0)
    report = search.report(table)
    assert report.varsortability > 0.9
    assert report.agreement.f1 < 0.8
    assert report.verdict.code == "variance_order"
    with pytest.warns(VarianceOrderWarning, match="standardised columns"):
        assert search.discover(table) == report.graph


@each
def test_nothing_warns_where_the_order_is_known(search):
    table, truth = linear(0)
    order = Knowledge(tiers=tuple((name,) for name in truth.topological_order()))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert set(search.discover(table, order).directed) == set(truth.directed)


@each
def test_knowledge_is_never_violated(search):
    table, truth = linear(2)
    a, b = truth.directed[0]
    far = next((x, y) for x in truth.nodes for y in truth.nodes if x != y and y in truth.ancestors([x]))
    known = Knowledge(forbidden=((a, b),), required=(far,))
    for graph in (search.report(table, known).graph, search.report(table, known).standardised_graph):
        assert (a, b) not in graph.directed
        assert far in graph.directed
        assert graph.edge(*far).provenance == "required by knowledge"
        assert graph.is_dag


@each
def test_standardised_search_ignores_units(search):
    table, _ = linear(3)
    on = type(search)(standardise=True)
    other = {name: values * 10.0 ** int(name[1:]) + 5 for name, values in table.items()}
    assert set(on.discover(other).directed) == set(on.discover(table).directed)


@each
def test_bad_columns_are_refused(search):
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=(2, 50))
    for table, error in [
        ({"a": np.append(a[:-1], np.nan), "b": b}, NotFinite),
        ({"a": a, "b": np.ones(50)}, ConstantColumn),
        ({"a": a, "b": 2 * a}, Collinear),
        ({"a": a, "b": ["x"] * 50}, InputError),
        ({"a": a}, InputError),
        ({"a": a * 1e200, "b": b}, NotFinite),
    ]:
        with pytest.raises(error):
            search.discover(table)
    with pytest.raises(InputError, match="stranger"):
        search.discover({"a": a, "b": b}, Knowledge(required=(("a", "stranger"),)))


@each
def test_more_columns_than_rows_give_a_dag(search):
    table, _ = linear(0, n=12, d=15)
    assert search.report(table).graph.is_dag


def test_settings_are_checked():
    for settings in ({"reg": -1.0}, {"w_threshold": np.nan}, {"h_tolerance": 0.0}, {"max_rounds": 0}):
        with pytest.raises(ConfigError, match=next(iter(settings))):
            Notears(**settings)
    for settings in ({"n_stages": 0}, {"radii": ()}, {"radii": (1.0, -0.5)}):
        with pytest.raises(ConfigError, match=next(iter(settings))):
            Dagma(**settings)


def test_the_weights_are_a_stationary_point_of_the_loss_given_the_order():
    """Given the support's order, the problem is convex: no weight may be moved for a gain."""
    table, _ = linear(0)
    data = np.column_stack([table[name] for name in sorted(table)])
    covariance = np.cov(data.T, bias=True)
    free, none = ~np.eye(7, dtype=bool), np.zeros((7, 7), dtype=bool)
    weights = lagrangian_weights(covariance, free, none, 0.1, 1e-8, range(100))
    best = penalised_loss(covariance, weights, 0.1)
    clear = np.abs(weights) > 1e-3
    for i, j in np.argwhere(clear):
        for step in (-0.02, 0.02):
            moved = weights.copy()
            moved[i, j] += step
            assert penalised_loss(covariance, moved, 0.1) > best
