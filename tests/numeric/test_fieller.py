import numpy as np
import pytest

from dorec.numeric.fieller import fieller_set


@pytest.mark.parametrize("bottom", [1.0, 0.3, 0.15, 0.02, 0.0, -0.4])
@pytest.mark.parametrize("top", [2.0, 0.1, 0.0, -1.0])
@pytest.mark.parametrize("together", [0.0, 0.006, -0.008])
def test_the_set_is_what_the_test_accepts_point_by_point(top: float, bottom: float, together: float) -> None:
    covariance = np.array([[0.01, together], [together, 0.01]])
    found = fieller_set(top, bottom, covariance, 1.96)
    for r in np.linspace(-60, 60, 301).tolist():
        variance = 0.01 - 2 * r * together + r**2 * 0.01
        accepted = (top - r * bottom) ** 2 <= 1.96**2 * variance
        near = any(abs(r - end) < 1e-6 for one in found for end in one)
        assert near or accepted == any(a <= r <= b for a, b in found)


def test_an_exact_denominator_gives_the_plain_interval() -> None:
    (low, high), = fieller_set(2.0, 0.5, np.diag([0.04, 0.0]), 2.0)  # fmt: skip
    assert (low, high) == pytest.approx((3.2, 4.8))


def test_scale_does_not_matter() -> None:
    covariance = np.array([[0.01, 0.002], [0.002, 0.02]])
    base = fieller_set(2.0, 0.9, covariance, 1.96)
    big = fieller_set(2e9, 0.9, covariance * np.outer([1e9, 1.0], [1e9, 1.0]), 1.96)
    assert np.allclose(np.array(big) / 1e9, base)
