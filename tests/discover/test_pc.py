import numpy as np
import pytest

from dorec.discover import PC, structural_hamming_distance
from dorec.domain.errors import Collinear, ConfigError, ConstantColumn, InputError, NotFinite, TooFewUnits
from dorec.domain.graph import CausalGraph
from dorec.domain.knowledge import Knowledge


def erdos_renyi(d, degree, n, seed):
    """Linear-Gaussian data (n, d) and the edges of the random DAG behind them."""
    rng = np.random.default_rng(seed)
    order = rng.permutation(d)
    weight = np.zeros((d, d))
    for i in range(d):
        for j in range(i + 1, d):
            if rng.random() < degree / (d - 1):
                weight[order[i], order[j]] = rng.uniform(0.5, 2) * rng.choice([-1, 1])
    data = np.zeros((n, d))
    noise = rng.normal(size=(n, d))
    for k in order:
        data[:, k] = data @ weight[:, k] + noise[:, k]
    return data, weight != 0


def frame(data, order=None):
    d = data.shape[1]
    return {f"v{i:02}": data[:, i] for i in (range(d) if order is None else order)}


def test_a_collider_and_what_follows_from_it_are_oriented():
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=(2, 2000))
    c = a + b + rng.normal(size=2000)
    d = c + rng.normal(size=2000)
    graph = PC(alpha=0.01).discover({"d": d, "a": a, "c": c, "b": b})
    assert graph.directed == (("a", "c"), ("b", "c"), ("c", "d"))
    assert graph.undirected == ()
    assert all(e.confidence > 0.99 and e.provenance == "PC fisher_z alpha=0.01" for e in graph.edges)


@pytest.mark.parametrize("seed", range(4))
def test_the_order_of_columns_and_rows_does_not_matter(seed):
    data, _ = erdos_renyi(12, 4, 200, seed)
    rng = np.random.default_rng(seed + 100)
    graph = PC().discover(frame(data))
    other = PC().discover(frame(data[rng.permutation(len(data))], rng.permutation(12)))
    assert set(graph.edges) == set(other.edges)


@pytest.mark.parametrize("seed", range(4))
def test_labels_and_scales_do_not_matter(seed):
    data, _ = erdos_renyi(12, 4, 200, seed)
    rng = np.random.default_rng(seed)
    label = rng.permutation(12)
    graph = PC().discover(frame(data))
    other = PC().discover({f"w{label[i]:02}": -3.0 * data[:, i] + 7 for i in range(12)})
    back = {f"w{label[i]:02}": f"v{i:02}" for i in range(12)}
    renamed = CausalGraph.from_edges(
        graph.nodes,
        directed=[(back[a], back[b]) for a, b in other.directed],
        undirected=[(back[a], back[b]) for a, b in other.undirected],
    )
    assert structural_hamming_distance(graph, renamed) == 0


def test_very_large_and_very_small_numbers_are_numbers():
    data, _ = erdos_renyi(6, 2, 200, 0)
    scale = 10.0 ** np.array([-200, 200, 0, 160, -170, 3])
    assert PC().discover(frame(data * scale)).directed == PC().discover(frame(data)).directed


@pytest.mark.parametrize("seed", range(6))
def test_knowledge_is_never_violated(seed):
    data, _ = erdos_renyi(10, 4, 300, seed)
    rng = np.random.default_rng(seed)
    names = [f"v{i:02}" for i in rng.permutation(10)]
    knowledge = Knowledge(
        tiers=(tuple(names[:3]), tuple(names[3:6]), tuple(names[6:9])),
        required=((names[0], names[4]),),
        forbidden=((names[1], names[2]), (names[2], names[1]), (names[9], names[0])),
    )
    graph = PC().discover(frame(data), knowledge)
    assert (names[0], names[4]) in graph.directed
    assert frozenset(names[1:3]) not in graph.skeleton
    assert not [(a, b) for a, b in graph.directed if knowledge.forbids(a, b)]
    assert not [(a, b) for a, b in graph.undirected if knowledge.forbids(a, b) or knowledge.forbids(b, a)]


def test_knowledge_that_forces_a_cycle_is_refused():
    rng = np.random.default_rng(0)
    a = rng.normal(size=500)
    b = a + 0.5 * rng.normal(size=500)
    table = {"a": a, "b": b, "c": b - 2 * a + 0.5 * rng.normal(size=500)}
    with pytest.raises(InputError, match=r"forces the cycle .* -> "):
        PC().discover(table, Knowledge(forbidden=(("b", "a"), ("c", "b"), ("a", "c"))))


def test_knowledge_of_strangers_is_refused():
    with pytest.raises(InputError, match="zzz, which the table lacks"):
        PC().discover(frame(np.random.default_rng(0).normal(size=(50, 3))), Knowledge(tiers=(("zzz",),)))


def test_a_level_of_chi_square_finds_a_discrete_chain_and_collider():
    rng = np.random.default_rng(1)
    a, b = rng.integers(0, 3, (2, 3000))
    c = np.where(rng.random(3000) < 0.7, (a + b) % 3, rng.integers(0, 3, 3000))
    # a and b are each independent of (a + b) mod 3, so take the larger of the two instead
    c = np.where(rng.random(3000) < 0.8, np.maximum(a, b), c)
    d = np.where(rng.random(3000) < 0.8, c, rng.integers(0, 3, 3000))
    words = np.array(["low", "mid", "high"])
    for test in ("chi_square", "g_square"):
        graph = PC(alpha=0.01, test=test).discover({"a": words[a], "b": b, "c": words[c], "d": d})
        assert graph.directed == (("a", "c"), ("b", "c"), ("c", "d"))


BAD = np.random.default_rng(0).normal(size=(100, 4))


@pytest.mark.parametrize(
    ("change", "refusal", "named"),
    [
        (lambda t: t["v01"].__setitem__(3, np.nan), NotFinite, r"v01 \(1\)"),
        (lambda t: t["v02"].__setitem__(slice(0, 5), np.inf), NotFinite, r"v02 \(5\)"),
        (lambda t: t.update(v03=np.ones(100)), ConstantColumn, "v03 has one value in all 100 rows"),
        (lambda t: t.update(v03=-2 * t["v00"] + 1), Collinear, "v00 and v03"),
        (lambda t: t.update(v03=t["v00"] + t["v01"]), Collinear, "v03 follow"),
        (lambda t: t.update(v03=np.array(["a", "b"] * 50)), InputError, "v03 hold no numbers"),
    ],
)
@pytest.mark.parametrize("test", ["fisher_z"])
def test_bad_columns_are_refused_by_name(change, refusal, named, test):
    table = frame(BAD.copy())
    change(table)
    with pytest.raises(refusal, match=named):
        PC(test=test).discover(table)


def test_bad_discrete_columns_are_refused_by_name():
    rng = np.random.default_rng(0)
    a = rng.integers(0, 2, 100)
    with pytest.raises(NotFinite, match=r"b \(1\)"):
        PC(test="chi_square").discover({"a": a, "b": [None, *["x", "y", "z"] * 33]})
    with pytest.raises(Collinear, match="a and b are the same column under other labels"):
        PC(test="chi_square").discover({"a": a, "b": np.where(a == 1, "no", "yes"), "c": rng.integers(0, 2, 100)})
    with pytest.raises(InputError, match=r"x \(100\) have more than 50 levels"):
        PC(test="chi_square").discover({"a": a, "x": rng.normal(size=100)})


def test_too_few_rows_and_bad_settings_are_refused():
    with pytest.raises(TooFewUnits, match="9 rows"):
        PC().discover(frame(BAD[:9]))
    with pytest.raises(ConfigError, match="Did you mean 'fisher_z'"):
        PC(test="fisherz")
    with pytest.raises(ConfigError, match="alpha is 1"):
        PC(alpha=1.0)
    with pytest.raises(InputError, match="at least two columns"):
        PC().discover({"a": BAD[:, 0]})


def test_fewer_rows_than_columns_are_tested_as_far_as_they_go():
    data, _ = erdos_renyi(30, 2, 25, 0)
    graph = PC().discover(frame(data))
    assert 0 < len(graph.edges) < 60


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("d", [6, 10, 15, 20])
def test_same_graph_as_causal_learn(d):
    search = pytest.importorskip("causallearn.search.ConstraintBased.PC")
    for seed in range(5):
        data, _ = erdos_renyi(d, 2, 500, seed)
        theirs = search.pc(data, 0.05, "fisherz", show_progress=False).G.graph
        ours = PC(colliders="first").discover(frame(data))
        skeleton = {frozenset((f"v{i:02}", f"v{j:02}")) for i, j in np.argwhere(theirs != 0)}
        assert ours.skeleton == skeleton
        directed = sorted((f"v{i:02}", f"v{j:02}") for i, j in np.argwhere((theirs == -1) & (theirs.T == 1)))
        assert list(ours.directed) == directed
