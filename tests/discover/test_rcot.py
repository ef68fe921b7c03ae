import numpy as np
import pytest
from scipy import stats

from dorec.discover import FCI, PC
from dorec.discover.rcot import RCoT
from dorec.domain.errors import Collinear, ConstantColumn, InputError, NotFinite
from dorec.domain.knowledge import Knowledge
from dorec.domain.run import RunContext
from dorec.numeric.random_features import weighted_chi2_sf


def test_tail_of_a_weighted_sum_of_chi_squares():
    rng = np.random.default_rng(0)
    weights = np.array([3.0, 1.0, 0.5, 0.5, 0.1])
    draws = rng.chisquare(1, size=(200_000, 5)) @ weights
    for q in (0.5, 0.9, 0.95, 0.99, 0.999):
        assert np.isclose(weighted_chi2_sf(float(np.quantile(draws, q)), weights), 1 - q, rtol=0.1, atol=0.01)


def null_world(kind, n, rng):
    z, w = rng.normal(size=(2, n))
    if kind == "linear":
        return np.column_stack([z + rng.normal(size=n), z + rng.normal(size=n), z])
    if kind == "waves and squares":
        return np.column_stack([np.sin(2 * z) + 0.5 * rng.normal(size=n), z**2 + 0.5 * rng.normal(size=n), z])
    if kind == "two given":
        return np.column_stack([z * w + rng.normal(size=n), np.tanh(z + w) + rng.normal(size=n), z, w])
    return np.column_stack([rng.exponential(size=n), rng.standard_t(3, size=n)])


@pytest.mark.parametrize("kind", ["linear", "waves and squares", "two given", "heavy tails alone"])
def test_p_values_are_uniform_where_there_is_independence(kind):
    rng, found = np.random.default_rng(3), []
    for seed in range(200):
        data = null_world(kind, 300, rng)
        names = tuple("xyzw"[: data.shape[1]])
        test = RCoT.of(names, data, 0.05, RunContext(seed=seed))
        found.append(test.answer(np.arange(data.shape[1])[None]).p_value[0])
    assert stats.kstest(found, "uniform").pvalue > 0.005
    assert np.mean(np.array(found) < 0.05) < 0.05 + 3 * np.sqrt(0.05 * 0.95 / 200)


def curved(n, seed):
    """a -> b -> c <- d, none of it linear, and none of it in the correlations of a and b."""
    rng = np.random.default_rng(seed)
    a, d = rng.normal(size=(2, n))
    b = np.cos(2 * a) + 0.5 * rng.normal(size=n)
    c = b**2 + np.abs(d) + 0.3 * rng.normal(size=n)
    return {"a": a, "b": b, "c": c, "d": d}


def test_pc_finds_what_fisher_z_does_not_see():
    table = curved(1500, 0)
    edges = {frozenset("ab"), frozenset("bc"), frozenset("cd")}
    assert PC(alpha=0.01, test="rcot").discover(table).skeleton == edges
    assert frozenset("ab") not in PC(alpha=0.01).discover(table).skeleton
    assert FCI(alpha=0.01, test="rcot").discover(table).skeleton == edges


@pytest.mark.parametrize("seed", range(3))
def test_order_of_rows_and_columns_does_not_matter(seed):
    table = curved(300, seed)
    rng = np.random.default_rng(seed)
    rows = rng.permutation(300)
    shuffled = {name: table[name][rows] for name in "cadb"}
    wanted, other = PC(test="rcot").discover(table), PC(test="rcot").discover(shuffled)
    assert {str(e) for e in other.edges} == {str(e) for e in wanted.edges}
    for edge in wanted.edges:
        assert np.isclose(other.edge(edge.a, edge.b).confidence, edge.confidence, atol=1e-6)


def test_the_seed_decides_and_the_same_seed_repeats():
    table = curved(200, 0)
    said = [PC(test="rcot").discover(table, context=RunContext(seed=s)).edges for s in (1, 1, 2)]
    assert said[0] == said[1]
    assert [e.confidence for e in said[0]] != [e.confidence for e in said[2]]


def test_knowledge_is_never_violated():
    knowledge = Knowledge(tiers=(("c",), ("b",)), required=(("a", "d"),), forbidden=(("a", "b"), ("b", "a")))
    graph = PC(test="rcot").discover(curved(200, 0), knowledge)
    assert ("a", "d") in graph.directed
    assert frozenset("ab") not in graph.skeleton
    assert ("b", "c") not in graph.directed


def test_bad_columns_are_refused_by_name():
    table = curved(100, 0)
    search = PC(test="rcot")
    with pytest.raises(InputError, match=r"words hold no numbers, which test='rcot' needs.*degenerate_gaussian"):
        search.discover({**table, "words": ["x", "y"] * 50})
    with pytest.raises(NotFinite, match=r"a \(1\).*missing='test_wise'"):
        search.discover({**table, "a": np.where(np.arange(100) == 3, np.nan, table["a"])})
    with pytest.raises(ConstantColumn, match="flat has one value"):
        search.discover({**table, "flat": np.ones(100)})
    with pytest.raises(Collinear, match="a and twice"):
        search.discover({**table, "twice": -2 * table["a"]})


def test_fewer_rows_than_columns_are_tested_as_far_as_they_go():
    data = np.random.default_rng(0).normal(size=(20, 25))
    assert len(PC(test="rcot", alpha=0.01, max_condition=1).discover(dict(enumerate_names(data))).edges) < 40


def enumerate_names(data):
    return [(f"v{i}", column) for i, column in enumerate(data.T)]
