"""Every score search on random DAGs whose class is known, on noise, and against knowledge."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dorec.discover import BOSS, GES, ExactSearch, HillClimbing, structural_hamming_distance
from dorec.discover.allowed import allowed_edges
from dorec.discover.pattern import as_graph, pattern_of_dag
from dorec.discover.scores import GaussianBIC
from dorec.domain.errors import Collinear, ConfigError, ConstantColumn, InputError, NotFinite, TooFewUnits
from dorec.domain.knowledge import Knowledge, Prior

SEARCHES = [BOSS, GES, HillClimbing, ExactSearch]
EXACT = [BOSS, GES, ExactSearch]


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


@pytest.mark.parametrize("search", [BOSS, ExactSearch])
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
    d = 9
    data = sample(random_dag(d, 4, seed), 200, seed)
    rng = np.random.default_rng(seed + 100)
    graph = search(penalty_discount=1.0).discover(table(data))
    other = search(penalty_discount=1.0).discover(
        table(data[rng.permutation(200)] * rng.choice([-3.0, 2.0], d) + 7, rng.permutation(d))
    )
    assert set(graph.edges) == set(other.edges)


WORDS = np.array(["low", "middle", "high"])


def mixed_table(seed, n=200):
    """Numbers, three levels in words, and booleans, in a random DAG."""
    data = sample(random_dag(7, 3, seed), n, seed)
    columns = table(data)
    for name in ("v01", "v04"):
        columns[name] = WORDS[np.digitize(columns[name], [-0.5, 0.6])]
    columns["v05"] = columns["v05"] > 0
    return columns


@pytest.mark.parametrize("search", SEARCHES)
@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("priors", [False, True])
def test_nor_do_labels_and_units_of_mixed_columns(search, seed, priors):
    columns = mixed_table(seed)
    rng = np.random.default_rng(seed)
    relabelled = dict(zip(WORDS, rng.permutation(["x", "y", "z"]), strict=True))
    rows = rng.permutation(200)
    other = {}
    for name in rng.permutation(list(columns)).tolist():
        values = columns[name][rows]
        if values.dtype.kind == "U":
            other[name] = np.array([relabelled[v] for v in values])
        else:
            other[name] = ~values if values.dtype == bool else values * -4.0 + 1.0
    both = {("v00", "v01"): Prior(0.8), ("v01", "v00"): Prior(0.8)}
    known = Knowledge(forbidden=(("v02", "v03"),), priors={("v03", "v02"): Prior(0.2), **both}) if priors else None
    graph = search(score="mixed", penalty_discount=1.0).discover(columns, known)
    assert set(graph.edges) == set(search(score="mixed", penalty_discount=1.0).discover(other, known).edges)
    assert len(graph.edges) > 2


@pytest.mark.parametrize("search", SEARCHES)
def test_mixed_is_bic_where_there_are_numbers_only(search):
    columns = table(sample(random_dag(8, 3, 3), 300, 3))
    assert set(search(score="mixed").discover(columns).edges) == set(search().discover(columns).edges)


@pytest.mark.parametrize("search", SEARCHES)
def test_mixed_columns_give_a_chain_and_a_collider(search):
    rng = np.random.default_rng(0)
    plan, age = rng.integers(0, 3, 3000), rng.normal(size=3000)
    spend = np.array([0.0, 1.5, -1.0])[plan] + age + rng.normal(size=3000)
    paid = rng.random(3000) < 1 / (1 + np.exp(-2 * spend))
    graph = search(score="mixed").discover({"plan": WORDS[plan], "age": age, "spend": spend, "paid": paid})
    assert graph.directed == (("age", "spend"), ("plan", "spend"), ("spend", "paid"))


@pytest.mark.parametrize("search", SEARCHES)
def test_bad_mixed_columns_are_refused_by_name(search):
    columns = mixed_table(0)
    by_score = search(score="mixed")
    with pytest.raises(NotFinite, match=r"v00 \(1\)"):
        by_score.discover({**columns, "v00": np.where(np.arange(200) == 4, np.nan, columns["v00"])})
    with pytest.raises(Collinear, match="v00 and zz"):
        by_score.discover({**columns, "zz": 3 - columns["v00"]})
    with pytest.raises(Collinear, match="v05 and zz"):
        by_score.discover({**columns, "zz": np.where(columns["v05"], "yes", "no")})
    with pytest.raises(ConstantColumn, match="v05 has one value"):
        by_score.discover({**columns, "v05": np.ones(200, dtype=bool)})
    few = {name: np.array([f"level {i % 6}" for i in rng_rows]) for name, rng_rows in few_rows().items()}
    with pytest.raises(TooFewUnits, match="12 rows are too few for 3 columns that stand as 15"):
        by_score.discover(few)


def few_rows():
    rng = np.random.default_rng(0)
    return {name: rng.permutation(12) for name in "abc"}


@pytest.mark.parametrize("search", SEARCHES)
def test_categories_that_follow_from_others_keep_a_finite_score(search):
    """A region follows exactly from its town: an edge, and no error."""
    rng = np.random.default_rng(1)
    town, x = rng.integers(0, 4, 400), rng.normal(size=400)
    graph = search(score="mixed").discover({"town": np.array(list("abcd"))[town], "region": town > 1, "x": x})
    assert graph.skeleton == {frozenset(("town", "region"))}


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


NODES = ("v00", "v01", "v02", "v03", "v04")
PAIRS = [(x, y) for x in NODES for y in NODES if x != y]


@st.composite
def knowledge_of_five(draw):
    """Any knowledge about five nodes that does not contradict itself."""
    order = draw(st.permutations(NODES))
    placed = order[: draw(st.integers(0, 5))]
    cut = draw(st.integers(0, len(placed)))
    forward = [(x, y) for i, x in enumerate(order) for y in order[i + 1 :]]  # no cycle, and with the tiers
    required = draw(st.lists(st.sampled_from(forward), max_size=3, unique=True))
    free = [pair for pair in PAIRS if pair not in required]
    forbidden = draw(st.lists(st.sampled_from(free), max_size=6, unique=True))
    known = Knowledge((tuple(placed[:cut]), tuple(placed[cut:])), tuple(required), tuple(forbidden))
    soft = [pair for pair in PAIRS if not known.forbids(*pair) and not known.requires(*pair)]
    believed = draw(st.lists(st.sampled_from(soft), max_size=4, unique=True)) if soft else []
    sure = draw(st.sampled_from([0.01, 0.3, 0.9, 0.9999]))
    return Knowledge(known.tiers, known.required, known.forbidden, {pair: Prior(sure) for pair in believed})


@pytest.mark.parametrize("search", SEARCHES)
@pytest.mark.parametrize("score", ["bic", "bdeu", "mixed"])
@given(known=knowledge_of_five(), seed=st.integers(0, 30))
@settings(max_examples=40)
def test_no_knowledge_is_ever_violated(search, score, known, seed):
    data = sample(random_dag(5, 3, seed), 60, seed)
    columns = table(data) if score == "bic" else table(data > 0)
    if search is GES:
        both = {pair: known.priors.get(pair[::-1], prior) for pair, prior in known.priors.items()}
        both = {**{(b, a): p for (a, b), p in both.items() if not known.forbids(b, a)}, **both}
        known = Knowledge(known.tiers, known.required, known.forbidden, both)
    if len({column.tobytes() for column in columns.values()}) < 5:
        return
    graph = search(score=score, penalty_discount=0.5).discover(columns, known)
    assert set(known.required) <= set(graph.directed)
    assert [(a, b) for a, b in graph.directed if known.forbids(a, b)] == []
    assert [(a, b) for a, b in graph.undirected if known.forbids(a, b) or known.forbids(b, a)] == []


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
    if search is ExactSearch:
        data = sample(random_dag(14, 2, 0), 15, 0)
        with pytest.raises(TooFewUnits, match="15 rows are too few for up to 13 parents"):
            search().discover(table(data))
        assert 0 < len(search(max_parents=2).discover(table(data)).edges) < 28
        return
    data = sample(random_dag(30, 2, 0), 25, 0)
    assert 0 < len(search().discover(table(data)).edges) < 60
