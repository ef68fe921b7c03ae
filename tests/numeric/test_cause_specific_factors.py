"""Steps of interest and conformity against the gradient of what the paper writes down."""

import numpy as np
import pytest

from dorec.numeric.cause_specific_factors import cause_specific_epoch

LADDER = (np.array([0, 1]), np.array([0, 1]), np.array([1, 2]))  # item 1 is the more popular of two


@pytest.mark.parametrize("taken", [0, 1])
def test_a_step_goes_up_the_likelihood_that_the_paper_writes_down(taken):
    """One interaction, one rival: the step is the gradient, by differences."""
    rng = np.random.default_rng(0)
    start = [tuple(rng.normal(size=shape) for shape in ((1, 3), (2, 3))) for _ in range(2)]
    rate, cause, apart = 1e-6, 0.3, 0.2

    def gain(flat):
        (u, y), (v, z) = _unflat(flat)
        i, j = taken, 1 - taken
        by_interest, by_conformity = (x[0] @ (w[i] - w[j]) for x, w in ((u, y), (v, z)))
        popular = j == 1
        own = np.log(_sigmoid(by_interest)) if popular else 0.0
        other = np.log(_sigmoid(-by_conformity if popular else by_conformity))
        distance = 0.5 * (((u - v) ** 2).mean() + ((y - z) ** 2).mean(axis=1).sum())
        return np.log(_sigmoid(by_interest + by_conformity)) + cause * (own + other) + apart * distance

    made = [tuple(side.copy() for side in pair) for pair in start]
    steps = (np.array([0]), np.array([0]), np.array([taken]))
    history = (np.array([0, 1]), np.array([taken]))
    cause_specific_epoch(steps, history, LADDER, (made[0], made[1]), np.array([rate, 0.0, cause, apart]), rng)
    before, after = _flat(start), _flat(made)
    slope = [(gain(before + e) - gain(before - e)) / 2e-5 for e in 1e-5 * np.eye(len(before))]
    np.testing.assert_allclose((after - before) / rate, slope, atol=1e-4)


def _sigmoid(x):
    return 1 / (1 + np.exp(-x))


def _flat(causes):
    return np.concatenate([side.ravel() for pair in causes for side in pair])


def _unflat(flat):
    a, b, c, d = np.split(flat, [3, 9, 12])
    return (a.reshape(1, 3), b.reshape(2, 3)), (c.reshape(1, 3), d.reshape(2, 3))
