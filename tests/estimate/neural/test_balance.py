import numpy as np
import pytest
import torch
from scipy.optimize import linear_sum_assignment
from scipy.spatial.distance import cdist

from dorec.estimate.neural.balance import DISTANCES, imbalance, mmd_linear, mmd_rbf, wasserstein


def samples(shift=0.0, n=24, m=24, seed=0):
    draw = torch.Generator().manual_seed(seed)
    a, b = (torch.randn(k, 3, generator=draw, dtype=torch.float64) for k in (n, m))
    return a, b + shift


def test_transport_costs_what_the_best_assignment_costs_and_a_little_more():
    a, b = samples(1.0)
    cost = cdist(a.numpy(), b.numpy())
    best = cost[linear_sum_assignment(cost)].mean()
    found = float(wasserstein(a, b))
    assert best - 1e-9 <= found <= 1.3 * best


def test_mmd_is_its_definition():
    a, b = samples(0.5, n=5, m=8)
    both = np.vstack([a.numpy(), b.numpy()])
    squares = cdist(both, both, "sqeuclidean")
    kernel = np.exp(-squares / np.sort(squares.ravel())[(squares.size - 1) // 2])
    sign = np.r_[np.full(5, 1 / 5), np.full(8, -1 / 8)]
    assert float(mmd_rbf(a, b)) == pytest.approx(sign @ kernel @ sign, rel=1e-6)
    assert float(mmd_linear(a, b)) == pytest.approx(((a.mean(0) - b.mean(0)) ** 2).sum().item())


@pytest.mark.parametrize("name", DISTANCES)
def test_a_larger_shift_is_farther_and_the_gradient_closes_the_gap(name):
    near, far = (float(DISTANCES[name](*samples(shift))) for shift in (0.5, 2.0))
    assert far > near
    a, b = samples(2.0)
    a.requires_grad_()
    (slope,) = torch.autograd.grad(DISTANCES[name](a, b), a)
    assert float(DISTANCES[name]((a - 0.1 * slope).detach(), b)) < far


@pytest.mark.parametrize("name", DISTANCES)
def test_the_names_of_the_arms_do_not_matter_and_a_missing_arm_costs_nothing(name):
    a, b = samples(1.0, n=7, m=9)
    points, arm = torch.cat([a, b]), torch.tensor([0] * 7 + [1] * 9)
    one, other = imbalance(points, arm, 2, name), imbalance(points, 1 - arm, 2, name)
    assert float(one) == pytest.approx(float(other), rel=0.05)
    assert float(imbalance(points, arm * 0, 2, name)) == 0.0
    assert float(imbalance(points, arm, 3, name)) > 0.0
