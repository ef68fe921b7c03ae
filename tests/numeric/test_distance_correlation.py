import numpy as np

from dorec.numeric.distance_correlation import distance_correlation_test, distances


def p_value(x, y):
    return distance_correlation_test(distances(x), distances(y))[1]


def test_the_level_holds():
    rng = np.random.default_rng(0)
    p = np.array([p_value(*rng.normal(size=(2, 60))) for _ in range(400)])
    assert (p < 0.05).mean() < 0.08


def test_dependence_without_correlation_is_found():
    rng = np.random.default_rng(1)
    x = rng.normal(size=150)
    assert p_value(x, x**2 + 0.3 * rng.normal(size=150)) < 0.01
    assert p_value(np.stack([x, rng.normal(size=150)], axis=1), x * rng.normal(size=150)) < 0.05


def test_it_is_the_unbiased_estimate():
    rng = np.random.default_rng(2)
    c = [distance_correlation_test(distances(x), distances(y))[0] for x, y in rng.normal(size=(500, 2, 30))]
    assert abs(np.mean(c)) < 4 * np.std(c) / np.sqrt(500)


def test_two_samples_are_told_apart_by_their_labels():
    rng = np.random.default_rng(3)
    label = np.repeat([0.0, 1.0], 100)
    same, other = rng.normal(size=200), np.concatenate([rng.normal(size=100), 2 * rng.normal(size=100)])
    assert p_value(same, label) > 0.05
    assert p_value(other, label) < 0.01


def test_constants_and_a_few_rows_say_nothing():
    assert p_value(np.ones(50), np.arange(50.0)) == 1.0
    assert p_value(np.arange(3.0), np.arange(3.0)) == 1.0


def test_distances_are_those_of_rows():
    x = np.random.default_rng(4).normal(size=(20, 3))
    assert np.allclose(distances(x), np.linalg.norm(x[:, None] - x[None], axis=2), atol=1e-7)
