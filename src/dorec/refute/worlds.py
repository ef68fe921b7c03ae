"""Small worlds whose effect is known, on which an estimator shows whether its interval holds."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

import numpy as np
from scipy.special import expit

from dorec.domain.query import Population
from dorec.domain.study import Study
from dorec.numeric.arrays import BoolArray, FloatArray
from dorec.numeric.rng import generator

TRUTH_DRAWS = 2_000_000


@dataclass(frozen=True)
class EffectWorld:
    """Covariates, the chance to be treated, and the mean outcome in both arms; the outcome is noisy or 0 and 1.

    Example:
        >>> study, world = WORLDS["linear"].draw(500, seed=0), WORLDS["linear"]
        >>> study.n, round(world.truth("all"), 2)
        (500, 1.0)
    """

    name: str
    n_covariates: int
    chance: Callable[[FloatArray], FloatArray]  # (n, p) -> P(treated)
    mean: Callable[[FloatArray, FloatArray], FloatArray]  # (n, p), (n,) of 0 and 1 -> E[outcome]
    binary: bool = False

    def draw(self, n: int, seed: int) -> Study:
        """A study of n units."""
        rng = generator(seed, "effect world", self.name)
        X = rng.normal(size=(n, self.n_covariates))
        t = (rng.random(n) < self.chance(X)).astype(np.float64)
        expected = self.mean(X, t)
        y = (rng.random(n) < expected).astype(np.float64) if self.binary else expected + rng.normal(size=n)
        table = {f"x{j}": X[:, j] for j in range(self.n_covariates)}
        return Study.from_table(
            {**table, "t": t.astype(np.int64), "y": y}, outcome="y", treatment="t", covariates=list(table), control=0
        )

    def truth(self, population: Population = "all") -> float:
        """The average effect in a population, from two million draws of covariates."""
        return _truth(self, population)


@cache
def _truth(world: EffectWorld, population: Population) -> float:
    rng = generator(0, "truth", world.name)
    total = mass = 0.0
    for _ in range(10):
        X = rng.normal(size=(TRUTH_DRAWS // 10, world.n_covariates))
        effect = world.mean(X, np.ones(len(X))) - world.mean(X, np.zeros(len(X)))
        e = world.chance(X)
        h = {"all": np.ones(len(X)), "treated": e, "control": 1.0 - e, "overlap": e * (1.0 - e)}[population]
        total, mass = total + float(h @ effect), mass + float(h.sum())
    return total / mass


def _linear(X: FloatArray, t: FloatArray) -> FloatArray:
    return 1.0 + X[:, 0] + 0.5 * X[:, 1] - 0.5 * X[:, 2] + t * (1.0 + 0.3 * X[:, 0])


def _waves(X: FloatArray, t: FloatArray) -> FloatArray:
    base = np.sin(1.5 * X[:, 0]) + np.abs(X[:, 1]) + 0.5 * X[:, 1] * X[:, 2] + 0.5 * X[:, 3] ** 2
    return np.asarray(base + t * (1.0 + 0.5 * (X[:, 0] > 0)))


def _rare(X: FloatArray, t: FloatArray) -> FloatArray:
    return np.asarray(expit(-3.3 + 0.5 * X[:, 0] - 0.4 * X[:, 1] + 0.5 * t))


WORLDS = {
    world.name: world
    for world in (
        EffectWorld("linear", 5, lambda X: expit(0.6 * X[:, 0] - 0.4 * X[:, 1]), _linear),
        EffectWorld("nonlinear", 10, lambda X: expit(0.7 * np.sin(1.5 * X[:, 0]) + 0.4 * np.abs(X[:, 1])), _waves),
        EffectWorld("5% binary", 5, lambda X: expit(0.5 * X[:, 0] - 0.3 * X[:, 1]), _rare, binary=True),
    )
}
NULL = EffectWorld("no effect", 5, lambda X: np.full(len(X), 0.5), lambda X, t: X[:, 0] + 0.5 * X[:, 1] ** 2)
NO_OVERLAP = EffectWorld("no overlap", 3, lambda X: (X[:, 0] > 0).astype(np.float64), _linear)


def spoiled(study: Study) -> dict[str, Study]:
    """Studies that no estimator may answer, by what is wrong with them."""
    treated: BoolArray = study.treatment == 1
    hole = study.covariates.copy()
    hole[3, 0] = np.nan
    infinite = study.outcome.copy()
    infinite[5] = np.inf
    leak = np.column_stack([study.covariates, 2.0 * study.outcome - 1.0])
    copy = np.column_stack([study.covariates, study.treatment.astype(np.float64)])
    names = (*study.covariate_names, "added")
    few = np.concatenate([np.flatnonzero(~treated), np.flatnonzero(treated)[:2]])
    return {
        "one arm": study.with_columns(treatment=np.zeros(study.n, dtype=np.int64)),
        "missing covariate": study.with_columns(covariates=hole),
        "infinite outcome": study.with_columns(outcome=infinite),
        "outcome among the covariates": study.with_columns(covariates=leak, covariate_names=names),
        "treatment among the covariates": study.with_columns(covariates=copy, covariate_names=names),
        "two treated units": study.take(np.sort(few)),
        "no overlap": NO_OVERLAP.draw(study.n, seed=1),
    }
