"""Every score search on random DAGs whose class is known, on noise, and against knowledge."""

import numpy as np
import pytest

from dorec.discover import BOSS, GES, HillClimbing, structural_hamming_distance
from dorec.discover.allowed import allowed_edges
from dorec.discover.pattern import as_graph, pattern_of_dag
from dorec.discover.scores import GaussianBIC
from dorec.domain.errors import Collinear, ConfigError, ConstantColumn, InputError, NotFinite, TooFewUnits
from dorec.domain.knowledge import Knowledge

SEARCHES = [BOSS, GES, HillClimbing]
EXACT = [BOSS, GES]


def column_names(d):
    return tuple(f"v{i:02}" for i in range(d))


def random_dag(d, degree, seed):
    """Weights (d, d) of a random DAG, i -> j."""
    rng = np.random.default_rng(seed)
    weight = np.triu(rng.random((d, d)) < degree / (d - 1), k=1) * rng.uniform(0.4, 0.9, (d, d))
    weight *= rng.choice([-1, 1], (d, d))
    order = rng.permutation(d)
    return weight[np.ix_(order, order)]


def population(weight, n=10**6):
    total = np.linalg.inv(np.eye(len(weight)) - weight)
    covariance = total.T @ total
    sd = np.sqrt(np.diag(covariance))
    return GaussianBIC(covariance / np.outer(sd, sd), n)


def sample(weight, n, seed):
    noise = np.random.default_rng(seed).normal(size=(n, len(weight)))
    return noise @ np.linalg.inv(np.eye(len(weight)) - weight)


def cpdag(weight, knowledge=None):
    names = column_names(len(weight))
    may_cause, required = allowed_edges(knowledge or Knowledge(), names)
    return as_graph(pattern_of_dag(weight != 0, may_cause), names, np.ones(weight.shape), required, "")


def table(data, order=None):
    names = column_names(data.shape[1])
    return {names[i]: data[:, i] for i in (range(len(names)) if order is None else order)}


@pytest.mark.parametrize("search", EXACT)
@pytest.mark.parametrize("seed", range(15))
def test_the_exact_correlation_gives_the_true_class(search, seed):
    weight = random_dag(5 + seed % 6, 2.5, seed)
    found = search().search(column_names(len(weight)), population(weight))
    assert structural_hamming_distance(found, cpdag(weight)) == 0


@pytest.mark.parametrize("search", [BOSS])
@pytest.mark.parametrize("seed", range(9))
def test_true_knowledge_narrows_the_class(search, seed):
    weight = random_dag(8, 2.5, seed)
    names = column_names(8)
    edges = [(names[i], names[j]) for i, j in np.argwhere(weight)]
    dag = search().search(names, population(weight), Knowledge(required=tuple(edges)))
    assert set(dag.directed) == set(edges)
    assert {e.provenance for e in dag.edges} == {"required by knowledge"}
    known = Knowledge(required=tuple(edges[:1]), forbidden=tuple((b, a) for a, b in edges[1:3]))
    found = search().search(names, population(weight), known)
    assert structural_hamming_distance(found, cpdag(weight, known)) == 0


@pytest.mark.parametrize("search", SEARCHES)
@pytest.mark.parametrize("seed", range(4))
def test_the_order_of_columns_and_rows_and_scales_do_not_matter(search, seed):
    data = sample(random_dag(12, 4, seed), 200, seed)
    rng = np.random.default_rng(seed + 100)
    graph = search(penalty_discount=1.0).discover(table(data))
    other = search(penalty_discount=1.0).discover(
        table(data[rng.permutation(200)] * rng.choice([-3.0, 2.0], 12) + 7, rng.permutation(12))
    )
    assert set(graph.edges) == set(other.edges)


@pytest.mark.parametrize("search", SEARCHES)
@pytest.mark.parametrize("seed", range(12))
def test_knowledge_is_never_violated(search, seed):
    data = sample(random_dag(10, 4, seed), 300, seed)
    names = [f"v{i:02}" for i in np.random.default_rng(seed).permutation(10)]
    knowledge = Knowledge(
        tiers=(tuple(names[:3]), tuple(names[3:6]), tuple(names[6:9])),
        required=((names[0], names[4]), (names[9], names[2])),
        forbidden=((names[1], names[2]), (names[2], names[1]), (names[9], names[0])),
    )
    graph = search(penalty_discount=0.5).discover(table(data), knowledge)
    assert set(knowledge.required) <= set(graph.directed)
    assert frozenset(names[1:3]) not in graph.skeleton
    assert [(a, b) for a, b in graph.directed if knowledge.forbids(a, b)] == []
    assert [(a, b) for a, b in graph.undirected if knowledge.forbids(a, b) or knowledge.forbids(b, a)] == []
    assert len(graph.edges) > 3


@pytest.mark.parametrize("search", SEARCHES)
def test_knowledge_of_strangers_and_settings_out_of_range_are_refused(search):
    with pytest.raises(InputError, match="zzz, which the table lacks"):
        search().discover(table(BAD), Knowledge(tiers=(("zzz",),)))
    with pytest.raises(ConfigError, match="Did you mean 'bdeu'"):
        search(score="bdue")
    with pytest.raises(ConfigError, match="penalty_discount is 0"):
        search(penalty_discount=0.0)


@pytest.mark.parametrize("search", SEARCHES)
@pytest.mark.parametrize("score", ["discrete_bic", "bdeu"])
def test_discrete_columns_give_a_chain_and_a_collider(search, score):
    rng = np.random.default_rng(1)
    a, b = rng.integers(0, 3, (2, 3000))
    c = np.where(rng.random(3000) < 0.8, np.maximum(a, b), rng.integers(0, 3, 3000))
    d = np.where(rng.random(3000) < 0.8, c, rng.integers(0, 3, 3000))
    words = np.array(["low", "mid", "high"])
    graph = search(score=score).discover({"a": words[a], "b": b, "c": words[c], "d": d})
    assert graph.directed == (("a", "c"), ("b", "c"), ("c", "d"))
    assert all(e.confidence > 0.99 and e.provenance.startswith(f"{search.__name__} {score} ") for e in graph.edges)


@pytest.mark.parametrize("search", SEARCHES)
def test_confidence_is_the_posterior_of_the_edge(search):
    rng = np.random.default_rng(0)
    a = rng.normal(size=100)
    b = 0.35 * a + rng.normal(size=100)
    [edge] = search(penalty_discount=1.0).discover({"a": a, "b": b}).edges
    gain = -50 * np.log(1 - np.corrcoef(a, b)[0, 1] ** 2) - 0.5 * np.log(100)
    assert edge.confidence == pytest.approx(1 / (1 + np.exp(-gain)))
    assert 0.5 < edge.confidence < 1


BAD = np.random.default_rng(0).normal(size=(100, 4))


@pytest.mark.parametrize(
    ("change", "refusal", "named"),
    [
        (lambda t: t["v01"].__setitem__(3, np.nan), NotFinite, r"v01 \(1\)"),
        (lambda t: t["v02"].__setitem__(slice(0, 5), np.inf), NotFinite, r"v02 \(5\)"),
        (lambda t: t.update(v03=np.ones(100)), ConstantColumn, "v03 has one value in all 100 rows"),
        (lambda t: t.update(v03=-2 * t["v00"] + 1), Collinear, "v00 and v03"),
        (lambda t: t.update(v03=t["v00"] + t["v01"]), Collinear, "v03 follow"),
        (lambda t: t.update(v03=np.array(["a", "b"] * 50)), InputError, "v03 hold no numbers, which score='bic' needs"),
    ],
)
@pytest.mark.parametrize("search", SEARCHES)
def test_bad_columns_are_refused_by_name(search, change, refusal, named):
    columns = table(BAD.copy())
    change(columns)
    with pytest.raises(refusal, match=named):
        search().discover(columns)


@pytest.mark.parametrize("search", SEARCHES)
def test_too_few_rows_are_refused_and_few_rows_searched(search):
    with pytest.raises(TooFewUnits, match="9 rows"):
        search().discover(table(BAD[:9]))
    data = sample(random_dag(30, 2, 0), 25, 0)
    assert 0 < len(search().discover(table(data)).edges) < 60
