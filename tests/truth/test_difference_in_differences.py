"""Difference in differences covers, pointwise and jointly, and its placebo test holds its level."""

import numpy as np
import pytest
from scipy.special import expit

from dorec.domain.panel import Panel
from dorec.estimate.difference_in_differences import DifferenceInDifferences

N, TIMES = 300, 6


def draw(rng: np.random.Generator) -> Panel:
    """Groups start at 2 and 4 or never; trends depend on a covariate, and so does who is treated."""
    x = rng.normal(size=N)
    start = np.where(rng.random(N) < expit(0.7 * x), np.where(rng.random(N) < 0.5, 2, 4), TIMES)
    time = np.arange(TIMES)
    level, noise = rng.normal(size=(N, 1)), np.cumsum(rng.normal(size=(N, TIMES)), axis=1)
    y = level + time + 0.5 * x[:, None] * time + 1.0 * (time >= start[:, None]) + 0.5 * noise
    return Panel(outcome=y, units=np.arange(N), times=time, starts=start, covariates=x[:, None], covariate_names=("x",))


def simulate(reps: int) -> np.ndarray:
    """Error, standard error, whether the band holds everywhere, and the placebo's p, of each repetition."""
    out = []
    for rep in range(reps):
        model = DifferenceInDifferences().fit(draw(np.random.default_rng([11, rep])))
        ate, study = model.ate(), model.event_study()
        lower, upper = study.interval(joint=True)
        truth = np.array([float(int(e) >= 0) for e in study.name])
        inside = abs(ate.value - 1) <= (ate.interval().upper - ate.value)
        band = np.all((lower <= truth) & (truth <= upper))
        out.append((ate.value - 1, ate.std_error, inside, band, ate.verdicts[0].p_value))
    return np.array(out)


@pytest.mark.truth
def test_coverage() -> None:
    error, se, inside, band, p = simulate(400).T
    assert 0.92 <= inside.mean() <= 0.98
    assert 0.92 <= band.mean() <= 0.985
    assert 0.95 <= se.mean() / error.std() <= 1.08
    assert abs(error.mean()) < 3 * error.std() / 20
    assert (p < 0.05).mean() <= 0.08
