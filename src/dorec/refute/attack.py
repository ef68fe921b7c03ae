"""What the attacks share: a smaller study where the full one costs too much, a test of several contrasts at once."""

from dataclasses import replace

import numpy as np
from scipy import stats

from dorec.domain.estimate import Estimate
from dorec.domain.run import RunContext
from dorec.domain.study import Study
from dorec.numeric.arrays import FloatArray, IntArray

DEFAULT_CONTEXT = RunContext()


def at_most(study: Study, max_units: int | None, context: RunContext) -> Study:
    """The study, or a random part of about `max_units` rows, whole clusters together."""
    if max_units is None or study.n <= max_units:
        return study
    return part_of(study, max_units / study.n, context.rng("at most"))


def part_of(study: Study, fraction: float, rng: np.random.Generator) -> Study:
    """A random part of the study without replacement; whole clusters (or repeated units) together."""
    labels = group_codes(study)
    if labels is None:
        keep = rng.permutation(study.n)[: max(2, round(fraction * study.n))]
        return study.take(np.sort(keep))
    n_groups = int(labels.max()) + 1
    chosen = np.zeros(n_groups, dtype=bool)
    chosen[rng.permutation(n_groups)[: max(2, round(fraction * n_groups))]] = True
    return study.take(np.flatnonzero(chosen[labels]))


def group_codes(study: Study) -> IntArray | None:
    """Codes of what must stay together: clusters, else units whose id repeats, else None."""
    labels = study.cluster if study.cluster is not None else study.unit
    if labels is None:
        return None
    levels, codes = np.unique(labels.astype(str) if labels.dtype == object else labels, return_inverse=True)
    return None if len(levels) == study.n else np.asarray(codes, dtype=np.int64)


def wald(value: FloatArray, covariance: FloatArray) -> tuple[float, int]:
    """The squared distance of a vector from 0 in units of its error, and its degrees of freedom."""
    value, covariance = np.atleast_1d(value), np.atleast_2d(covariance)
    rank = int(np.linalg.matrix_rank(covariance, hermitian=True))
    return float(value @ np.linalg.pinv(covariance, hermitian=True) @ value), rank


def chi_square_p(statistic: float, dof: int) -> float:
    """Upper-tail p-value, in [0, 1]; 1 without degrees of freedom."""
    return float(stats.chi2.sf(statistic, dof)) if dof > 0 else 1.0


def values_of(estimate: Estimate) -> FloatArray:
    """The value as a vector (m,)."""
    return np.atleast_1d(np.asarray(estimate.value, dtype=np.float64))


def without_known_propensity(study: Study) -> Study:
    """The study with the arm shares as known propensities where it had known ones: right for a shuffled treatment."""
    if study.propensity is None:
        return study
    share = np.bincount(study.treatment, minlength=len(study.arms)) / study.n
    return replace(study, propensity=np.tile(share, (study.n, 1)))
