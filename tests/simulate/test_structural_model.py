import gzip

import numpy as np
import pyarrow as pa
import pytest

from dorec.domain.errors import (
    ColumnNotFound,
    ConfigError,
    ConstantColumn,
    InputError,
    NotFinite,
    NotIdentifiable,
    TooFewUnits,
)
from dorec.domain.graph import CausalGraph, Edge
from dorec.domain.run import RunContext
from dorec.simulate import DiscreteNetwork, FittedStructuralModel, StructuralModel

TRIANGLE = CausalGraph.from_edges(["z", "x", "y"], directed=[("z", "x"), ("z", "y"), ("x", "y")])


def linear_world(n=4_000, seed=0):
    """z -> x, z -> y, x -> y with effect 2 of x; regression of y on x alone gives 0.5."""
    e = np.random.default_rng(seed).normal(size=(3, n))
    z = e[0]
    x = z + e[1]
    y = 2 * x - 3 * z + e[2]
    return {"z": z, "x": x, "y": y}


def curved_world(n=2_500, seed=0):
    rng = np.random.default_rng(seed)
    z = rng.uniform(-2, 2, n)
    x = np.sin(2 * z) + 0.3 * rng.normal(size=n)
    y = x**2 + z + 0.5 * rng.normal(size=n)
    return {"z": z, "x": x, "y": y}


def mixed_world(n=2_500, seed=0):
    """A discrete treatment with a continuous cause, and a continuous outcome."""
    rng = np.random.default_rng(seed)
    z = rng.normal(size=n)
    x = np.where(rng.random(n) < 1 / (1 + np.exp(-1.5 * z)), "voucher", "none")
    y = 1.0 * (x == "voucher") + 2 * z + rng.normal(size=n)
    return {"z": z, "x": x, "y": y}


def kinds(model):
    return {name: mechanism.kind for name, mechanism in model.mechanisms.items()}


def test_mechanisms_follow_the_columns_and_the_shape_of_the_data():
    assert kinds(StructuralModel(n_trees=10).fit(TRIANGLE, linear_world(1_500))) == {
        "z": "linear",
        "x": "linear",
        "y": "linear",
    }
    curved = kinds(StructuralModel(n_trees=20).fit(TRIANGLE, curved_world()))
    assert curved == {"z": "linear", "x": "additive_trees", "y": "additive_trees"}
    assert kinds(StructuralModel(n_trees=8).fit(TRIANGLE, mixed_world()))["x"] == "logistic"
    rng = np.random.default_rng(0)
    z = rng.uniform(-2, 2, 2_500)
    bent = {"z": z, "x": (np.abs(z) + 0.2 * rng.normal(size=2_500) > 1).astype(int), "y": z + rng.normal(size=2_500)}
    assert kinds(StructuralModel(n_trees=20).fit(TRIANGLE, bent))["x"] == "classifier_trees"


def test_a_linear_model_is_least_squares():
    data = linear_world(500)
    model = StructuralModel(mechanisms=dict.fromkeys("zxy", "linear_gaussian")).fit(TRIANGLE, data)
    X = np.stack([data["x"], data["z"], np.ones(500)], axis=1)
    expected, left, *_ = np.linalg.lstsq(X, data["y"], rcond=None)
    line = model.mechanisms["y"]
    assert np.allclose([*line.predictor.coef[:, 0], *line.predictor.intercept], expected, atol=1e-10)
    assert np.isclose(line.noise.deviation**2, left[0] / 497)


def test_a_table_is_counts_with_the_prior():
    data = {"z": ["a", "b", "a", "a"] * 5, "x": [0, 1, 1, 0] * 5, "y": [True, False, True, True] * 5}
    model = StructuralModel(sample_size=2.0).fit(TRIANGLE, data)
    x = model.mechanisms["x"]  # a: 10 of 0, 5 of 1; b: 0 and 5; the prior spreads 2 rows over 4 cells
    assert np.allclose(x.values, [[10.5 / 16, 5.5 / 16], [0.5 / 6, 5.5 / 6]])
    assert x.rows.tolist() == [15, 5]
    (said,) = model.verdicts
    assert said.code == "unseen_combinations"
    assert said.evidence["unseen"] == 1
    assert model.sample(3)["y"].type == pa.bool_()


@pytest.mark.parametrize("factor", [1, 1000])
def test_scales_and_collinear_causes_do_no_harm(factor):
    data = linear_world(2_000)
    data["x"] = data["x"] * factor
    data["w"] = 2 * data["z"]
    graph = CausalGraph.from_edges([*"zxyw"], directed=[*TRIANGLE.directed, ("z", "w"), ("w", "y")])
    model = StructuralModel(n_trees=10).fit(graph, data)
    assert abs(model.ate("x", "y", arms=(0, factor)).value - 2) < 0.1


def test_neither_rows_nor_columns_nor_nodes_have_an_order():
    for world, how in ((curved_world(1_500), "additive_trees"), (mixed_world(1_500), "auto")):
        settings = StructuralModel(n_trees=15, mechanisms={"y": how})
        model = settings.fit(TRIANGLE, world)
        turn = np.random.default_rng(1).permutation(1_500)
        other = {name: world[name][turn] for name in reversed(world)}
        graph = CausalGraph.from_edges(["y", "x", "z"], directed=TRIANGLE.directed[::-1])
        again = settings.fit(graph, other)
        a, b = model.sample(300), again.sample(300)
        for name in "zxy":
            left, right = a[name].to_numpy(), b[name].to_numpy()
            assert np.allclose(left, right, atol=1e-8) if left.dtype.kind == "f" else (left == right).all()


def test_seeds_decide_samples_and_nothing_else():
    model = StructuralModel(n_trees=5).fit(TRIANGLE, linear_world(300))
    assert model.sample(50).equals(model.sample(50))
    assert not model.sample(50).equals(model.sample(50, context=RunContext(seed=1)))


def test_fits_of_a_known_network_come_near_its_tables(shared):
    network = DiscreteNetwork.from_bif(gzip.decompress((shared / "data/bnlearn_bif/asia.bif.gz").read_bytes()).decode())
    model = StructuralModel().fit(network.graph, network.sample(100_000))
    for name in ("asia", "smoke", "lung", "bronc"):
        assert np.abs(model.distribution([name]) - _sorted(network, name)).max() < 0.01
    truth = FittedStructuralModel.from_network(network).ate("smoke", "dysp", arms=("no", "yes"), level="yes").value
    assert abs(model.ate("smoke", "dysp", arms=("no", "yes"), level="yes").value - truth) < 0.01


def _sorted(network, name):
    share = FittedStructuralModel.from_network(network).distribution([name])
    return share[np.argsort(network.levels[name])]


def test_whole_numbers_are_taken_either_way():
    rng = np.random.default_rng(0)
    x = rng.integers(0, 5, 500)
    data = {"x": x, "y": 3 * x + rng.normal(size=500)}
    graph = CausalGraph.from_edges(["x", "y"], directed=[("x", "y")])
    assert StructuralModel().fit(graph, data).variables["x"].levels == (0, 1, 2, 3, 4)
    number = StructuralModel(mechanisms={"x": "linear"}).fit(graph, data)
    assert not number.variables["x"].is_discrete
    assert abs(number.ate("x", "y", arms=(0.5, 1.5)).value - 3) < 0.1


def test_graphs_without_a_mechanism_for_each_node_are_refused():
    hidden = CausalGraph.from_edges(["z", "x", "y"], directed=[("x", "y")], bidirected=[("x", "y")])
    with pytest.raises(NotIdentifiable, match="hidden cause") as refusal:
        StructuralModel().fit(hidden, linear_world())
    assert "identify" in refusal.value.remedy
    with pytest.raises(NotIdentifiable, match="no direction"):
        StructuralModel().fit(CausalGraph.from_edges(["z", "x", "y"], undirected=[("x", "y")]), linear_world())
    half = CausalGraph(("z", "x", "y"), (Edge("x", "y", "circle", "arrow"),))
    with pytest.raises(NotIdentifiable, match="no direction"):
        StructuralModel().fit(half, linear_world())


def changed(**columns):
    return {**linear_world(100), **columns}


def gap(where, value):
    column = linear_world(100)[where]
    column[3] = value
    return {where: column}


@pytest.mark.parametrize(
    ("table", "error", "said"),
    [
        ({k: v for k, v in linear_world(100).items() if k != "x"}, ColumnNotFound, "Column 'x'"),
        (changed(**gap("x", np.nan)), NotFinite, "x is missing or infinite in 1 of 100"),
        (changed(**gap("y", np.inf)), NotFinite, "y is missing or infinite in 1 of 100"),
        (changed(x=[None, *["a"] * 99]), NotFinite, "x is missing"),
        (changed(x=np.ones(100)), ConstantColumn, "x is 1.0 in every row"),
        (changed(x=["a"] * 100), ConstantColumn, "x is 'a' in every row"),
        (changed(x=[["list"]] * 100), InputError, "numbers, truth values and text"),
        (changed(x=["a", 1] * 50), InputError, "x holds values of several kinds"),
        ({k: v[:5] for k, v in linear_world(100).items()}, TooFewUnits, "5 rows"),
    ],
)
def test_bad_tables(table, error, said):
    with pytest.raises(error, match=said):
        StructuralModel().fit(TRIANGLE, table)


def test_names_of_units_are_no_levels():
    graph = CausalGraph.from_edges(["x"])
    with pytest.raises(InputError, match="300 levels"):
        StructuralModel().fit(graph, {"x": [f"user {i}" for i in range(300)]})


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"n_folds": 1}, "n_folds is 1"),
        ({"sample_size": -1}, "sample_size"),
        ({"learning_rate": 0}, "learning_rate"),
        ({"mechanisms": "linear"}, "give 'auto', or"),
        ({"mechanisms": {"x": "linnear"}}, "Did you mean 'linear'"),
    ],
)
def test_bad_settings(settings, said):
    with pytest.raises(ConfigError, match=said):
        StructuralModel(**settings)


@pytest.mark.parametrize(
    ("named", "error", "said"),
    [
        ({"q": "linear"}, ColumnNotFound, "nodes of the graph"),
        ({"x": "table"}, ConfigError, "x is continuous"),
        ({"w": "linear"}, ConfigError, "w is discrete"),
        ({"w": "table"}, ConfigError, "w can't have a table: x is continuous"),
    ],
)
def test_mechanisms_that_do_not_fit_their_column(named, error, said):
    data = {**linear_world(200), "w": ["a", "b"] * 100}
    graph = CausalGraph.from_edges([*"zxyw"], directed=[*TRIANGLE.directed, ("x", "w")])
    with pytest.raises(error, match=said):
        StructuralModel(mechanisms=named).fit(graph, data)


def test_every_frame_will_do():
    pandas, polars = pytest.importorskip("pandas"), pytest.importorskip("polars")
    world = {**mixed_world(300), "other": np.arange(300)}
    frames = [pandas.DataFrame(world), polars.DataFrame(world), pa.table(world)]
    frames.append(pandas.DataFrame(world).assign(x=lambda t: t["x"].astype("category")))
    first, *others = [StructuralModel(n_trees=5).fit(TRIANGLE, frame).sample(100) for frame in frames]
    assert all(first.equals(other) for other in others)


def test_levels_may_be_called_anything():
    rng = np.random.default_rng(0)
    z = rng.integers(0, 3, 900)
    y = np.where(rng.random(900) < 0.2 + 0.3 * z, "yes", "no")
    graph = CausalGraph.from_edges(["z", "y"], directed=[("z", "y")])
    first = StructuralModel().fit(graph, {"z": np.array(["a", "b", "c"])[z], "y": y})
    other = StructuralModel().fit(graph, {"z": np.array(["q", "p", "o"])[z], "y": y})
    for old, new in zip("abc", "qpo", strict=True):
        assert np.isclose(
            first.probability({"y": "yes"}, do={"z": old}), other.probability({"y": "yes"}, do={"z": new})
        )


def test_two_numbers_can_be_taken_as_numbers():
    rng = np.random.default_rng(0)
    x = rng.choice([0.0, 1.0], 300)
    graph = CausalGraph.from_edges(["x", "y"], directed=[("x", "y")])
    model = StructuralModel(mechanisms={"x": "linear"}).fit(graph, {"x": x, "y": 2 * x + rng.normal(size=300)})
    assert not model.variables["x"].is_discrete
    assert abs(model.ate("x", "y", arms=(0.25, 0.75)).value - 1) < 0.3
