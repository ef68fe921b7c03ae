"""How often an interval holds: an estimator over many samples of a world whose effect is known."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from dorec.domain.errors import InputError, Refusal
from dorec.domain.estimate import Estimate
from dorec.domain.query import Population
from dorec.domain.run import RunContext
from dorec.numeric.arrays import FloatArray

DEFAULT_CONTEXT = RunContext()
LEVEL = 0.95


class World(Protocol):
    """What samples come from, and what is true in it."""

    @property
    def name(self) -> str:
        """What it is called."""
        ...

    def draw(self, n: int, seed: int) -> Any:
        """What the estimator is fitted on: a study, or a panel, of n units."""
        ...

    def truth(self, population: Population = "all") -> float | FloatArray:
        """The effect in a population, or (k,) effects where the estimator gives several."""
        ...


@dataclass(frozen=True, kw_only=True)
class Coverage:
    """What was counted over the samples of a world, for one effect.

    Example:
        >>> counted = Coverage(effect="1 - 0", world="linear", n=500, repetitions=400, truth=1.0, bias=0.01, sd=0.1,
        ...                    std_error=0.1, covered=0.94, given=0.5)
        >>> counted.se_over_sd, round(counted.misled, 3)
        (1.0, 0.03)
    """

    effect: str
    world: str
    n: int
    repetitions: int
    truth: float
    bias: float  # mean of the estimates less the truth
    sd: float  # of the estimates
    std_error: float  # its mean over the samples that gave an interval; NaN where none did
    covered: float  # share of the 95% intervals given that hold the truth; NaN where none was given
    given: float  # share of the samples that gave an interval

    @property
    def se_over_sd(self) -> float:
        """The mean standard error over the spread of the estimates: 1 where it is honest."""
        return self.std_error / self.sd if self.sd > 0 else np.inf

    @property
    def misled(self) -> float:
        """Share of all samples that gave an interval without the truth in it."""
        return self.given * (1.0 - self.covered) if self.given > 0 else 0.0


def coverage_of(
    learner: Any,
    world: World,
    *,
    n: int = 1000,
    repetitions: int = 400,
    population: Population = "all",
    answer: Callable[[Any], Estimate] = lambda model: model.ate(),
    context: RunContext = DEFAULT_CONTEXT,
) -> tuple[Coverage, ...]:
    """Fit an estimator on many samples of a world and count how often its 95% intervals hold the truth.

    Args:
        learner: what has `fit(sample, context=...)`.
        world: one of `WORLDS` or `DESIGN_WORLDS`, or your own.
        n: units of a sample.
        repetitions: samples; with 400 coverage is known to 1.1 points, with 2,000 to half a point.
        population: whose effect the learner estimates.
        answer: what is asked of the fitted model, where it is not `ate()`.
        context: seed of the samples, progress, and the engine that runs the fits.

    Returns:
        One count for each effect that the answer holds.

    Raises:
        InputError: the learner refused every sample; a single refusal counts as a sample without interval.

    Example:
        >>> from dorec.estimate import RegressionAdjustment
        >>> from dorec.refute.worlds import WORLDS
        >>> [counted] = coverage_of(RegressionAdjustment(), WORLDS["linear"], n=300, repetitions=20)
        >>> counted.effect, counted.covered >= 0.8
        ('1 - 0', True)
    """
    truth = np.atleast_1d(world.truth(population))
    found: list[Estimate] = []
    last: Refusal | None = None
    for i in context.track(range(repetitions), f"samples of {world.name}", repetitions):
        try:
            found.append(answer(learner.fit(world.draw(n, seed=sample_seed(context, i)), context=context)))
        except Refusal as refusal:
            last = refusal
    if not found:
        raise InputError(f"Every sample of the world {world.name!r} was refused, the last one so: {last}")
    parts = [estimate.scalars() for estimate in found]
    if len(parts[0]) != len(truth):
        raise InputError(f"The estimator gives {len(parts[0])} effects, the world {world.name!r} knows {len(truth)}.")
    return tuple(
        _counted([part[k] for part in parts], world.name, n, repetitions, float(truth[k])) for k in range(len(truth))
    )


def sample_seed(context: RunContext, i: int) -> int:
    """The seed of sample i."""
    return 100_003 * context.seed + i


def _counted(estimates: list[Estimate], world: str, n: int, repetitions: int, truth: float) -> Coverage:
    values = np.array([float(e.value) for e in estimates])
    given = [e for e in estimates if not e.no_interval]
    bounds = np.array([e.interval(LEVEL) for e in given]).reshape(-1, 2)
    inside = (bounds[:, 0] <= truth) & (truth <= bounds[:, 1])
    return Coverage(
        effect=str(estimates[0].name),
        world=world,
        n=n,
        repetitions=repetitions,
        truth=truth,
        bias=float(values.mean() - truth),
        sd=float(values.std(ddof=1)) if len(values) > 1 else 0.0,
        std_error=float(np.mean([float(e.std_error) for e in given])) if given else np.nan,
        covered=float(inside.mean()) if given else np.nan,
        given=len(given) / repetitions,
    )
