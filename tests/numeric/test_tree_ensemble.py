import numpy as np
import pytest
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor

from dorec.numeric.tree_ensemble import TreeEnsemble

rng = np.random.default_rng(0)
X = rng.normal(size=(1_500, 3))
X[:, 2] = rng.integers(0, 2, 1_500)
Y = np.sin(2 * X[:, 0]) + X[:, 1] * X[:, 2]


def grown(levels=None, **settings):
    if levels is None:
        return HistGradientBoostingRegressor(max_iter=20, **settings).fit(X, Y)
    return HistGradientBoostingClassifier(max_iter=20).fit(X, np.digitize(Y, np.linspace(-1, 1, levels - 1)))


@pytest.mark.parametrize("levels", [None, 2, 4])
def test_predictions_are_those_of_scikit_learn(levels):
    model = grown(levels)
    new = np.random.default_rng(1).normal(size=(800, 3)) * 2
    expected = model.predict(new) if levels is None else model.decision_function(new)
    trees = TreeEnsemble.from_boosting(model, X[:50])
    assert np.allclose(trees.predict(new), expected.reshape(800, -1), atol=1e-12)
    again = TreeEnsemble.from_arrays(trees.arrays(), 3)
    assert np.array_equal(again.predict(new), trees.predict(new))


def test_a_layout_that_is_read_wrongly_is_noticed():
    model = grown()
    model._baseline_prediction = model._baseline_prediction + 1.0
    shifted = grown()
    shifted.predict = lambda x: model.predict(x)
    with pytest.raises(ValueError, match="miss the model's"):
        TreeEnsemble.from_boosting(shifted, X[:10])


@pytest.mark.parametrize(("key", "value"), [("left", 0), ("right", 10**6), ("feature", 7), ("root", -1), ("output", 3)])
def test_arrays_that_are_no_trees_are_refused(key, value):
    arrays = {name: array.copy() for name, array in TreeEnsemble.from_boosting(grown(), X[:10]).arrays().items()}
    arrays[key][0] = value
    with pytest.raises(ValueError, match="no trees"):
        TreeEnsemble.from_arrays(arrays, 3)
