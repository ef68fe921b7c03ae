import numpy as np
import pytest

from dorec.domain.errors import ColumnNotFound, ConfigError, InputError, TooFewUnits
from dorec.domain.graph import CausalGraph
from dorec.domain.run import RunContext
from dorec.simulate import BeyondSupport, DiscreteNetwork, FittedStructuralModel, StructuralModel

TRIANGLE = CausalGraph.from_edges(["z", "x", "y"], directed=[("z", "x"), ("z", "y"), ("x", "y")])
CHAIN = CausalGraph.from_edges(["x", "m", "y"], directed=[("x", "m"), ("m", "y"), ("x", "y")])


def linear_world(n=3_000, seed=0):
    e = np.random.default_rng(seed).normal(size=(3, n))
    z = e[0]
    x = z + e[1]
    return {"z": z, "x": x, "y": 2 * x - 3 * z + e[2]}


def clicks(n=5_000, seed=0):
    """x -> m -> y and x -> y, all discrete but m."""
    rng = np.random.default_rng(seed)
    x = rng.choice(["a", "b", "c"], n)
    m = (x == "b") + 2.0 * (x == "c") + rng.normal(size=n)
    y = np.where(rng.random(n) < 1 / (1 + np.exp(-m + (x == "c"))), "yes", "no")
    return {"x": x, "m": m, "y": y}


def head(table, n):
    return {name: values[:n] for name, values in table.items()}


def test_linear_counterfactuals_are_the_units_own_potential_outcomes():
    data = linear_world()
    model = StructuralModel(n_trees=10).fit(TRIANGLE, data)
    found = model.counterfactual(data, {"x": 1.0})
    slope = model.ate("x", "y", arms=(0.0, 1.0)).value
    assert np.allclose(found.mean("y"), data["y"] + slope * (1 - data["x"]), atol=1e-9)
    assert np.abs(found.mean("y") - (data["y"] + 2 * (1 - data["x"]))).max() < 0.5  # the truth itself
    assert found.n_draws == 1
    assert found.exact == {"z", "x", "y"}
    assert np.allclose(found.effect("y").mean(), (found.mean("y") - data["y"]).mean())
    assert found.verdicts[0].check == "support of do(x)"


def test_additive_noise_is_carried_over_trees():
    rng = np.random.default_rng(1)
    x = rng.uniform(-2, 2, 6_000)
    noise = 0.3 * rng.normal(size=6_000)
    graph = CausalGraph.from_edges(["x", "y"], directed=[("x", "y")])
    model = StructuralModel(mechanisms={"y": "additive_trees"}).fit(graph, {"x": x, "y": np.sin(2 * x) + noise})
    with pytest.warns(BeyondSupport, match="1[23]% are set outside"):
        found = model.counterfactual({"x": x, "y": np.sin(2 * x) + noise}, {"x": ("shift", 0.5)})
    inside = x < 1.5
    error = found.mean("y") - (np.sin(2 * x + 1) + noise)
    assert np.sqrt((error[inside] ** 2).mean()) < 0.1


@pytest.mark.parametrize(("graph", "data"), [(TRIANGLE, linear_world(400)), (CHAIN, clicks(400))])
def test_doing_what_was_done_changes_nothing(graph, data):
    model = StructuralModel(n_trees=10).fit(graph, data)
    for do in ({}, {"x": data["x"]}, {"x": lambda values, rng: values["x"]}):
        found = model.counterfactual(data, do, n_draws=5)
        for draw in range(found.n_draws):
            table = found.table(draw)
            for name in graph.nodes:
                same = table[name].to_numpy() == data[name]
                assert same.all() if data[name].dtype.kind != "f" else np.allclose(table[name].to_numpy(), data[name])


def test_what_is_done_holds_and_what_it_does_not_cause_stays():
    data = clicks(500)
    model = StructuralModel(n_trees=10).fit(CHAIN, data)
    found = model.counterfactual(data, {"m": 0.5}, n_draws=20)
    for draw in (0, 19):
        table = found.table(draw)
        assert (table["m"].to_numpy() == 0.5).all()
        assert (table["x"].to_numpy() == data["x"]).all()
    assert found.exact == {"x", "m"}
    assert found.n_draws == 20


def test_units_that_had_the_level_keep_their_outcome():
    data = clicks(2_000)
    model = StructuralModel(n_trees=10).fit(CHAIN, data)
    found = model.counterfactual(data, {"x": "b"}, n_draws=10)
    had = data["x"] == "b"
    assert (found.mean("y", "yes")[had] == (data["y"] == "yes")[had]).all()
    assert 0 < found.mean("y", "yes")[~had].mean() < 1
    assert (found.effect("y", "yes")[had] == 0).all()


def test_over_units_and_draws_counterfactuals_have_the_distribution_of_the_intervention():
    data = clicks(20_000)
    model = StructuralModel(n_trees=10).fit(CHAIN, data)
    for level in ("a", "c"):
        mean = model.counterfactual(data, {"x": level}, n_draws=5).mean("y", "yes").mean()
        expected = model.mean("y", {"x": level}, level="yes", n=100_000)
        assert abs(mean - expected.value) < 0.015


def test_two_levels_are_carried_monotonically():
    network = DiscreteNetwork.from_bif(
        """variable x { type discrete [ 2 ] { no, yes }; } variable y { type discrete [ 2 ] { no, yes }; }
        probability ( x ) { table 0.5, 0.5; } probability ( y | x ) { (no) 0.7, 0.3; (yes) 0.2, 0.8; }"""
    )
    model = FittedStructuralModel.from_network(network)
    found = model.counterfactual({"x": ["no"] * 800, "y": ["yes", "no"] * 400}, {"x": "yes"}, n_draws=50)
    saved = (0.8 - 0.3) / 0.7  # P(y_yes = yes | y_no = no) under monotonicity
    assert np.allclose(found.mean("y", "yes").reshape(400, 2).mean(axis=0), [1, saved], atol=0.015)


def test_seeds_decide_draws():
    data = clicks(300)
    model = StructuralModel(n_trees=5).fit(CHAIN, data)
    first = model.counterfactual(data, {"x": "a"}, n_draws=3)
    assert first.table(2).equals(model.counterfactual(data, {"x": "a"}, n_draws=3).table(2))
    other = model.counterfactual(data, {"x": "a"}, n_draws=3, context=RunContext(seed=1))
    assert not first.table(2).equals(other.table(2))


def test_bad_units_and_questions():
    data = clicks(300)
    model = StructuralModel(n_trees=5).fit(CHAIN, data)
    with pytest.raises(ColumnNotFound, match="'m'"):
        model.counterfactual({"x": ["a"], "y": ["no"]}, {"x": "b"})
    with pytest.raises(InputError, match="no level 'z'"):
        model.counterfactual({"x": ["z"], "m": [0.0], "y": ["no"]}, {"x": "b"})
    with pytest.raises(TooFewUnits, match="no rows"):
        model.counterfactual(head(data, 0), {"x": "b"})
    with pytest.raises(ConfigError, match="n_draws is 0"):
        model.counterfactual(data, {"x": "b"}, n_draws=0)
    found = model.counterfactual(head(data, 5), {"x": "b"}, n_draws=2)
    with pytest.raises(ConfigError, match="there are 2, from 0"):
        found.table(2)
    with pytest.raises(InputError, match="name one as `level`"):
        found.mean("y")
    with pytest.raises(ColumnNotFound, match="variables of the model"):
        found.mean("n")


def test_what_the_model_holds_for_impossible_has_no_counterfactual():
    network = DiscreteNetwork.from_bif(
        """variable x { type discrete [ 2 ] { no, yes }; } variable y { type discrete [ 2 ] { no, yes }; }
        probability ( x ) { table 0.5, 0.5; } probability ( y | x ) { (no) 1.0, 0.0; (yes) 0.2, 0.8; }"""
    )
    model = FittedStructuralModel.from_network(network)
    with pytest.raises(InputError, match="1 of 2 units"):
        model.counterfactual({"x": ["no", "yes"], "y": ["yes", "no"]}, {"x": ["yes", "no"]})
