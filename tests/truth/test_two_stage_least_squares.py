"""Two-stage least squares and LIML cover, and the Anderson-Rubin set does however weak the instruments are."""

import numpy as np
import pytest

from dorec import Study
from dorec.estimate import TwoStageLeastSquares
from dorec.refute import DESIGN_WORLDS, coverage_of

INSTRUMENTED = [name for name in DESIGN_WORLDS if name.startswith("instrument")]


@pytest.mark.truth
@pytest.mark.parametrize("method", ["2sls", "liml"])
@pytest.mark.parametrize("name", INSTRUMENTED)
def test_intervals_hold(name: str, method: str) -> None:
    [counted] = coverage_of(TwoStageLeastSquares(method=method), DESIGN_WORLDS[name], repetitions=400)
    print(f"{method}, {name}: coverage {counted.covered:.3f}, se / sd {counted.se_over_sd:.2f}")
    assert counted.given > 0.99
    assert 0.92 <= counted.covered <= 0.98
    assert 0.93 <= counted.se_over_sd <= 1.07  # two Monte-Carlo errors beside 5%


def drawn(strength: float, seed: int, n: int = 500) -> Study:
    """A dose of effect 1, one instrument of some strength, errors that differ in spread."""
    rng = np.random.default_rng([9, seed])
    x, z, u, e = rng.normal(size=(4, n))
    d = strength * z + 0.5 * x + u + rng.normal(size=n)
    y = d + x + u + (0.5 + 0.5 * np.abs(z)) * e
    return Study.from_table(
        {"x": x, "z": z, "d": d, "y": y},
        outcome="y", treatment="d", covariates=["x"], instruments=["z"], continuous=True,
    )  # fmt: skip


@pytest.mark.truth
@pytest.mark.parametrize("strength", [0.0, 0.05, 0.3])
def test_the_anderson_rubin_set_holds_the_truth(strength: float) -> None:
    held = shown = 0
    for seed in range(1_000):
        model = TwoStageLeastSquares().fit(drawn(strength, seed))
        held += any(a <= 1.0 <= b for a, b in model.anderson_rubin())
        shown += not model.ate().no_interval
    print(f"strength {strength}: Anderson-Rubin {held / 1_000:.3f}, Wald intervals given {shown / 1_000:.2f}")
    assert 0.93 <= held / 1_000 <= 0.97
    assert (shown / 1_000 > 0.95) if strength == 0.3 else (shown / 1_000 < 0.02)
