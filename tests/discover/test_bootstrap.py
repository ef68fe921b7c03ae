from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa
import pytest

from dorec.discover import BOSS, FCI, PC, BootstrapDiscovery
from dorec.discover.bootstrap import EdgeFrequencies
from dorec.domain.errors import ConfigError, ConstantColumn, NotFinite, TooFewUnits
from dorec.domain.graph import CausalGraph
from dorec.domain.knowledge import Knowledge

A_B, B_A, OPEN, BOTH = ("tail", "arrow"), ("arrow", "tail"), ("tail", "tail"), ("arrow", "arrow")


def table(n=300, seed=0):
    rng = np.random.default_rng(seed)
    a, b, e = rng.normal(size=(3, n))
    c = a + b + rng.normal(size=n)
    return {"a": a, "b": b, "c": c, "d": 0.2 * c + rng.normal(size=n), "e": e}


@dataclass(frozen=True)
class Scripted:
    """Gives one graph after the other; the first is asked for on the table itself."""

    graphs: tuple[CausalGraph, ...]
    seen: list[int] = field(default_factory=list)

    def discover(self, table, knowledge=None, context=None):
        self.seen.append(table.num_rows)
        return self.graphs[(len(self.seen) - 2) % len(self.graphs)]


def test_frequencies_are_counts_over_the_graphs():
    graphs = (
        CausalGraph.from_edges("ab", directed=[("a", "b")]),
        CausalGraph.from_edges("ab", directed=[("a", "b")]),
        CausalGraph.from_edges("ab", directed=[("b", "a")]),
        CausalGraph.from_edges("ab"),
    )
    search = BootstrapDiscovery(Scripted(graphs), n_bootstrap=8)
    found = search.frequencies({"a": [1.0, 2.0], "b": [2.0, 1.0]})
    assert (found.adjacent("b", "a"), found.oriented("a", "b"), found.oriented("b", "a")) == (0.75, 0.5, 0.25)
    assert found.oriented("b", "a", "arrow", "tail") == found.oriented("a", "b")
    (edge,) = search.discover({"a": [1.0, 2.0], "b": [2.0, 1.0]}).edges
    assert (str(edge), edge.confidence) == ("a --> b", 0.5)
    assert "adjacent in 75%" in edge.provenance


@pytest.mark.parametrize("learner", [PC(), FCI(), PC(test="g_square")])
def test_the_order_of_rows_and_columns_does_not_matter(learner):
    data = table()
    if learner.test == "g_square":
        data = {k: np.where(v > 0, "hi", "lo") for k, v in data.items()}
    search = BootstrapDiscovery(learner, n_bootstrap=15)
    wanted = search.discover(data)
    rows = np.random.default_rng(1).permutation(300)
    other = search.discover({k: data[k][rows] for k in "dbeca"})
    assert {(e, e.confidence, e.provenance) for e in other.edges} == {
        (e, e.confidence, e.provenance) for e in wanted.edges
    }
    assert other.nodes == tuple("dbeca")
    assert len(wanted.edges) >= 2


def test_strong_edges_are_surer_than_weak_ones_and_noise_is_left_out():
    found = BootstrapDiscovery(PC(alpha=0.01), n_bootstrap=40).frequencies(table())
    assert found.adjacent("a", "c") == 1.0
    assert 0.3 < found.adjacent("c", "d") <= 1.0
    assert max(found.adjacent(x, "e") for x in "abcd") < 0.5
    assert found.graph(0.5, "test").skeleton <= {frozenset("ac"), frozenset("bc"), frozenset("cd")}


def test_edges_that_close_a_cycle_give_way_to_surer_ones():
    counts = {("a", "b"): {A_B: 9}, ("b", "c"): {A_B: 8}, ("a", "c"): {B_A: 6, A_B: 2}}
    graph = EdgeFrequencies(tuple("abc"), 10, counts).graph(0.5, "test")
    assert graph.directed == (("a", "b"), ("a", "c"), ("b", "c"))
    assert graph.edge("a", "c").confidence == 0.2
    only = {**counts, ("a", "c"): {B_A: 6}}
    assert EdgeFrequencies(tuple("abc"), 10, only).graph(0.5, "test").undirected == (("a", "c"),)
    last = EdgeFrequencies(tuple("abc"), 10, only).graph(0.5, "test", Knowledge(forbidden=(("a", "c"),)))
    assert last.directed == (("a", "b"), ("c", "a"))


def test_a_tie_between_both_directions_has_none():
    graph = EdgeFrequencies(("a", "b"), 10, {("a", "b"): {A_B: 5, B_A: 5}}).graph(0.5, "test")
    assert [str(e) for e in graph.edges] == ["a --- b"]
    pag = {("a", "b"): {A_B: 5, B_A: 5}, ("a", "c"): {("circle", "arrow"): 1}}
    assert [str(e) for e in EdgeFrequencies(tuple("abc"), 10, pag).graph(0.5, "test").edges] == ["a o-o b"]


def test_knowledge_holds_in_the_answer():
    knowledge = Knowledge(tiers=(("c",), ("a", "b")), required=(("c", "e"),))
    graph = BootstrapDiscovery(PC(), n_bootstrap=10).discover(table(), knowledge)
    assert ("c", "e") in graph.directed
    assert not [pair for pair in graph.directed if knowledge.forbids(*pair)]
    assert graph.edge("c", "e").confidence == 1.0


def test_subsamples_have_their_size_and_no_repeats():
    rows = {"a": np.arange(100.0), "b": np.arange(100.0)}
    learner = Scripted((CausalGraph.from_edges("ab"),))
    BootstrapDiscovery(learner, n_bootstrap=3, fraction=0.3, replace=False).discover(rows)
    assert learner.seen == [100, 30, 30, 30]


def test_what_is_refused_of_the_table_is_refused_at_once():
    data = table()
    data["a"][0] = np.nan
    with pytest.raises(NotFinite, match=r"a \(1\)"):
        BootstrapDiscovery(PC()).discover(data)
    with pytest.raises(ConfigError, match="n_bootstrap is 0"):
        BootstrapDiscovery(PC(), n_bootstrap=0)
    with pytest.raises(ConfigError, match="threshold is 2"):
        BootstrapDiscovery(PC(), threshold=2)
    with pytest.raises(ConfigError, match="the same rows every time"):
        BootstrapDiscovery(PC(), replace=False)


def test_rare_values_that_most_resamples_miss_are_refused():
    rare = np.zeros(300)
    rare[0] = 1.0
    with pytest.raises(TooFewUnits, match="resamples, the first because r has one value"):
        BootstrapDiscovery(PC(), n_bootstrap=30, fraction=0.2).discover({**table(), "r": rare})
    with pytest.raises(ConstantColumn):
        BootstrapDiscovery(PC()).discover(pa.table({**table(), "r": np.zeros(300)}))


def test_names_do_not_decide_which_rows_are_drawn():
    rng = np.random.default_rng(5)
    a, b = rng.normal(size=(2, 150))
    table = {"a": a, "b": b, "c": 0.3 * a + 0.3 * b + rng.normal(size=150)}
    renamed = {"z": table["a"], "y": table["b"], "x": table["c"]}
    search = BootstrapDiscovery(BOSS(), n_bootstrap=25)
    one, other = search.frequencies(table), search.frequencies(renamed)
    for (p, q), (r, s) in ((("a", "b"), ("z", "y")), (("a", "c"), ("z", "x")), (("b", "c"), ("y", "x"))):
        assert one.adjacent(p, q) == other.adjacent(r, s)
