"""What a deep learner of effects gives: the average effect by the orthogonal score, effects of units and others."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from dorec.domain.errors import InputError, NoInterval
from dorec.domain.estimate import Estimate, Interval
from dorec.domain.study import Study
from dorec.domain.verdict import Verdict
from dorec.estimate.average_effect import checked_covariates, one_column
from dorec.estimate.neural.cross_fitted import CrossFittedNetworks
from dorec.estimate.scores import ArmMeans
from dorec.numeric.arrays import AnyArray, FloatArray, IntArray


@dataclass(frozen=True, kw_only=True, eq=False)
class DeepEffectModel:
    """Networks trained fold by fold; an `EffectModel`.

    Example:
        >>> from dorec.estimate.neural.tarnet import TARNet
        >>> table = {"x": np.arange(200) % 7, "t": np.arange(200) % 2, "y": np.sin(np.arange(200.0))}
        >>> study = Study.from_table(table, outcome="y", treatment="t", covariates=["x"])
        >>> model = TARNet(n_folds=2, hidden=(4,), head=(4,), epochs=2).fit(study)
        >>> model.method, model.unit_effects.shape, model.ate().name
        ('TARNet', (200,), '1 - 0')
    """

    learner: Any
    method: str
    fitted: CrossFittedNetworks = field(repr=False)
    read: Callable[[AnyArray], IntArray] | None = field(default=None, repr=False)  # tokens (m, l) of units (m,)
    no_interval: str = ""  # why the average effect has none
    estimand: str = ""

    @property
    def study(self) -> Study:
        """The study that was learned from."""
        return self.fitted.average.study

    @property
    def arms(self) -> tuple[Any, ...]:
        """The arms, the reference first."""
        return self.study.arms

    @property
    def means(self) -> ArmMeans:
        """The arm means and their influences."""
        return self.fitted.average.means

    @property
    def scores(self) -> FloatArray:
        """The orthogonal score of each unit and arm, (n, k): its column means are the arm means."""
        return self.fitted.average.scores

    @property
    def verdicts(self) -> tuple[Verdict, ...]:
        """What the fit itself found: overlap, likely leaks, repeated units, units that dominate the influence."""
        return self.fitted.average.verdicts

    def ate(self) -> Estimate:
        """Average effect of each arm against the first, from the orthogonal scores: scalar, or (k - 1,)."""
        return self._named(self.fitted.average.ate())

    def arm_means(self) -> Estimate:
        """Mean outcome had everyone been in each arm, (k,)."""
        return self._named(self.fitted.average.arm_means())

    def segment(self, rows: Any) -> Estimate:
        """Average effect of each arm against the first among some units: a mask or positions."""
        return self._named(self.fitted.average.segment(rows))

    @property
    def unit_effects(self) -> FloatArray:
        """Effect of each of the study's units by the network that has not seen it: (n,), or (n, k - 1)."""
        return one_column(self.fitted.out_of_fold)

    @property
    def unit_outcomes(self) -> FloatArray:
        """Expected outcome of each of the study's units in each arm, (n, k), by the network that has not seen it."""
        return self.fitted.outcome

    def effect(self, covariates: FloatArray, units: AnyArray | None = None) -> FloatArray:
        """Effect given covariates (n, p), the mean of all networks: (n,) for two arms, (n, k - 1) for more.

        Args:
            covariates: in the study's column order.
            units: ids (n,), whose histories are read; for `SequenceEffect` alone, which can't do without.
        """
        X = checked_covariates(self.study, covariates)
        if self.read is None and units is not None:
            raise InputError(
                f"{self.method} reads no histories, so it has no use for the ids of units; leave them out."
            )
        if self.read is not None and (units is None or len(units) != len(X)):
            raise InputError(f"{self.method} reads histories: give the ids of the {len(X):,} units with units=.")
        tokens = None if self.read is None or units is None else self.read(np.asarray(units))
        return one_column(self.fitted.effect(X, tokens))

    def interval(self, covariates: FloatArray, level: float = 0.95) -> Interval:
        """Refused: the effect at a point by a network has no interval that holds."""
        del covariates, level
        raise NoInterval(
            f"the effect at a point, from the networks of {self.method}, has no interval that holds its level",
            remedy="take ate(), `segment` for the average effect of some units, or CausalForest for points",
        )

    def _named(self, estimate: Estimate) -> Estimate:
        named = replace(estimate, method=f"{self.method}, AIPW score", estimand=self.estimand)
        return replace(named, no_interval=self.no_interval) if self.no_interval else named
