import json
import warnings
from itertools import pairwise

import numpy as np
import pytest

from dorec.domain.errors import ColumnNotFound, ConfigError, InputError, NoInterval, NotFinite
from dorec.domain.graph import CausalGraph
from dorec.domain.intervention import Intervention
from dorec.domain.run import RunContext
from dorec.simulate import BeyondSupport, DiscreteNetwork, FittedStructuralModel, StructuralModel
from dorec.simulate.mechanisms import AdditiveMechanism, Noise
from dorec.simulate.predictors import Linear
from dorec.simulate.variables import Variable

TRIANGLE = CausalGraph.from_edges(["z", "x", "y"], directed=[("z", "x"), ("z", "y"), ("x", "y")])


def by_hand(coefficients, graph=TRIANGLE):
    """A linear-Gaussian model: node -> its causes' coefficients; noise of deviation 1."""
    mechanisms = {}
    for name in graph.nodes:
        parents = tuple(sorted(graph.parents(name)))
        slope = np.array([[coefficients[p, name]] for p in parents]).reshape(-1, 1)
        mechanisms[name] = AdditiveMechanism(parents, (0,) * len(parents), Linear(slope, np.zeros(1)), Noise(1.0))
    return FittedStructuralModel(graph, {n: Variable(n) for n in graph.nodes}, mechanisms)


KNOWN = by_hand({("z", "x"): 1.0, ("z", "y"): -3.0, ("x", "y"): 2.0})


def shop(n=6_000, seed=0):
    """Text and numbers: an active user gets a voucher more often and spends more anyway."""
    rng = np.random.default_rng(seed)
    active = rng.random(n) < 0.4
    voucher = rng.random(n) < np.where(active, 0.8, 0.2)
    spend = 10 + 5 * voucher + 20 * active + rng.exponential(3, n)
    table = {"active": np.where(active, "yes", "no"), "voucher": np.where(voucher, "yes", "no"), "spend": spend}
    graph = CausalGraph.from_edges(
        list(table), directed=[("active", "voucher"), ("active", "spend"), ("voucher", "spend")]
    )
    return graph, table


def test_samples_have_the_moments_of_the_linear_model():
    sample = KNOWN.sample(200_000)
    columns = np.stack([sample[name].to_numpy() for name in ("z", "x", "y")])
    B = np.array([[0, 0, 0], [1, 0, 0], [-3, 2, 0]], dtype=float)
    total = np.linalg.inv(np.eye(3) - B)
    assert np.allclose(np.cov(columns), total @ total.T, atol=0.05)
    done = KNOWN.sample(200_000, {"x": 1.5})
    z, x, y = (done[name].to_numpy() for name in ("z", "x", "y"))
    assert (x == 1.5).all()
    assert abs(y.mean() - 3) < 0.05
    assert abs(y.var() - 10) < 0.1
    assert abs(np.cov(z, y)[0, 1] + 3) < 0.05


@pytest.mark.parametrize("seed", range(8))
def test_effects_are_the_sums_over_paths(seed):
    rng = np.random.default_rng(seed)
    names = [f"v{i}" for i in range(7)]
    B = np.tril(rng.normal(size=(7, 7)) * (rng.random((7, 7)) < 0.6), -1)
    edges = {(names[j], names[i]): B[i, j] for i, j in zip(*np.nonzero(B), strict=True)}
    model = by_hand(edges, CausalGraph.from_edges(rng.permutation(names).tolist(), directed=list(edges)))
    total = np.linalg.inv(np.eye(7) - B)
    for cause, effect in ((0, 6), (1, 5), (2, 3), (5, 2)):
        found = model.ate(names[cause], names[effect], arms=(-1.0, 2.0))
        assert np.isclose(found.value, 3 * total[effect, cause])
        assert found.method == "exact"
        with pytest.raises(NoInterval, match="exact under the model"):
            found.interval()


def test_exact_means_are_those_of_samples_in_a_world_of_both_kinds():
    graph, table = shop()
    model = StructuralModel().fit(graph, table)
    for do in ({"voucher": "yes"}, {"active": "no"}, None):
        exact = model.mean("spend", do)
        drawn = model.sample(200_000, do)["spend"].to_numpy()
        assert exact.method == "exact"
        assert abs(exact.value - drawn.mean()) < 5 * drawn.std() / np.sqrt(200_000)


def test_confounded_the_model_gives_the_doing():
    graph, table = shop(40_000)
    model = StructuralModel().fit(graph, table)
    seen = table["voucher"] == "yes"
    naive = table["spend"][seen].mean() - table["spend"][~seen].mean()
    assert naive > 14
    assert abs(model.ate("voucher", "spend", arms=("no", "yes")).value - 5) < 0.15
    assert abs(model.ate("voucher", "spend", arms=("yes", "no")).value + 5) < 0.15
    assert model.ate("spend", "voucher", arms=(10.0, 20.0), level="yes").value == 0


def test_trees_answer_by_simulation_with_its_error():
    rng = np.random.default_rng(0)
    z = rng.uniform(-2, 2, 8_000)
    x = z / 2 + 1.2 * rng.normal(size=8_000)
    y = np.minimum(x, 1) + z**2 + 0.5 * rng.normal(size=8_000)
    model = StructuralModel(mechanisms={"y": "additive_trees"}).fit(TRIANGLE, {"z": z, "x": x, "y": y})
    found = model.ate("x", "y", arms=(-1.0, 1.0), n=20_000)
    assert "simulated" in found.method
    assert 0 < found.std_error < 0.05
    assert abs(found.value - 2) < 0.15
    again = model.ate("x", "y", arms=(-1.0, 1.0), n=20_000, context=RunContext(seed=5))
    assert abs(found.value - again.value) < 5 * np.hypot(found.std_error, again.std_error)


def test_shifts_policies_and_decisions():
    natural = KNOWN.sample(1_000)
    shifted = KNOWN.sample(1_000, {"x": ("shift", 2.0)})
    assert np.allclose(shifted["x"].to_numpy(), natural["x"].to_numpy() + 2)
    assert np.allclose(shifted["y"].to_numpy(), natural["y"].to_numpy() + 4)
    same = KNOWN.sample(1_000, [Intervention(target="x", kind="shift", value=2.0)])
    assert same.equals(shifted)
    ruled = KNOWN.sample(1_000, {"x": lambda values, rng: values["x"] + 2})
    assert ruled.equals(shifted)
    own = KNOWN.sample(4, {"x": np.arange(4.0)})
    assert own["x"].to_pylist() == [0, 1, 2, 3]
    graph, table = shop()
    model = StructuralModel().fit(graph, table)
    mixed = model.sample(50_000, {"voucher": ("policy", {"yes": 0.3, "no": 0.7})})
    assert abs((mixed["voucher"].to_numpy() == "yes").mean() - 0.3) < 0.01
    by_need = model.sample(1_000, {"voucher": lambda values, rng: values["active"]})
    assert by_need["voucher"].equals(by_need["active"])
    assert model.sample(9, [Intervention(target="voucher", value="yes")])["voucher"].to_pylist() == ["yes"] * 9


def test_a_decision_sees_what_was_there_before_it_and_nothing_else():
    graph = CausalGraph.from_edges(["t", "y", "age"], directed=[("t", "y"), ("age", "y")])
    model = by_hand({("t", "y"): 1.0, ("age", "y"): 1.0}, graph)
    seen = {}
    sample = model.sample(50, {"t": lambda values, rng: seen.update(values) or values["age"] / 2})
    assert sorted(seen) == ["age", "t"]
    assert np.allclose(sample["t"].to_numpy(), sample["age"].to_numpy() / 2)


def test_it_says_when_an_intervention_leaves_the_data():
    graph, table = shop()
    rng = np.random.default_rng(0)
    table["price"] = rng.uniform(1, 2, 6_000)
    table["spend"] = table["spend"] - 3 * table["price"]
    graph = CausalGraph.from_edges([*graph.nodes, "price"], directed=[*graph.directed, ("price", "spend")])
    model = StructuralModel().fit(graph, table)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model.sample(100, {"price": 1.5})
        assert model.check_support({"price": 1.5})[0].status == "passed"
    with pytest.warns(BeyondSupport, match="100% are set outside"):
        model.sample(100, {"price": 5.0})
    verdict = model.check_support({"price": 5.0})[0]
    assert verdict.status == "failed"
    assert verdict.evidence["share_outside"] == 1
    assert model.mean("spend", {"price": 5.0}).verdicts[0].code == "beyond_support"


def test_a_value_that_nobody_like_the_unit_had_is_beyond_too():
    rng = np.random.default_rng(1)
    z = rng.choice(["a", "b"], 4_000)
    x = np.where((z == "b") & (rng.random(4_000) < 0.5), "on", "off")
    data = {"z": z, "x": x, "y": rng.normal(size=4_000) + (x == "on")}
    model = StructuralModel().fit(TRIANGLE, data)
    (verdict,) = model.check_support({"x": "on"})
    assert abs(verdict.evidence["share_unlikely"] - 0.5) < 0.05
    assert model.check_support({"x": "off"})[0].status == "passed"


def test_combinations_that_no_row_has_are_counted_downstream():
    z = np.array(["a", "b"] * 500)
    rng = np.random.default_rng(2)
    data = {"z": z, "x": np.where(z == "a", rng.choice(["p", "q"], 1_000), "q"), "y": rng.choice(["u", "v"], 1_000)}
    model = StructuralModel().fit(TRIANGLE, data)
    assert model.verdicts[0].code == "unseen_combinations"
    (verdict,) = model.check_support({"x": "p"})
    assert abs(verdict.evidence["share_downstream"] - 0.5) < 0.05


@pytest.mark.parametrize(
    ("do", "error", "said"),
    [
        ({"q": 1}, ColumnNotFound, "'q'"),
        ({"voucher": "maybe"}, InputError, "no level 'maybe'; its levels: 'no', 'yes'"),
        ({"voucher": 1}, InputError, "no level 1"),
        ({"spend": "much"}, InputError, "spend holds string"),
        ({"spend": np.nan}, NotFinite, "spend is missing"),
        ({"spend": None}, InputError, "give one value"),
        ({"voucher": ("shift", 1)}, InputError, "can't be shifted"),
        ({"spend": ("shift", "x")}, InputError, "finite number"),
        ({"voucher": ("policy", {"yes": 0.3})}, InputError, "with sum 1"),
        ({"voucher": ("policy", {"maybe": 1.0})}, InputError, "no level 'maybe'"),
        ({"voucher": ("perhaps", "yes")}, InputError, "give a value"),
        ({"spend": [1.0, 2.0]}, InputError, "one for each of 10"),
        ({"voucher": lambda values, rng: values["spend"]}, KeyError, "spend"),
    ],
)
def test_bad_interventions(do, error, said):
    graph, table = shop(100)
    with pytest.raises(error, match=said):
        StructuralModel().fit(graph, table).sample(10, do)


def test_bad_questions():
    graph, table = shop(100)
    model = StructuralModel().fit(graph, table)
    with pytest.raises(ConfigError, match="n is 0"):
        model.sample(0)
    with pytest.raises(InputError, match="acted on twice"):
        model.sample(2, [Intervention(target="voucher", value="yes")] * 2)
    with pytest.raises(InputError, match="give arms="):
        model.ate("spend", "voucher", level="yes")
    with pytest.raises(InputError, match="name one as `level`"):
        model.ate("voucher", "active")
    with pytest.raises(InputError, match="leave `level` out"):
        model.ate("voucher", "spend", level=3)
    with pytest.raises(ColumnNotFound, match="Did you mean 'spend'"):
        model.ate("voucher", "spent")
    with pytest.raises(InputError, match="spend has no table"):
        model.distribution(["spend"])
    with pytest.raises(InputError, match="only tables make"):
        model.to_bif()


def test_a_study_of_the_world_has_the_right_answer_and_the_right_covariates():
    graph, table = shop()
    model = StructuralModel().fit(graph, table)
    study = model.study("voucher", "spend", 20_000)
    assert study.covariate_names == ("active=yes",)
    one = study.covariates[:, 0]
    effect = sum(
        (
            study.outcome[(study.treatment == 1) & (one == v)].mean()
            - study.outcome[(study.treatment == 0) & (one == v)].mean()
        )
        * (one == v).mean()
        for v in (0, 1)
    )
    assert abs(effect - model.ate("voucher", "spend", arms=("no", "yes")).value) < 0.3


def test_bif_is_written_and_read_back_equal():
    rng = np.random.default_rng(3)
    x = rng.integers(0, 3, 500)
    y = np.where(rng.random(500) < 0.2 * x, "yes", "no")
    graph = CausalGraph.from_edges(["x", "y"], directed=[("x", "y")])
    model = StructuralModel().fit(graph, {"x": x, "y": y})
    network = DiscreteNetwork.from_bif(model.to_bif())
    for mine, back in zip(model.network.tables, network.tables, strict=True):
        assert (mine.name, mine.levels, mine.parents) == (back.name, back.levels, back.parents)
        assert np.array_equal(mine.values, back.values)
    again = FittedStructuralModel.from_network(network)
    assert again.probability({"y": "yes"}, do={"x": "2"}) == model.probability({"y": "yes"}, do={"x": 2})


@pytest.mark.parametrize("named", [{}, {"y": "additive_trees", "x": "classifier_trees"}, {"y": "linear_gaussian"}])
def test_what_is_kept_is_json_and_arrays_and_says_the_same(named):
    from safetensors.numpy import load, save

    rng = np.random.default_rng(4)
    z = rng.normal(size=600)
    x = np.where(rng.random(600) < 1 / (1 + np.exp(-z)), "on", "off")
    model = StructuralModel(mechanisms=named, n_trees=5).fit(TRIANGLE, {"z": z, "x": x, "y": z + (x == "on")})
    data, arrays = model.to_parts()
    again = FittedStructuralModel.from_parts(json.loads(json.dumps(data, allow_nan=False)), load(save(arrays)))
    assert again.sample(200, {"x": "on"}).equals(model.sample(200, {"x": "on"}))
    assert again.verdicts == model.verdicts
    assert again.n == 600


def test_parts_of_no_model_are_refused():
    graph, table = shop(200)
    data, arrays = StructuralModel().fit(graph, table).to_parts()
    with pytest.raises(InputError, match="fit the model again"):
        FittedStructuralModel.from_parts({**data, "format": "other"}, arrays)
    with pytest.raises(InputError, match="no structural model"):
        FittedStructuralModel.from_parts(data, {k: v for k, v in arrays.items() if not k.startswith("1/")})
    bad = {**arrays, "2/coef": np.ones((7, 1))}
    with pytest.raises(InputError, match="no structural model"):
        FittedStructuralModel.from_parts(data, bad)


def test_mechanisms_must_be_those_of_the_graph():
    with pytest.raises(InputError, match="other causes than the graph"):
        FittedStructuralModel(CausalGraph.from_edges(["z", "x", "y"]), KNOWN.variables, KNOWN.mechanisms)
    with pytest.raises(InputError, match="no mechanism or no variable for y"):
        FittedStructuralModel(TRIANGLE, KNOWN.variables, {n: KNOWN.mechanisms[n] for n in "zx"})


def test_a_long_chain_needs_no_deep_stack():
    names = [f"v{i:04}" for i in range(600)]
    edges = dict.fromkeys(pairwise(names), 1.0)
    model = by_hand(edges, CausalGraph.from_edges(names, directed=list(edges)))
    assert np.isclose(model.ate(names[0], names[-1], arms=(0.0, 1.0), n=2).value, 1)
