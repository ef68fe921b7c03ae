import numpy as np
from scipy import stats

from dorec.numeric.pairwise_contrasts import contrast_errors, contrast_quantile, front_probability, not_dominated


def test_the_quantile_is_tukeys() -> None:
    for k in (2, 4, 8):
        range_ = stats.studentized_range.ppf(0.95, k, np.inf) / np.sqrt(2)
        assert abs(contrast_quantile(np.eye(k), k, 0.95, n_draws=40_000) - range_) < 0.05


def test_what_all_share_leaves_no_error() -> None:
    shared = np.ones((3, 3)) + np.diag([0.0, 0.0, 1.0])
    np.testing.assert_allclose(contrast_errors(shared, 3)[:, :, 0], [[0, 0, 1], [0, 0, 1], [1, 1, 0]])


def test_errors_of_several_aims_are_those_of_the_differences() -> None:
    rng = np.random.default_rng(0)
    draws = rng.normal(size=(50_000, 6)) @ rng.normal(size=(6, 6))
    found = contrast_errors(np.cov(draws.T), 3)
    by_hand = [
        [[(draws[:, 2 * a + j] - draws[:, 2 * b + j]).std() for j in (0, 1)] for b in range(3)] for a in range(3)
    ]
    np.testing.assert_allclose(found, by_hand, atol=1e-3)


def test_the_front_is_that_of_the_definition() -> None:
    values = np.random.default_rng(1).integers(0, 4, (40, 7, 2)).astype(float)
    for batch, front in zip(values, not_dominated(values), strict=True):
        by_hand = [not any((o >= v).all() and (o > v).any() for o in batch) for v in batch]
        assert front.tolist() == by_hand


def test_two_equals_share_the_front() -> None:
    assert abs(front_probability(np.zeros((2, 1)), np.eye(2), n_draws=20_000)[0] - 0.5) < 0.02
