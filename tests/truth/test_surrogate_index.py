"""Long-term effects: coverage where the assumptions hold, and what is said where they don't."""

import numpy as np
import pytest
from sklearn.linear_model import LinearRegression, LogisticRegression

from dorec import Study
from dorec.estimate import SurrogateIndex

LEARNER = SurrogateIndex(
    surrogates=("s1", "s2"),
    outcome="y",
    index_model=LinearRegression(),
    outcome_model=LinearRegression(),
    propensity_model=LogisticRegression(),
    sample_model=LogisticRegression(),
)
THROUGH = 0.65  # 0.5 by the first surrogate, 0.3 * 0.5 by the second


def worlds(n: int, rep: int, direct: float = 0.0, treated: bool = False) -> tuple[Study, dict[str, np.ndarray]]:
    """An experiment, and a history whose users differ from its own by 0.3 standard deviations."""
    rng = np.random.default_rng([77, rep])

    def draw(shift: float, arm: np.ndarray) -> dict[str, np.ndarray]:
        x1, x2 = rng.normal(shift, 1, (2, n))
        s1 = 0.5 * arm + 0.6 * x1 + rng.normal(size=n)
        s2 = 0.3 * arm + 0.5 * x2 + rng.normal(size=n)
        y = s1 + 0.5 * s2 + 0.5 * x1 + direct * arm + rng.normal(size=n)
        return {"x1": x1, "x2": x2, "s1": s1, "s2": s2, "y": y, "t": arm}

    here = draw(0.0, rng.integers(0, 2, n))
    there = draw(0.3, (rng.random(n) < 0.4).astype(int) if treated else np.zeros(n))
    experiment = Study.from_table(here, outcome="s1", treatment="t", covariates=["x1", "x2", "s2"])
    return experiment, there if treated else {name: v for name, v in there.items() if name != "t"}


@pytest.mark.truth
def test_coverage() -> None:
    rows = []
    for rep in range(400):
        effect = LEARNER.fit(*worlds(1_000, rep)).ate()
        lower, upper = effect.interval()
        rows.append((effect.value - THROUGH, effect.std_error, lower <= THROUGH <= upper))
    error, spread, held = np.array(rows, dtype=float).T
    print(f"coverage {held.mean():.3f}, mean(se)/sd {spread.mean() / error.std():.3f}, bias {error.mean():.4f}")
    assert 0.92 <= held.mean() <= 0.98
    assert 0.9 < spread.mean() / error.std() < 1.1


@pytest.mark.truth
@pytest.mark.parametrize("direct", [0.0, 0.3])
def test_broken_surrogacy_is_told_and_sound_surrogacy_is_left_alone(direct: float) -> None:
    held, told = [], []
    for rep in range(200):
        model = LEARNER.fit(*worlds(1_000, rep, direct, treated=True))
        lower, upper = model.ate().interval()
        held.append(lower <= THROUGH + direct <= upper)
        told.append(model.verdicts[0].status != "passed")
    print(f"direct effect {direct}: told in {np.mean(told):.3f}, intervals that hold the truth {np.mean(held):.3f}")
    if direct:
        assert np.mean(told) > 0.9
        assert np.mean(held) < 0.2
    else:
        assert np.mean(told) < 0.1
