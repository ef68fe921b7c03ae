import numpy as np
import pytest

from dorec.discover import PairwiseANM, additive_noise_direction
from dorec.domain.errors import Collinear, ColumnNotFound, ConfigError, InputError, NotFinite
from dorec.domain.graph import CausalGraph
from dorec.domain.knowledge import Knowledge
from dorec.domain.run import RunContext


def cubic(seed, n=600):
    rng = np.random.default_rng(seed)
    a = rng.normal(size=n)
    return {"a": a, "b": a + a**3 / 3 + rng.normal(size=n)}


def test_the_direction_is_found_whichever_way_it_is_asked():
    for seed in range(6):
        found = additive_noise_direction(cubic(seed), "a", "b")
        assert found.cause == "a"
        turned = additive_noise_direction(cubic(seed), "b", "a")
        assert turned.cause == "a"
        assert turned.p_backward == found.p_forward


def test_linear_and_gaussian_is_undecided():
    rng = np.random.default_rng(0)
    a = rng.normal(size=300)
    found = additive_noise_direction({"a": a, "b": a + rng.normal(size=300)}, "a", "b")
    assert found.direction == "undecided"
    assert found.verdict.code == "both_fit"


def test_a_hidden_common_cause_fits_neither_way():
    rng = np.random.default_rng(0)
    hidden = rng.normal(size=600)
    table = {"a": hidden**2 + 0.3 * rng.normal(size=600), "b": np.sin(3 * hidden) + hidden}
    table["b"] = table["b"] + 0.3 * rng.normal(size=600)
    assert additive_noise_direction(table, "a", "b").verdict.code == "neither_fits"


def test_two_columns_independent_open_or_directed():
    rng = np.random.default_rng(1)
    a, b = rng.normal(size=(2, 300))
    assert PairwiseANM().discover({"a": a, "b": b}).edges == ()
    assert PairwiseANM().discover({"a": a, "b": a + b}).undirected == (("a", "b"),)
    graph = PairwiseANM().discover(cubic(0))
    assert graph.directed == (("a", "b"),)
    assert graph.edges[0].confidence > 0.95


def test_knowledge_decides_first():
    table = cubic(0)
    assert PairwiseANM().discover(table, Knowledge(required=(("b", "a"),))).directed == (("b", "a"),)
    assert PairwiseANM().discover(table, Knowledge(tiers=(("b",), ("a",)))).directed == (("b", "a"),)
    both = Knowledge(forbidden=(("a", "b"), ("b", "a")))
    assert PairwiseANM().discover(table, both).edges == ()


def test_rows_are_drawn_whatever_their_order():
    table = cubic(0, n=400)
    rows = np.random.default_rng(0).permutation(400)
    search, context = PairwiseANM(max_rows=150), RunContext(seed=1)
    first = search.direction(table, "a", "b", context)
    again = search.direction({name: table[name][rows] for name in ("b", "a")}, "a", "b", context)
    assert again.p_forward == pytest.approx(first.p_forward, rel=1e-6)


def test_bad_input_is_refused():
    table = cubic(0)
    with pytest.raises(ColumnNotFound):
        additive_noise_direction(table, "a", "z")
    with pytest.raises(InputError, match="two columns"):
        additive_noise_direction(table, "a", "a")
    with pytest.raises(InputError, match="got 3"):
        PairwiseANM().discover({**table, "c": table["a"] ** 2})
    with pytest.raises(NotFinite):
        additive_noise_direction({**table, "b": np.where(table["b"] > 2, np.nan, table["b"])}, "a", "b")
    with pytest.raises(Collinear):
        additive_noise_direction({**table, "b": 3 * table["a"]}, "a", "b")
    with pytest.raises(InputError, match="circles"):
        PairwiseANM().orient(CausalGraph.from_edges("ab", bidirected=[("a", "b")]), table)
    for settings in ({"alpha": 0.0}, {"max_rows": 3}):
        with pytest.raises(ConfigError):
            PairwiseANM(**settings)
