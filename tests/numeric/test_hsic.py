import numpy as np
import pytest

from dorec.numeric.hsic import hsic


def test_it_is_the_trace_of_the_centred_kernels():
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(2, 60))
    y = y + x

    def kernel(v):
        gaps = np.abs(v[:, None] - v[None, :])
        return np.exp(-((gaps / np.median(gaps[np.triu_indices(60, 1)])) ** 2) / 2)

    centre = np.eye(60) - 1 / 60
    expected = np.trace(kernel(x) @ centre @ kernel(y) @ centre) / 60
    assert hsic(x, y)[0] == pytest.approx(expected)


def test_its_size_and_power():
    rng = np.random.default_rng(0)
    p_values = [hsic(*rng.normal(size=(2, 100)))[1] for _ in range(200)]
    assert 0.01 < np.mean(np.array(p_values) < 0.05) < 0.10
    angle = rng.uniform(0, 2 * np.pi, 200)
    assert hsic(np.cos(angle), np.sin(angle))[1] < 1e-3
