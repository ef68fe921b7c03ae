"""A fitted average effect as arrays for effects given covariates: canonical order, and each arm centred."""

from dataclasses import dataclass

import numpy as np

from dorec.estimate.aipw import AIPW, AIPWModel
from dorec.numeric.arrays import FloatArray, IntArray

DEFAULT_AVERAGE = AIPW()


@dataclass(frozen=True, kw_only=True, eq=False)
class Ordered:
    """Units in the order of their keys and columns in the order of their names, with out-of-fold nuisances."""

    order: IntArray  # (n,): row of the study at each place
    columns: IntArray  # (p,): column of the study at each place
    X: FloatArray  # (n, p)
    y: FloatArray  # (n,)
    arm: IntArray  # (n,)
    propensity: FloatArray  # (n, k)
    outcome: FloatArray  # (n, k)
    score: FloatArray  # (n, k) doubly robust outcomes
    folds: IntArray  # (n,)
    weight: FloatArray | None  # (n,) averaging one
    group: IntArray  # (n,) codes in the order in which groups appear

    def restore(self, values: FloatArray) -> FloatArray:
        """Values (n, ...) in the study's own row order."""
        out = np.empty_like(values)
        out[self.order] = values
        return out

    @property
    def mass(self) -> FloatArray:
        """Weights (n,), ones where the study has none."""
        return np.ones(len(self.y)) if self.weight is None else self.weight


@dataclass(frozen=True, kw_only=True, eq=False)
class Centred:
    """The units of one arm and of the reference, less what covariates predict (Robinson 1988, doi:10.2307/1912705)."""

    rows: IntArray  # (m,) places among the ordered units
    w: FloatArray  # (m,) 1 in the arm, 0 in the reference, less the chance to be in the arm
    y: FloatArray  # (m,) outcome less its mean given covariates


def in_order(model: AIPWModel) -> Ordered:
    """The arrays of a fitted average effect, so that no result depends on how the table was sorted."""
    study, units, nuisances = model.study, model.units, model.nuisances
    order = np.argsort(units.keys, kind="stable")
    columns = np.array(sorted(range(study.covariates.shape[1]), key=lambda j: study.covariate_names[j]), dtype=np.int64)
    group = np.arange(study.n)
    if units.groups is not None:
        _, first, code = np.unique(units.groups[order], return_index=True, return_inverse=True)
        group = np.asarray(np.argsort(np.argsort(first))[code], dtype=np.int64)
    return Ordered(
        order=order,
        columns=columns,
        X=np.ascontiguousarray(study.covariates[order][:, columns]),
        y=study.outcome[order],
        arm=study.treatment[order],
        propensity=np.asarray(nuisances.propensity)[order],
        outcome=nuisances.outcome[order],
        score=model.pseudo_outcomes[order],
        folds=nuisances.folds[order],
        weight=None if study.weight is None else study.weight[order] / study.weight.mean(),
        group=group,
    )


def centred(units: Ordered, arm: int) -> Centred:
    """Residuals of treatment and outcome among the units of one arm and the reference.

    Given covariates, the effect among these units is the effect among all, so every arm is a question of two arms.
    """
    rows = np.flatnonzero((units.arm == arm) | (units.arm == 0))
    pair = units.propensity[rows][:, [0, arm]]
    share = pair[:, 1] / pair.sum(axis=1)
    mean = (1.0 - share) * units.outcome[rows, 0] + share * units.outcome[rows, arm]
    return Centred(rows=rows, w=(units.arm[rows] == arm) - share, y=units.y[rows] - mean)
