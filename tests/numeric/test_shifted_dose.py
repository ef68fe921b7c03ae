import numpy as np
import pytest

from dorec.numeric.shifted_dose import Surface, movable, shifted_outcomes

GRID = np.linspace(-5, 5, 201)


def world(n: int, wrong: str) -> tuple[np.ndarray, np.ndarray, Surface]:
    """y = x + d + d^2 / 4 with d = x / 2 + noise, and a surface of which one part may be wrong."""
    x, u, e = np.random.default_rng(1).normal(size=(3, n))
    d = 0.5 * x + u
    y = x + d + 0.25 * d**2 + e
    outcome = x[:, None] + GRID + 0.25 * GRID**2
    centre = 0.5 * x[:, None]
    if wrong == "outcome":
        outcome = np.zeros_like(outcome) + y.mean() + 0.4 * GRID
    if wrong == "density":
        centre = np.zeros_like(centre)
    density = np.exp(-0.5 * (GRID - centre) ** 2) / np.sqrt(2 * np.pi)
    return y, d, Surface(GRID, outcome, density)


@pytest.mark.parametrize("wrong", ["", "outcome", "density"])
def test_one_right_part_is_enough(wrong: str) -> None:
    y, d, surface = world(40_000, wrong)
    truth = 0.5 + 0.25 * 0.25  # E[d + .5 + (d + .5)^2 / 4] - E[d + d^2 / 4] with E[d] = 0
    found = shifted_outcomes(y, d, 0.5, surface, (-5.0, 5.0)).mean() - y.mean()
    assert found == pytest.approx(truth, abs=0.04)


def test_no_move_is_what_was() -> None:
    y, d, surface = world(500, "outcome")
    assert shifted_outcomes(y, d, 0.0, surface, (-5.0, 5.0)).mean() == pytest.approx(y.mean(), abs=1e-9)


def test_units_that_would_leave_keep_their_dose() -> None:
    y, d, surface = world(2_000, "")
    stays = ~movable(d, 1.0, -5.0, 1.5)
    exact = np.where(stays, d + 0.25 * d**2, d + 1 + 0.25 * (d + 1) ** 2) - (d + 0.25 * d**2)
    found = shifted_outcomes(y, d, 1.0, surface, (-5.0, 1.5)).mean() - y.mean()
    assert stays.mean() > 0.2
    assert found == pytest.approx(exact.mean(), abs=0.12)
