import numpy as np
import pytest

from dorec.domain.continuous_feedback import ContinuousFeedback
from dorec.domain.errors import BadPropensity, ConfigError, InputError, NoSupport, NotFinite
from dorec.evaluate import KernelIPS
from dorec.evaluate.kernel_ips import kernel_weights


def draw(seed, n=3_000):
    """Doses around 0.3 x + noise; the reward bends in the dose; the policy doses 0.5 + 0.2 x."""
    rng = np.random.default_rng(seed)
    x = rng.uniform(-1, 1, size=n)
    dose = 0.3 * x + rng.normal(size=n)
    density = np.exp(-((dose - 0.3 * x) ** 2) / 2) / np.sqrt(2 * np.pi)
    reward = np.sin(2 * dose) + x + 0.3 * rng.normal(size=n)
    return ContinuousFeedback(action=dose, reward=reward, density=density), 0.5 + 0.2 * x


TRUTH = float(np.sin(2 * (0.5 + 0.2 * np.linspace(-1, 1, 100_001))).mean())


def test_intervals_cover_though_smoothing_biases():
    made = [KernelIPS().evaluate(*draw(r)) for r in range(60)]
    covered = [e.interval().lower <= TRUTH <= e.interval().upper for e in made]
    assert np.mean(covered) >= 0.87
    assert abs(np.mean([e.value for e in made]) - TRUTH) < np.mean([e.std_error for e in made])


def test_a_bandwidth_that_is_too_wide_says_so():
    made = KernelIPS(bandwidth=2.0).evaluate(*draw(0, n=20_000))
    told = next(v for v in made.verdicts if v.code == "bias_carried")
    assert told.status == "warning"
    assert made.value < TRUTH - 0.1
    assert made.interval().upper > TRUTH


def test_weights_average_one():
    log, chosen = draw(1, n=40_000)
    assert kernel_weights(log, chosen, 0.3).mean() == pytest.approx(1.0, abs=0.05)


def test_what_cannot_be_answered_is_refused():
    log, chosen = draw(2, n=200)
    with pytest.raises(NoSupport, match="no logged action"):
        KernelIPS(bandwidth=0.1).evaluate(log, chosen + 50)
    with pytest.raises(InputError, match="actions"):
        KernelIPS().evaluate(log, chosen[:5])
    with pytest.raises(ConfigError, match="bandwidth"):
        KernelIPS(bandwidth=0.0)
    with pytest.raises(BadPropensity, match="row 3"):
        ContinuousFeedback(action=np.ones(5), reward=np.ones(5), density=np.array([1, 1, 1, 0, 1.0]))
    with pytest.raises(NotFinite, match="row 1"):
        ContinuousFeedback(action=np.ones(2), reward=np.array([0, np.nan]), density=np.ones(2))
    few = KernelIPS(bandwidth=0.05).evaluate(log, chosen)
    assert "effective rows" in few.no_interval
