import numpy as np
import pytest

from dorec.discover.weighted import WeightedSearch, check_at_least, covariance_of
from dorec.domain.errors import ConfigError
from dorec.domain.knowledge import Knowledge

NAMES = ("a", "b", "c")


def search(knowledge=None):
    return WeightedSearch.of(NAMES, np.eye(3), knowledge)


def test_of_a_cycle_the_smallest_weight_is_left_out():
    weights = np.zeros((3, 3))
    weights[0, 1], weights[1, 2], weights[2, 0] = 0.9, -0.8, 0.4
    assert search().graph(weights, 0.3, "test").directed == (("a", "b"), ("b", "c"))


def test_a_required_edge_stands_against_larger_weights():
    weights = np.zeros((3, 3))
    weights[1, 0] = 5.0
    graph = search(Knowledge(required=(("a", "b"),))).graph(weights, 0.3, "test")
    assert graph.directed == (("a", "b"),)


def test_no_way_back_to_what_required_edges_put_first():
    free = search(Knowledge(required=(("a", "b"), ("b", "c")))).free
    assert not free[2, 0]
    assert free[0, 2]


def test_the_covariance_is_that_of_the_rows_in_any_order():
    rng = np.random.default_rng(0)
    matrix = rng.normal(size=(200, 3)) * [1e-3, 1.0, 1e6] + [5.0, 0.0, -3e6]
    covariance = covariance_of(NAMES, matrix)
    assert np.allclose(covariance, np.cov(matrix.T, bias=True), rtol=1e-9)
    assert (covariance == covariance_of(NAMES, matrix[rng.permutation(200)])).all()


def test_bounds():
    check_at_least({"x": 0.0}, 0, strictly=False)
    for values, strictly in (({"x": 0.0}, True), ({"x": float("nan")}, False), ({"x": float("inf")}, False)):
        with pytest.raises(ConfigError, match="x is"):
            check_at_least(values, 0, strictly=strictly)
