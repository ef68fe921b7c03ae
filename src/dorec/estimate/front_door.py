"""The front-door estimator: the effect of a treatment followed through mediators that carry all of it."""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from dorec.domain.errors import ColumnNotFound, InputError, NoOverlap
from dorec.domain.run import RunContext
from dorec.domain.study import Study
from dorec.estimate.average_effect import AverageEffectModel, check_arms_of, weight_of
from dorec.estimate.cross_fitting import canonical, units_of
from dorec.estimate.diagnostics import overlap_of
from dorec.estimate.scores import ArmMeans
from dorec.numeric.arrays import FloatArray, IntArray
from dorec.numeric.neighbours import cells_of

DEFAULT_CONTEXT = RunContext()
MAX_LEVELS = 50


@dataclass(frozen=True, kw_only=True)
class FrontDoor:
    """Effects by the front-door formula (Pearl 1995, doi:10.1093/biomet/82.4.669), mediators of few levels.

    Σ_m P(m | x) Σ_x' E[y | x', m] P(x') from shares and means of cells; the standard error is that of the efficient
    influence (Fulcher et al. 2020, doi:10.1111/rssb.12345). The mediators stand among the study's covariates; the other
    covariates are not used.

    Args:
        mediators: columns that carry the whole effect; together of at most 50 levels.
        min_per_cell: units that each level must have in each arm.

    Example:
        >>> rng = np.random.default_rng(0)
        >>> hidden = rng.random(5000)
        >>> x = (rng.random(5000) < hidden).astype(int)
        >>> m = (rng.random(5000) < 0.2 + 0.6 * x).astype(int)
        >>> table = {"x": x, "m": m, "y": m + 2 * hidden + rng.normal(size=5000)}
        >>> study = Study.from_table(table, outcome="y", treatment="x", covariates=["m"])
        >>> effect = FrontDoor(mediators=("m",)).fit(study).ate()
        >>> abs(effect.value - 0.6) < 3 * effect.std_error
        True
    """

    mediators: tuple[str, ...]
    min_per_cell: int = 5

    def __post_init__(self) -> None:
        if not self.mediators:
            raise InputError("A front door needs at least one mediator.")

    def fit(self, study: Study, *, context: RunContext = DEFAULT_CONTEXT) -> AverageEffectModel:
        """Cells, arm means and diagnostics of a study.

        Raises:
            ColumnNotFound: a mediator is not among the study's covariates.
            InputError: the mediators have more than 50 levels.
            NoOverlap: a level of the mediators has too few units in an arm.
            NotFinite, OneArm, ArmTooSmall, LeakedOutcome, LeakedTreatment: the table can't be used.
        """
        units = units_of(study)
        check_arms_of(study, units, 2 * self.min_per_cell)
        level, n_levels = self._levels(study)
        self._check_cells(study, level, n_levels)
        weight = weight_of(study)
        cells = _cells(study.outcome, study.treatment, level, weight, (len(study.arms), n_levels))
        means = through_cells(study.outcome, study.treatment, level, weight, cells)
        at = canonical(study, units, n_folds=2, repeat=0, context=context)
        share = np.tile(cells.arm, (study.n, 1))
        return AverageEffectModel(
            learner=self,
            method="front door",
            study=study,
            varies=False,
            units=units,
            means=means,
            pseudo_outcomes=means.value + means.influence,
            folds=at.restored(at.fit.folds),
            overlap=overlap_of(share, study.treatment, study.arms, np.zeros(len(study.arms))),
            context=context,
        )

    def _levels(self, study: Study) -> tuple[IntArray, int]:
        source = [study.source_of.get(name, name) for name in study.covariate_names]
        for name in self.mediators:
            if name not in source:
                raise ColumnNotFound(name, sorted(set(source)), where="the covariates of the study")
        cells = cells_of(study.covariates[:, [j for j, name in enumerate(source) if name in self.mediators]])
        if len(cells.points) > MAX_LEVELS:
            raise InputError(
                f"The mediators {', '.join(self.mediators)} have {len(cells.points):,} levels together, "
                f"at most {MAX_LEVELS} can be counted; bin them."
            )
        return cells.of, len(cells.points)

    def _check_cells(self, study: Study, level: IntArray, n_levels: int) -> None:
        counts = np.zeros((len(study.arms), n_levels), dtype=np.int64)
        np.add.at(counts, (study.treatment, level), 1)
        if counts.min() < self.min_per_cell:
            arm = int(counts.min(axis=1).argmin())
            raise NoOverlap(
                f"a level of {', '.join(self.mediators)} has {counts.min()} units in arm {study.arms[arm]!r}; the "
                f"front door compares arms within each level and needs {self.min_per_cell}",
                remedy="merge rare levels of the mediators, or collect more units",
                evidence={"units": counts.tolist(), "min_per_cell": self.min_per_cell},
            )


class Cells(NamedTuple):
    """What the front-door formula is made of."""

    arm: FloatArray  # (k,) P(arm)
    level: FloatArray  # (k, l) P(level | arm)
    mean: FloatArray  # (k, l) E[outcome | arm, level]


def _cells(y: FloatArray, arm: IntArray, level: IntArray, weight: FloatArray, shape: tuple[int, int]) -> Cells:
    mass, total = np.zeros(shape), np.zeros(shape)
    np.add.at(mass, (arm, level), weight)
    np.add.at(total, (arm, level), weight * y)
    return Cells(mass.sum(axis=1) / mass.sum(), mass / mass.sum(axis=1, keepdims=True), total / mass)


def through_cells(y: FloatArray, arm: IntArray, level: IntArray, weight: FloatArray, cells: Cells) -> ArmMeans:
    """Arm means by the front-door formula and their efficient influences, from the cells of the same units.

    Args:
        y: outcome (n,); arm, level: codes (n,); weight: of each unit (n,), averaging one.
    """
    pooled = cells.arm @ cells.mean  # Σ_x' E[y | x', m] P(x'), (l,)
    value = cells.level @ pooled
    influence = np.empty((len(y), len(value)))
    residual = y - cells.mean[arm, level]
    for a in range(len(value)):
        moved = cells.level[a, level] / cells.level[arm, level] * residual
        carried = (arm == a) / cells.arm[a] * (pooled[level] - value[a])
        others = (cells.mean @ cells.level[a])[arm] - value[a]
        influence[:, a] = weight * (moved + carried + others)
    return ArmMeans(value, influence)
