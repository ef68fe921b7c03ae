import numpy as np
import pytest

from dorec import Dataset
from dorec.domain.errors import ConfigError, InputError, TooLarge
from dorec.recommend import EASE
from dorec.recommend.ease import ease_weights


def test_weights_equal_the_closed_form(tastes):
    x = (tastes.matrix.toarray() > 0).astype(float)
    inverse = np.linalg.inv(x.T @ x + 7.0 * np.eye(x.shape[1]))
    expected = -inverse / np.diag(inverse)
    np.fill_diagonal(expected, 0.0)
    scorer = EASE(reg=7.0).fit(tastes)
    np.testing.assert_allclose(scorer.model.weights, expected, atol=1e-6)
    np.testing.assert_allclose(scorer.score(np.arange(60)), x @ expected, atol=1e-5)


def test_each_column_is_a_ridge_regression_on_the_others(tastes):
    x = (tastes.matrix.toarray() > 0).astype(float)
    others = np.delete(x, 3, axis=1)
    ridge = np.linalg.solve(others.T @ others + 7.0 * np.eye(others.shape[1]), others.T @ x[:, 3])
    weights = EASE(reg=7.0).fit(tastes).model.weights
    np.testing.assert_allclose(np.delete(weights[:, 3], 3), ridge, atol=1e-6)


def test_too_many_items_are_refused_with_the_memory_and_a_way_out(tastes):
    with pytest.raises(
        TooLarge, match=r"40 items needs .* GB .*max_items is 10.*Remedy: use ALS or ItemKNN"
    ) as refusal:
        EASE(max_items=10).fit(tastes)
    assert refusal.value.evidence == {"n_items": 40, "max_items": 10, "bytes": 12 * 40**2}


@pytest.mark.parametrize("settings", [{"reg": 0.0}, {"reg": float("nan")}, {"max_items": 0}, {"weighting": "logs"}])
def test_settings_out_of_bounds_are_refused(settings):
    with pytest.raises(ConfigError, match=next(iter(settings))):
        EASE(**settings)


def test_an_indefinite_matrix_is_refused():
    with pytest.raises(InputError, match="raise reg"):
        ease_weights(np.array([[1.0, 5.0], [0.0, 1.0]]), reg=0.1)


def test_weighting_log_counts_repeats_but_less_than_raw():
    rows = {"u": [1, 1, 1, 1, 2], "i": [7, 7, 7, 8, 7]}
    data = Dataset.from_interactions(rows, user="u", item="i")
    scores = {w: EASE(reg=1.0, weighting=w).fit(data).score(np.array([0]))[0, 1] for w in ("binary", "log", "raw")}
    assert len({round(s, 6) for s in scores.values()}) == 3
