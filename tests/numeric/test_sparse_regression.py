import numpy as np
import pytest
from sklearn.linear_model import ElasticNet

from dorec.numeric.sparse_regression import elastic_net_columns, local_ridge_columns


@pytest.fixture
def entries():
    rng = np.random.default_rng(0)
    return (rng.random((200, 12)) < 0.3).astype(float)


def others(m):
    return np.array([[j for j in range(m) if j != i] for i in range(m)])


@pytest.mark.parametrize(("l1", "l2"), [(0.1, 1.0), (2.0, 5.0), (10.0, 0.5), (1e3, 0.0)])
def test_elastic_net_equals_scikit_learns(entries, l1, l2):
    n, m = entries.shape
    weights = elastic_net_columns(entries.T @ entries, others(m), l1=l1, l2=l2, tolerance=1e-10, max_passes=5000)
    for i in range(m):
        rest = entries[:, others(m)[i]]
        peer = ElasticNet(
            alpha=(l1 + l2) / n, l1_ratio=l1 / (l1 + l2), positive=True, fit_intercept=False, tol=1e-12, max_iter=50_000
        ).fit(rest, entries[:, i])
        np.testing.assert_allclose(weights[i], peer.coef_, atol=1e-6)


def test_only_candidates_get_weights(entries):
    near = np.array([[1, 2, -1]] * 12)
    weights = elastic_net_columns(entries.T @ entries, near, l1=0.0, l2=1.0)
    assert (weights[:, 2] == 0).all()
    assert (weights[3:, :2] > 0).any()


@pytest.mark.parametrize("threads", [1, 2])
def test_local_ridge_is_ridge_on_the_nearest(entries, threads):
    gram = entries.T @ entries
    near = others(12)
    dots = np.take_along_axis(gram, near, axis=1)
    weights = local_ridge_columns(near, dots, np.diag(gram).copy(), k=5, reg=3.0, threads=threads)
    for i in range(12):
        mine = near[i, :5]
        expected = np.linalg.solve(gram[np.ix_(mine, mine)] + 3.0 * np.eye(5), gram[mine, i])
        np.testing.assert_allclose(weights[i], expected, atol=1e-10)


def test_columns_without_neighbours_have_no_weights():
    near = np.array([[-1, -1], [0, -1], [-1, -1]])
    weights = local_ridge_columns(near, np.zeros((3, 2)), np.ones(3), k=2, reg=1.0)
    assert (weights == 0).all()
