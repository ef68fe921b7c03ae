"""Expected outcomes against worlds that are known."""

import numpy as np
import pytest
from sklearn.linear_model import LinearRegression, LogisticRegression, RidgeCV

from dorec import CausalGraph, Study
from dorec.domain.errors import ColumnNotFound, InputError, NoOverlap, NoSupport
from dorec.domain.intervention import Intervention
from dorec.estimate import AIPW, DoseResponse, DoubleML
from dorec.intervene.scenario_outcomes import arm_chances
from dorec.intervene.what_if import what_if
from dorec.simulate import StructuralModel

GRAPH = CausalGraph.from_edges(
    ["z", "price", "rank", "y"],
    directed=[("z", "price"), ("z", "rank"), ("z", "y"), ("price", "y"), ("rank", "y")],
)
LINEAR = StructuralModel(mechanisms=dict.fromkeys(("price", "rank", "y"), "linear"))
CHEAPER = Intervention(target="price", kind="shift", value=-0.5, cost=0.1)


def shop(n: int, seed: int = 0) -> dict[str, np.ndarray]:
    rng = np.random.default_rng([11, seed])
    z = rng.normal(size=n)
    price, rank = 0.5 * z + rng.normal(size=(2, n))
    return {"z": z, "price": price, "rank": rank, "y": -price + 0.6 * rank + 1.2 * z + rng.normal(size=n)}


def study(n: int = 600) -> Study:
    rng = np.random.default_rng(3)
    x = rng.normal(size=n)
    t = (rng.random(n) < 1 / (1 + np.exp(-x))).astype(int)
    table = {"x": x, "t": t, "y": x + t * (1 + x) + rng.normal(size=n)}
    return Study.from_table(table, outcome="y", treatment="t", covariates=["x"])


def model() -> object:
    return AIPW(n_folds=2, outcome_model=LinearRegression(), propensity_model=LogisticRegression()).fit(study())


def doses(n: int = 600) -> Study:
    x, u, e = np.random.default_rng(4).normal(size=(3, n))
    d = 0.5 * x + u
    return Study.from_table(
        {"x": x, "d": d, "y": x + d + e}, outcome="y", treatment="d", covariates=["x"], continuous=True
    )


def test_a_structural_model_answers_for_several_variables_at_once() -> None:
    data = shop(400)
    fitted = LINEAR.fit(GRAPH, data)
    both = (Intervention(target="price", value=0.0), Intervention(target="rank", value=0.5, cost=0.2))
    found = what_if(fitted, {"cheaper": CHEAPER, "both": both}, data, outcome="y", learner=LINEAR)
    lower, upper = found.effects.interval(0.99, joint=True)
    truth = np.array([0.5, 0.3 + (data["price"] - 0.6 * data["rank"]).mean()])
    assert ((lower < truth) & (truth < upper)).all()
    assert found.effects.value[0] == pytest.approx(fitted.ate("price", "y", arms=(0.0, -0.5)).value)
    assert found.outcomes.value[0] == pytest.approx(data["y"].mean())
    assert found.net()["cheaper"].value == pytest.approx(found.effects["cheaper"].value - 0.1)
    assert found.costs == (0.1, 0.2)


def test_the_jackknife_is_that_of_a_regression() -> None:
    """The effect of a shift is a coefficient, whose classical standard error is known."""
    data = shop(2_000, 1)
    found = what_if(LINEAR.fit(GRAPH, data), {"cheaper": CHEAPER}, data, outcome="y", learner=LINEAR)
    A = np.column_stack([np.ones(2_000), data["price"], data["rank"], data["z"]])
    classical = 0.5 * np.sqrt(np.linalg.inv(A.T @ A)[1, 1])
    assert found.effects["cheaper"].std_error == pytest.approx(classical, rel=0.45)


def test_without_the_learner_there_is_no_interval() -> None:
    data = shop(300)
    found = what_if(LINEAR.fit(GRAPH, data), CHEAPER, data, outcome="y")
    assert "hand in the learner" in found.effects.no_interval
    assert "no valid interval" in str(found)
    assert found.to_table()[0]["lower"] is None


def test_leaving_the_data_is_flagged_and_beyond_it_refused() -> None:
    data = shop(300)
    fitted = LINEAR.fit(GRAPH, data)
    far = what_if(fitted, {"far": Intervention(target="price", value=3.2)}, data, outcome="y")
    by_model, by_neighbours = far.verdicts["far"]
    assert by_model.code == "beyond_support"
    assert by_neighbours.code == "extrapolation"
    assert by_model.statistic < by_neighbours.statistic == far.to_table()[0]["beyond"] < 1
    near = what_if(fitted, {"near": Intervention(target="price", value=0.5)}, data, outcome="y")
    assert [v.status for v in near.verdicts["near"]] == ["passed"]
    with pytest.raises(NoSupport, match="never seen at all"):
        what_if(fitted, {"beyond": Intervention(target="price", value=50.0)}, data, outcome="y")


def test_arms_are_valued_by_their_scores() -> None:
    fitted = model()
    asked = {
        "all": Intervention(target="t", value=1),
        "those it helps": Intervention(target="t", kind="policy", value=lambda X: (X[:, 0] > -1).astype(int)),
        "half": Intervention(target="t", kind="policy", value={0: 0.5, 1: 0.5}),
    }
    found = what_if(fitted, asked)
    means = fitted.arm_means()
    assert found.outcomes.value[0] == pytest.approx(fitted.study.outcome.mean())
    assert found.outcomes["all"].value == pytest.approx(means.value[1])
    assert found.outcomes["all"].std_error == pytest.approx(means[1].std_error)
    assert found.outcomes["half"].value == pytest.approx(means.value.mean())
    chosen = np.where(fitted.study.covariates[:, 0] > -1, fitted.scores[:, 1], fitted.scores[:, 0])
    assert found.outcomes["those it helps"].value == pytest.approx(chosen.mean())


def test_an_arm_that_such_units_never_had_is_flagged() -> None:
    rng = np.random.default_rng(5)
    x = rng.uniform(-2, 2, 1_000)
    t = np.where(x < -1, 0, rng.integers(0, 2, 1_000))
    plain = Study.from_table({"x": x, "t": t, "y": x}, outcome="y", treatment="t", covariates=["x"])

    class Model:
        study, arms, scores = plain, (0, 1), np.column_stack([x, x + rng.normal(size=1_000)])

        def arm_means(self) -> object:
            from dorec import Estimate

            return Estimate.of_mean(self.scores, name=("0", "1"), sample=plain.sample)

    found = what_if(Model(), {"all": Intervention(target="t", value=1), "none": Intervention(target="t", value=0)})
    assert found.verdicts["all"][0].status == "warning"
    assert found.verdicts["all"][0].statistic == pytest.approx(0.25, abs=0.05)
    assert found.verdicts["none"][0].status == "passed"


def test_doses_move_along_the_curve_and_the_line() -> None:
    asked = {
        "up": Intervention(target="d", kind="shift", value=0.3),
        "at one half": Intervention(target="d", value=0.5),
    }
    plain = LinearRegression()
    slope = what_if(DoubleML(n_folds=2, outcome_model=plain, treatment_model=plain).fit(doses()), asked)
    curve = DoseResponse(n_folds=2, outcome_model=RidgeCV(), treatment_model=plain).fit(doses())
    bent = what_if(curve, asked)
    was = doses().outcome.mean()
    for found in (slope, bent):
        lower, upper = found.effects.interval(0.99)
        assert (lower < [0.3, 0.5 - was + 0.02]).all()
        assert (upper > [0.28, 0.5 - was]).all()
        assert found.effects.std_error[0] < 0.1
    assert bent.verdicts["up"][0].statistic < 0.1
    with pytest.raises(NoOverlap):
        what_if(curve, Intervention(target="d", value=9.0))
    with pytest.raises(NoSupport, match="kept their own"):
        what_if(curve, Intervention(target="d", kind="shift", value=99.0))


@pytest.mark.parametrize(
    ("one", "kind", "says"),
    [
        (Intervention(target="price", value=1), ColumnNotFound, "treatments of the effect model"),
        (Intervention(target="t", kind="shift", value=1), InputError, "can't be shifted"),
        (Intervention(target="t", value=7), InputError, "no arm of t"),
        (Intervention(target="t", kind="policy", value={1: 0.4}), InputError, "no shares of one"),
        (Intervention(target="t", value=np.zeros(3, dtype=int)), InputError, "3 arms for 600 units"),
    ],
)
def test_what_an_effect_model_knows_nothing_of_is_refused(one: Intervention, kind: type, says: str) -> None:
    with pytest.raises(kind, match=says):
        what_if(model(), one)


def test_policies_come_in_many_shapes() -> None:
    s = study()

    class Coin:
        def propensities(self, covariates: np.ndarray) -> np.ndarray:
            return np.full((len(covariates), 2), 0.5)

    chances = [
        arm_chances(Intervention(target="t", kind="policy", value=v), s.arms, s)
        for v in (Coin(), {0: 0.5, 1: 0.5}, lambda X: np.ones(len(X), dtype=int), np.ones(600, dtype=int))
    ]
    np.testing.assert_array_equal(chances[0], chances[1])
    np.testing.assert_array_equal(chances[2], chances[3])


def test_questions_without_sense_are_refused() -> None:
    data = shop(100)
    fitted = LINEAR.fit(GRAPH, data)
    with pytest.raises(InputError, match="the units and the outcome"):
        what_if(fitted, CHEAPER)
    with pytest.raises(ColumnNotFound):
        what_if(fitted, CHEAPER, data, outcome="sold")
    with pytest.raises(InputError, match="no intervention"):
        what_if(fitted, {}, data, outcome="y")
    with pytest.raises(InputError, match="knows one treatment"):
        what_if(model(), {"two": [Intervention(target="t", value=1), Intervention(target="t", value=0)]})
    treated = AIPW(n_folds=2, population="treated", outcome_model=LinearRegression()).fit(study())
    with pytest.raises(InputError, match="population='treated'"):
        what_if(treated, Intervention(target="t", value=1))


@pytest.mark.parametrize(
    "scenarios",
    [
        None,
        3,
        {"a": 3},
        {"a": "mail"},
        {"as it is": Intervention(target="t", value=1)},
        [Intervention(target="t", value=1, cost=1.0), Intervention(target="t", value=1, cost=9.0)],
        {1: Intervention(target="t", value=1), "1": Intervention(target="t", value=0)},
        {"a": Intervention(target="t", kind="policy", value={1: "a"})},
        {"a": Intervention(target="t", kind="policy", value={1: None})},
        {"a": Intervention(target="t", value={1})},
    ],
    ids=repr,
)
def test_scenarios_that_hold_nothing_or_share_a_name_are_refused(scenarios: object) -> None:
    with pytest.raises(InputError):
        what_if(model(), scenarios)


def test_what_is_no_model_is_refused() -> None:
    with pytest.raises(InputError, match="no fitted model"):
        what_if(3, Intervention(target="t", value=1))
