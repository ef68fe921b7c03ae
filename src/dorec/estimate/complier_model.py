"""The effect on compliers, who they are and how many, from doubly robust scores of an instrument's effects."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np
from scipy import stats

from dorec.domain.errors import ColumnNotFound, InputError, NoInterval, WeakInstrument
from dorec.domain.estimate import Estimate, Interval
from dorec.domain.run import RunContext
from dorec.domain.study import Study
from dorec.domain.verdict import Verdict
from dorec.estimate.average_effect import few_clusters_dof, weight_of
from dorec.estimate.cross_fitting import Units
from dorec.estimate.diagnostics import Overlap, influence_verdict, repeated_verdicts
from dorec.estimate.instrument_model import strength_verdict, without_interval
from dorec.numeric.arrays import FloatArray, IntArray
from dorec.numeric.fieller import fieller_set


@dataclass(frozen=True, kw_only=True, eq=False)
class ComplierModel:
    """What `InteractiveIV` learned from a study.

    Example:
        >>> from dorec.estimate.interactive_iv import InteractiveIV
        >>> rng = np.random.default_rng(0)
        >>> z, old = rng.integers(0, 2, 4000), rng.integers(0, 2, 4000)
        >>> t = z * (rng.random(4000) < 0.2 + 0.6 * old)  # nobody takes it without the instrument
        >>> table = {"z": z, "t": t.astype(int), "old": old, "y": t + rng.normal(size=4000)}
        >>> study = Study.from_table(table, outcome="y", treatment="t", covariates=["old"], instruments=["z"])
        >>> model = InteractiveIV(n_folds=2).fit(study)
        >>> round(model.complier_means(["old"])[0].value, 1)  # of all units: 0.5
        0.8
    """

    learner: Any
    study: Study
    units: Units
    instrument: IntArray  # (n,) 0 or 1, the larger value of the instrument being 1
    scores_by_instrument: FloatArray  # (n, 2 of outcome and treatment, 2): means had all had each value
    overlap: Overlap  # of the instrument's two values
    context: RunContext = field(repr=False)
    estimand: str = ""

    @property
    def arms(self) -> tuple[Any, ...]:
        """The arms, the reference first."""
        return self.study.arms

    @property
    def assumptions(self) -> tuple[str, ...]:
        """What has to be true for the value to be the effect on compliers."""
        z, t, y = self._names
        given = f" given {', '.join(self.study.covariate_names)}" if self.study.covariate_names else ""
        return (
            f"nothing causes both {z} and {y}{given}",
            f"{z} reaches {y} only through {t}",
            f"{z} moves nobody's {t} the other way (monotonicity)",
            f"one unit's {z} and {t} do not change another unit's {y}",
        )

    def reduced_form(self) -> Estimate:
        """The effect of the instrument on the outcome."""
        z, _, y = self._names
        return self._mean(self._contrasts[:, 0], f"effect of {z} on {y}")

    def first_stage(self) -> Estimate:
        """The effect of the instrument on the share that takes the treatment."""
        z, t, _ = self._names
        return self._mean(self._contrasts[:, 1], f"effect of {z} on {t}")

    def ate(self) -> Estimate:
        """The average effect on compliers (LATE)."""
        return self._ratio(np.ones(self.study.n), f"{self.arms[1]} - {self.arms[0]} among compliers", self.verdicts)

    def anderson_rubin(self, level: float = 0.95) -> list[tuple[float, float]]:
        """The set of effects that the data do not reject, valid however weak the instrument (Anderson, Rubin 1949):
        intervals, perhaps unbounded.
        """
        top, bottom = self.reduced_form(), self.first_stage()
        dof = few_clusters_dof(self.units.cluster)
        law = stats.norm() if dof is None else stats.t(dof)
        covariance = Estimate.concat([top, bottom]).covariance
        return fieller_set(top.value, bottom.value, covariance, float(law.ppf(0.5 + level / 2)))

    def segment(self, rows: Any) -> Estimate:
        """The average effect on the compliers among some units: a mask or positions.

        Raises:
            WeakInstrument: the instrument does not move the treatment among them.
        """
        inside = np.zeros(self.study.n)
        inside[rows] = 1.0
        if not inside.any():
            raise InputError("The segment holds no unit; give a mask or positions with at least one.")
        return self._ratio(inside, f"{self.arms[1]} - {self.arms[0]} among compliers", ())

    def shares(self) -> Estimate:
        """Shares of compliers, always takers and never takers, (3,), which sum to one."""
        sign, scores = self._sign, self.scores_by_instrument[:, 1, :]
        low, high = (scores[:, 0], scores[:, 1]) if sign > 0 else (scores[:, 1], scores[:, 0])
        return self._mean(
            np.stack([high - low, low, 1.0 - high], axis=1), ("compliers", "always takers", "never takers")
        )

    def complier_means(self, columns: Sequence[str] | None = None) -> Estimate:
        """Mean covariates of the compliers, (columns,): of all units weighted by the score of the first stage
        (Abadie 2003, doi:10.1016/S0304-4076(02)00201-4; doubly robust as in Singh, Sun 2024, doi:10.1093/ectj/utae009).

        Raises:
            ColumnNotFound: a name is no covariate.
            InputError: the study has no covariates.
        """
        names = self.study.covariate_names if columns is None else tuple(columns)
        for name in names:
            if name not in self.study.covariate_names:
                raise ColumnNotFound(name, self.study.covariate_names, where="the covariates of the study")
        if not names:
            raise InputError("The study has no covariates, so nothing can be said of who the compliers are.")
        X = self.study.covariates[:, [self.study.covariate_names.index(name) for name in names]]
        weight, moved = weight_of(self.study), self._contrasts[:, 1]
        share = np.average(moved, weights=weight)
        value = np.average(X * moved[:, None], axis=0, weights=weight) / share
        influence = weight[:, None] * moved[:, None] * (X - value) / share
        return self._estimate(value, influence, names, without_interval(self.strength, "segment"))

    @property
    def strength(self) -> float:
        """The F of the first stage: its squared t."""
        first = self.first_stage()
        return float((first.value / first.std_error) ** 2) if first.std_error > 0 else np.inf

    @property
    def scores(self) -> FloatArray:
        """The score of each unit, (n,), whose mean is the effect on compliers."""
        found = self.ate()
        return np.asarray(found.value + found.influence)

    @cached_property
    def verdicts(self) -> tuple[Verdict, ...]:
        """Strength and overlap of the instrument, who takes the treatment without it, units that dominate or repeat."""
        ratio = self._ratio(np.ones(self.study.n), "effect", ())
        dominated = influence_verdict(np.asarray(ratio.influence)[:, None], self.units.groups)
        found = (strength_verdict(self.strength, self.study), self.overlap.verdict, self._compliance(), dominated)
        return (*(v for v in found if v is not None), *repeated_verdicts(self.study, self.units))

    def effect(self, covariates: FloatArray) -> FloatArray:
        """Refused: the model has the effect on compliers, of all units or of a segment.

        Raises:
            InputError: always.
        """
        del covariates
        raise InputError(
            "InteractiveIV has the mean effect on compliers; ask segment(rows), or DRIV for effects given X."
        )

    def interval(self, covariates: FloatArray, level: float = 0.95) -> Interval:
        """Refused: there is no effect at a point."""
        del covariates, level
        raise NoInterval("InteractiveIV has no effects at a point", remedy="ask segment(rows), whose interval holds")

    @property
    def _names(self) -> tuple[str, str, str]:
        z = self.study.instrument_names[0] if self.study.instrument_names else "the instrument"
        return z, self.study.treatment_name, self.study.outcome_name

    @cached_property
    def _contrasts(self) -> FloatArray:
        return np.asarray(self.scores_by_instrument[:, :, 1] - self.scores_by_instrument[:, :, 0])

    @property
    def _sign(self) -> float:
        return 1.0 if np.average(self._contrasts[:, 1], weights=weight_of(self.study)) > 0 else -1.0

    def _compliance(self) -> Verdict:
        took, z = self.study.treatment, self.instrument
        shares = [float(took[z == a].mean()) for a in (0, 1)]
        one_sided = " (one-sided: " + ("nobody" if 0.0 in shares else "everybody") + " with one of its values)"
        name, t, _ = self._names
        return Verdict(
            check="compliance",
            status="passed",
            statistic=abs(shares[1] - shares[0]),
            meaning=f"{shares[1]:.1%} took {t} with the larger {name}, {shares[0]:.1%} with the smaller"
            + (one_sided if {0.0, 1.0} & set(shares) else "")
            + f"; that {name} moves nobody the other way is assumed, and can't be seen",
            evidence={"shares": shares},
        )

    def _ratio(self, inside: FloatArray, name: str, verdicts: tuple[Verdict, ...]) -> Estimate:
        mass = weight_of(self.study) * inside
        mass = mass / mass.mean()
        top, bottom = (float(np.mean(mass * column)) for column in self._contrasts.T)
        if abs(bottom) < 1e-12:
            raise WeakInstrument(
                "the instrument does not move the treatment among these units", remedy="ask about more units"
            )
        value = top / bottom
        influence = mass * (self._contrasts[:, 0] - value * self._contrasts[:, 1]) / bottom
        first = self._estimate(bottom, mass * (self._contrasts[:, 1] - bottom), "", "")
        f = float((bottom / first.std_error) ** 2) if first.std_error > 0 else np.inf
        found = self._estimate(value, influence, name, without_interval(f, "anderson_rubin"))
        return replace(found, verdicts=verdicts)

    def _mean(self, scores: FloatArray, name: str | tuple[str, ...]) -> Estimate:
        weight = weight_of(self.study)
        value = np.average(scores, axis=0, weights=weight)
        mass = weight if scores.ndim == 1 else weight[:, None]
        return self._estimate(value if scores.ndim > 1 else float(value), mass * (scores - value), name, "")

    def _estimate(self, value: Any, influence: FloatArray, name: str | tuple[str, ...], no_interval: str) -> Estimate:
        return Estimate(
            value,
            influence,
            name=name,
            method="InteractiveIV",
            estimand=self.estimand,
            sample=self.study.sample,
            cluster=self.units.cluster,
            dof=few_clusters_dof(self.units.cluster),
            no_interval=no_interval,
        )
