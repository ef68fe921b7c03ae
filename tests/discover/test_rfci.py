import numpy as np
import pytest

from dorec.discover.fci import FCI
from dorec.discover.rfci import RFCI
from dorec.domain.errors import ConfigError, InputError, NotFinite
from dorec.domain.graph import CausalGraph
from dorec.domain.knowledge import Knowledge


def marks(graph):
    return {(e.a, e.b, e.mark_b) for e in graph.edges} | {(e.b, e.a, e.mark_a) for e in graph.edges}


def confounded(n, seed, d=8):
    """Linear data (n, d) whose last two columns of d + 2 were hidden."""
    rng = np.random.default_rng(seed)
    weight = np.triu(rng.random((d + 2, d + 2)) < 0.3, 1) * rng.uniform(0.5, 1.5, (d + 2, d + 2))
    order = rng.permutation(d + 2)
    data = rng.normal(size=(n, d + 2))
    for k in range(d + 2):
        data[:, k] += data @ weight[:, k]
    return data[:, order[:d]]


def frame(data, order=None):
    return {f"v{i}": data[:, i] for i in (range(data.shape[1]) if order is None else order)}


@pytest.mark.parametrize("seed", range(40))
def test_true_separation_gives_a_supergraph_of_fcis_whose_marks_are_true(truth, seed):
    rng = np.random.default_rng(seed)
    graph = truth.random_dag(11, rng, degree=3.5)
    observed = tuple(rng.choice(graph.nodes, 8, replace=False).tolist())
    oracle = truth.Oracle(graph, observed)
    found = RFCI().search(observed, oracle)
    assert found.skeleton >= FCI(max_possible_d_sep=None).search(observed, oracle).skeleton
    for a, b, mark in marks(found):
        if mark == "arrow":
            assert b not in graph.ancestors([a])
        if mark == "tail":
            assert b in graph.ancestors([a])


def test_where_possible_d_sep_matters_the_edge_stays_and_the_marks_are_true(truth):
    hidden = {"p": "ab", "q": "de", "r": "bf", "s": "dh"}
    directed = [(u, v) for u, ends in hidden.items() for v in ends]
    directed += [("c", "b"), ("c", "d"), ("b", "e"), ("d", "a"), ("f", "a"), ("h", "e")]
    graph = CausalGraph.from_edges([*"abcdefh", *hidden], directed=directed)
    oracle = truth.Oracle(graph, "abcdefh")
    wide, narrow = (
        RFCI().search(tuple("abcdefh"), oracle),
        FCI(max_possible_d_sep=None).search(tuple("abcdefh"), oracle),
    )
    assert wide.skeleton > narrow.skeleton
    assert all(b not in graph.ancestors([a]) for a, b, mark in marks(wide) if mark == "arrow")


def test_an_edge_that_the_set_of_its_triple_separates_goes(truth):
    collider = CausalGraph.from_edges("xyz", directed=[("x", "y"), ("z", "y")])

    class Contradiction(truth.Oracle):
        """Adjacent at every level, yet x and y are independent when asked alone."""

        def answer(self, rows):
            answers = super().answer(rows)
            alone = (rows.shape[1] == 2) & (rows[:, 0] == 0) & (rows[:, 1] == 1)
            p_value = np.where(alone, 1.0, answers.p_value)
            return type(answers)(p_value, 1.0 - p_value)

    assert RFCI().search(tuple("xyz"), truth.Oracle(collider, "xyz")).skeleton == collider.skeleton
    assert RFCI().search(tuple("xyz"), Contradiction(collider, "xyz")).skeleton == {frozenset("yz")}


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("test", ["fisher_z", "g_square"])
def test_order_of_rows_and_columns_names_and_scales_do_not_matter(seed, test):
    data = confounded(300, seed)
    if test == "g_square":
        data = np.digitize(data, [-1.0, 1.0]).astype(float)
    rng = np.random.default_rng(seed)
    wanted = RFCI(test=test).discover(frame(data))
    shuffled = RFCI(test=test).discover(frame(data[rng.permutation(len(data))], rng.permutation(8)))
    assert set(shuffled.edges) == set(wanted.edges)
    label = rng.permutation(8)
    other = RFCI(test=test).discover({f"w{label[i]}": -3.0 * data[:, i] + 7 for i in range(8)})
    back = {f"w{label[i]}": f"v{i}" for i in range(8)}
    assert {(back[a], back[b], mark) for a, b, mark in marks(other)} == marks(wanted)


@pytest.mark.parametrize("seed", range(8))
def test_knowledge_is_never_violated(seed):
    data = confounded(200, seed)
    v = [f"v{i}" for i in np.random.default_rng(seed).permutation(8)]
    knowledge = Knowledge(
        tiers=((v[0], v[1]), (v[2], v[3], v[4]), (v[5], v[6])),
        required=((v[0], v[5]), (v[1], v[2])),
        forbidden=((v[3], v[4]), (v[4], v[3]), (v[7], v[0])),
    )
    graph = RFCI().discover(frame(data), knowledge)
    assert {(v[0], v[5]), (v[1], v[2])} <= set(graph.directed)
    for a, b, mark in marks(graph):
        if knowledge.forbids(b, a):
            assert mark == "arrow"


def test_bad_input_is_refused():
    data = confounded(100, 0)
    with pytest.raises(ConfigError, match="Did you mean 'g_square'"):
        RFCI(test="gsquare")
    with pytest.raises(ConfigError, match="missing is 'drop'"):
        RFCI(missing="drop")
    with pytest.raises(ConfigError, match="max_condition is -1"):
        RFCI(max_condition=-1)
    with pytest.raises(InputError, match="zzz, which the table lacks"):
        RFCI().discover(frame(data), Knowledge(tiers=(("zzz",),)))
    data[3, 2] = np.nan
    with pytest.raises(NotFinite, match=r"v2 \(1\).*missing='test_wise'"):
        RFCI().discover(frame(data))
    assert all("n=99" in e.provenance for e in RFCI(missing="test_wise").discover(frame(data)).edges)
