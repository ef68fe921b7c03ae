import numpy as np
import pytest

from dorec.domain.run import RunContext
from dorec.simulate.mechanism_fit import MechanismFit, Rows
from dorec.simulate.mechanisms import AdditiveMechanism, Noise, OddsMechanism, TableMechanism, mechanism_from_parts
from dorec.simulate.predictors import Boosting, Linear, fit_linear, fit_logistic, log_probabilities
from dorec.simulate.variables import Variable

CONTEXT = RunContext(seed=0)
N = 100_000


def test_tables_draw_their_shares():
    table = TableMechanism(("a",), np.array([[0.2, 0.3, 0.5], [1.0, 0.0, 0.0]]), np.array([9.0, 0.0]))
    rng = np.random.default_rng(0)
    drawn = table.draw([np.zeros(N, dtype=int)], N, rng)
    assert np.allclose(np.bincount(drawn) / N, [0.2, 0.3, 0.5], atol=0.01)
    assert (table.draw([np.ones(N, dtype=int)], N, rng) == 0).all()
    assert table.reaches(np.array([0, 0]), [np.array([0, 1])]).tolist() == [True, False]
    alone = TableMechanism((), np.array([0.25, 0.75]), np.array(4.0))
    assert abs(alone.draw([], N, rng).mean() - 0.75) < 0.01


@pytest.mark.parametrize("scores", [1, 3])
def test_odds_draw_their_shares(scores):
    rng = np.random.default_rng(1)
    odds = OddsMechanism(("x",), (0,), Linear(rng.normal(size=(1, scores)), rng.normal(size=scores)))
    x = np.full(N, 0.7)
    expected = odds.probabilities([x[:1]], 1)[0]
    assert np.isclose(expected.sum(), 1)
    assert np.allclose(np.bincount(odds.draw([x], N, rng)) / N, expected, atol=0.01)


def test_noise_is_what_was_seen():
    rng = np.random.default_rng(2)
    pool = np.sort(rng.exponential(size=1_000))
    drawn = Noise(float(pool.std()), pool).draw(N, rng)
    assert set(drawn) <= set(pool)
    assert abs(drawn.mean() - pool.mean()) < 0.02
    assert Noise(1.0, pool).reaches(np.array([-0.1, pool[3], 100.0])).tolist() == [False, True, False]
    assert Noise(2.0).reaches(np.array([7.9, -8.1])).tolist() == [True, False]


def test_residuals_of_trees_are_not_shrunk():
    rng = np.random.default_rng(3)
    n = 400
    values = {"x": rng.normal(size=n), "y": rng.normal(size=n)}
    rows = Rows({name: Variable(name) for name in values}, values, n)
    how = MechanismFit(boosting=Boosting(max_leaf_nodes=31, min_samples_leaf=5))
    mechanism, _ = how.fit(rows, "y", ("x",), "additive_trees", CONTEXT)
    assert isinstance(mechanism, AdditiveMechanism)
    in_sample = (values["y"] - mechanism.mean([values["x"]], n)).std()
    assert in_sample < 0.8
    assert mechanism.noise.deviation > 1.0


def test_levels_too_rare_for_a_fold_are_kept():
    rng = np.random.default_rng(4)
    x = rng.normal(size=200)
    y = np.where(x > 0, 1, 0)
    y[5] = 2
    rows = Rows({"x": Variable("x"), "y": Variable("y", ("a", "b", "c"))}, {"x": x, "y": y}, 200)
    for kind in ("logistic", "classifier_trees", "auto"):
        mechanism, _ = MechanismFit(boosting=Boosting(n_trees=5)).fit(rows, "y", ("x",), kind, CONTEXT)
        assert mechanism.probabilities([x], 200).shape == (200, 3)


def test_least_squares_and_odds_are_those_of_the_data():
    rng = np.random.default_rng(5)
    x = rng.normal(size=(20_000, 2)) * [1, 100] + [50, 0]
    assert np.allclose(fit_linear(x, x @ [2.0, -0.5] + 3).coef[:, 0], [2, -0.5])
    log_odds = 0.8 * (x[:, 0] - 50) - 0.01 * x[:, 1]
    y = (rng.random(20_000) < 1 / (1 + np.exp(-log_odds))).astype(int)
    line = fit_logistic(x, y, CONTEXT)
    assert np.allclose(line.coef[:, 0], [0.8, -0.01], rtol=0.1)
    assert np.allclose(log_probabilities(line.predict(x))[:, 1], -np.log1p(np.exp(-line.predict(x)[:, 0])))


def test_parts_make_the_same_mechanism():
    x = np.linspace(-1, 1, 9)
    line = AdditiveMechanism(("x",), (0,), Linear(np.array([[2.0]]), np.array([1.0])), Noise(0.5))
    for mechanism in (line, AdditiveMechanism(("x",), (0,), line.predictor, Noise(1.0, x))):
        again = mechanism_from_parts(*mechanism.to_parts())
        assert again.kind == mechanism.kind
        rng = [np.random.default_rng(0) for _ in range(2)]
        assert np.array_equal(again.draw([x], 9, rng[0]), mechanism.draw([x], 9, rng[1]))
    with pytest.raises(ValueError, match="coef is"):
        mechanism_from_parts({**line.to_parts()[0], "widths": [4]}, line.to_parts()[1])
