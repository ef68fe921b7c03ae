"""Robust regression adjustment: the effect by a linear model that single outcomes can't carry away."""

from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, Literal, NamedTuple

import numpy as np

from dorec.domain.errors import ArmTooSmall, ConfigError, ConstantColumn, NoInterval, NoOverlap, TooFewUnits
from dorec.domain.estimate import Estimate, Interval
from dorec.domain.run import RunContext
from dorec.domain.study import Study
from dorec.domain.verdict import Verdict
from dorec.estimate.average_effect import (
    check_arms_of,
    checked_covariates,
    few_clusters_dof,
    floor_of,
    one_column,
    standardised_design,
    weight_of,
)
from dorec.estimate.checks import check_finite, check_outcome_leak, check_overlap, suspected_leak
from dorec.estimate.cross_fitting import Units, units_of
from dorec.estimate.diagnostics import influence_verdict, overlap_of, repeated_verdicts
from dorec.estimate.linearity import ROOM, Linearity, bent_columns, compare
from dorec.estimate.scores import ArmMeans
from dorec.numeric.arrays import FloatArray
from dorec.numeric.logistic import logistic
from dorec.numeric.quantile_regression import quantile_regression
from dorec.numeric.robust_regression import NoScale, huber_regression, mm_regression

DEFAULT_CONTEXT = RunContext()
SPARE = 5  # units beyond the coefficients
CLEAR = 1e-3  # p-value from which the reader is warned that the effect is no single number
SAID = {
    "huber": "the shift of the outcome's centre (Huber)",
    "mm": "the shift of the bulk of the outcome (MM)",
    "quantile": "the shift of the conditional quantile",
}

Loss = Literal["huber", "mm", "quantile"]


@dataclass(frozen=True, kw_only=True)
class RobustRegression:
    """The effect of arms or of a dose given the covariates, by a linear model with a loss that bounds each outcome.

    The estimand is conditional: by how much the treatment shifts the centre (`huber`: Huber 1964; `mm`: Yohai 1987,
    doi:10.1214/aos/1176350366, with half of the rows free to be anything) or a quantile (`quantile`: Koenker, Bassett
    1978) of the outcome given the covariates. It equals the average effect where the effect is the same for all and
    errors are alike in the arms; fits beside it say where that fails: `effect_varies` where interactions are clear,
    `differs_from_mean` where least squares on the same units has clearly another answer. Where columns that may bend
    move the effect clearly (p < .001), the interval is withheld. Errors are sandwiches.

    Args:
        loss: "huber", "mm" or "quantile".
        quantile: level of the quantile, for that loss.
        n_starts: random starts of the S-estimator behind "mm".
        min_propensity: where more than a tenth of the units have an arm of less, the study is refused.
        min_per_arm: units that each arm must have.

    Example:
        >>> rng = np.random.default_rng(0)
        >>> x, t = rng.normal(size=1000), np.arange(1000) % 2
        >>> table = {"x": x, "t": t, "y": 2.0 * t + 3.0 * x + rng.standard_t(1.5, size=1000)}
        >>> study = Study.from_table(table, outcome="y", treatment="t", covariates=["x"])
        >>> effect = RobustRegression(loss="mm").fit(study).ate()
        >>> effect.name, abs(effect.value - 2.0) < 0.2, effect.std_error < 0.12
        ('1 - 0', True, True)
    """

    loss: Loss = "huber"
    quantile: float = 0.5
    n_starts: int = 50
    min_propensity: float = 0.01
    min_per_arm: int = 10

    def __post_init__(self) -> None:
        if self.loss not in SAID:
            raise ConfigError(f"loss is {self.loss!r}; allowed: {', '.join(map(repr, SAID))}.")
        if not 0 < self.quantile < 1:
            raise ConfigError(f"quantile is {self.quantile}; give a level between 0 and 1, as in 0.5.")
        if self.n_starts < 1:
            raise ConfigError(f"n_starts is {self.n_starts}; give 1 or more.")

    def fit(self, study: Study, *, context: RunContext = DEFAULT_CONTEXT) -> "RobustRegressionModel":
        """The coefficients of the treatment and the fits beside them.

        Raises:
            NotFinite, OneArm, ArmTooSmall, TooFewUnits, LeakedOutcome, LeakedTreatment, NoOverlap, BadPropensity:
                before any number, with the evidence and the remedy.
            ConstantColumn: half of the outcomes follow from the model exactly, so there is no scale.
        """
        units = units_of(study)
        overlap = self._checked(study, units)
        by_name = sorted(range(study.covariates.shape[1]), key=lambda j: study.covariate_names[j])
        Z = standardised_design(study.covariates[:, by_name])
        D = _treatments(study)
        _check_size(study, Z.shape[1] + D.shape[1])
        value, influence, centre = self._effects(study, units, D, Z, context)
        return RobustRegressionModel(
            learner=self,
            study=study,
            units=units,
            value=value,
            influence=influence,
            line=self._beside_a_bent_fit(study, units, (D, Z), (value, influence), context),
            varies=self._interactions(study, units, D, Z, context),
            least_squares=centre,
            overlap=overlap,
        )

    def _checked(self, study: Study, units: Units) -> Verdict | None:
        """The refusals that need no fit; how comparable the arms are."""
        if study.dose is not None:
            check_finite(study)
            check_outcome_leak(study)
            return None
        check_arms_of(study, units, self.min_per_arm)
        floor, e = floor_of(study, self.min_propensity), study.propensity
        if e is None:
            Z = standardised_design(study.covariates)
            e = logistic(Z, study.treatment, weight_of(study), len(study.arms)).probability
            check_overlap(e, study.treatment, study.arms, floor, False)
        return overlap_of(np.asarray(e), study.treatment, study.arms, floor).verdict

    def _effects(
        self, study: Study, units: Units, D: FloatArray, Z: FloatArray, context: RunContext
    ) -> tuple[FloatArray, FloatArray, "Pair"]:
        """Coefficients of D and their influence, and those of least squares; rows in the order of the units' keys."""
        order = np.argsort(units.keys, kind="stable")
        W = np.hstack([D, _independent(D, Z, study)])[order]
        y, weight, m = study.outcome[order], weight_of(study)[order], D.shape[1]
        centre, spread = float(np.median(y)), float(np.abs(y - np.median(y)).mean()) or 1.0
        y = (y - centre) / spread
        try:
            if self.loss == "huber":
                beta, influence = huber_regression(W, y, weight)[::2]
            elif self.loss == "mm":
                rng = context.rng("robust regression")
                beta, influence = mm_regression(W, y, weight, rng, n_starts=self.n_starts)[::2]
            else:
                beta, influence = quantile_regression(W, y, self.quantile, weight)[::2]
        except NoScale:
            raise ConstantColumn(
                f"half of the units or more have an outcome {study.outcome_name!r} that the model tells exactly (many "
                "are equal), so residuals have no scale",
                remedy='ask about the mean by AIPW, or about high quantiles by loss="quantile"',
            ) from None
        back = np.empty((study.n, m))
        back[order] = spread * np.asarray(influence)[:, :m]
        plain = _least_squares(W, y, weight)
        mean = np.empty((study.n, m))
        mean[order] = spread * plain.influence[:, :m]
        return spread * np.asarray(beta)[:m], back, Pair(spread * plain.value[:m], mean)

    def _beside_a_bent_fit(
        self,
        study: Study,
        units: Units,
        design: tuple[FloatArray, FloatArray],
        found: tuple[FloatArray, FloatArray],
        context: RunContext,
    ) -> Linearity:
        D, Z = design
        wide = np.hstack([Z, bent_columns(study.covariates)])
        if wide.shape[1] == Z.shape[1] or wide.shape[1] * ROOM > _smallest(study):
            return Linearity()
        bent = self._effects(study, units, D, wide, context)
        return compare(study, units, _as_arms(*found), _as_arms(*bent[:2]), "the centre of the outcome")

    def _interactions(
        self, study: Study, units: Units, D: FloatArray, Z: FloatArray, context: RunContext
    ) -> Verdict | None:
        """Whether the effect clearly differs along a covariate."""
        inner = Z[:, 1:]
        if not inner.shape[1] or (1 + D.shape[1]) * (1 + inner.shape[1]) * ROOM > _smallest(study):
            return None
        crossed = np.hstack([D, *(d[:, None] * inner for d in (D - D.mean(axis=0)).T)])
        value, influence, _ = self._effects(study, units, crossed, Z, context)
        m = D.shape[1]
        tested = Estimate(value[m:], influence[:, m:], cluster=units.cluster)
        if (tested.std_error <= 1e-12).any():
            return None
        p = float(min(1.0, np.min(tested.p_value()) * len(tested.value)))
        clear = p < CLEAR
        return Verdict(
            check="one effect for all",
            status="warning" if clear else "passed",
            code="effect_varies" if clear else "",
            p_value=p,
            meaning="the effect clearly differs along a covariate: the one reported is a mean with weights of the "
            "method's own"
            if clear
            else "no covariate clearly changes the effect",
            remedy="Take AIPW for the average, a causal forest or DRLearner for what it depends on." if clear else "",
        )


class Pair(NamedTuple):
    """Values and the influence of each unit on them."""

    value: FloatArray  # (m,)
    influence: FloatArray  # (n, m)


@dataclass(frozen=True, kw_only=True, eq=False)
class RobustRegressionModel:
    """A fitted robust regression.

    Example:
        >>> t, x = np.arange(100) % 2, np.sin(np.arange(100.0))
        >>> table = {"t": t, "x": x, "y": t + x + 0.1 * np.cos(9 * np.arange(100.0))}
        >>> study = Study.from_table(table, outcome="y", treatment="t", covariates=["x"])
        >>> model = RobustRegression(loss="quantile").fit(study)
        >>> round(model.ate().value, 1), model.effect(np.zeros((2, 1))).round(1).tolist()
        (1.0, [1.0, 1.0])
    """

    learner: RobustRegression
    study: Study
    units: Units
    value: FloatArray  # (m,), of each arm after the first, or of one more of the dose
    influence: FloatArray  # (n, m)
    line: Linearity
    varies: Verdict | None
    least_squares: Pair
    overlap: Verdict | None
    estimand: str = field(default="")

    @property
    def arms(self) -> tuple[Any, ...]:
        """The arms, the reference first; empty for a dose."""
        return self.study.arms

    def ate(self) -> Estimate:
        """The effect of each arm against the first, or of one more of the dose, given the covariates."""
        names = tuple(f"{arm} - {self.arms[0]}" for arm in self.arms[1:]) or (
            f"one more of {self.study.treatment_name}",
        )
        found = self._estimate(Pair(self.value, self.influence), names)
        found = replace(found, verdicts=self.verdicts, no_interval=self.line.no_interval or found.no_interval)
        return found if len(names) > 1 else found[0]

    def effect(self, covariates: FloatArray) -> FloatArray:
        """The effect given covariates (n, p), the same for all: (n,) for two arms or a dose, (n, k - 1) for more."""
        return one_column(np.tile(self.value, (len(checked_covariates(self.study, covariates)), 1)))

    def interval(self, covariates: FloatArray, level: float = 0.95) -> Interval:
        """Refused: the model has one effect for all units."""
        del covariates, level
        raise NoInterval("a regression without interactions has one effect for all units", remedy="take ate()")

    @cached_property
    def verdicts(self) -> tuple[Verdict, ...]:
        """Overlap, linearity, whether the effect is one number, leaks, repeated units, units that dominate."""
        found = (
            self.overlap,
            *self.line.verdicts,
            self.varies,
            self._beside_least_squares(),
            suspected_leak(self.study) if self.study.dose is None else None,
            influence_verdict(self.influence, self.units.groups),
            *repeated_verdicts(self.study, self.units),
        )
        return tuple(verdict for verdict in found if verdict is not None)

    def _beside_least_squares(self) -> Verdict | None:
        if self.learner.loss == "quantile" and self.learner.quantile != 0.5:
            return None
        gap = Pair(self.value - self.least_squares.value, self.influence - self.least_squares.influence)
        if (np.abs(gap.influence).max(axis=0) <= 1e-12 * np.abs(self.influence).max()).any():
            return None
        tested = self._estimate(gap, tuple(f"robust less mean {j}" for j in range(len(gap.value))))
        p = float(min(1.0, np.min(tested.p_value()) * len(gap.value)))
        clear = p < CLEAR
        return Verdict(
            check="robust and mean effect",
            status="warning" if clear else "passed",
            code="differs_from_mean" if clear else "",
            statistic=float(gap.value[int(np.argmin(tested.p_value()))]),
            p_value=p,
            meaning=f"{SAID[self.learner.loss]} and the shift of the mean differ "
            + (
                "clearly: the treatment moves the tail otherwise than the bulk" if clear else "no more than chance does"
            ),
            remedy="Decide which one the question is about; for money it is the mean (AIPW)." if clear else "",
            evidence={"least_squares": self.least_squares.value.tolist(), "robust": self.value.tolist()},
        )

    def _estimate(self, found: Pair, names: tuple[str, ...]) -> Estimate:
        level = f" {self.learner.quantile:g}" if self.learner.loss == "quantile" else ""
        return Estimate(
            found.value,
            found.influence,
            name=names,
            method=f"robust regression, {self.learner.loss}{level}",
            estimand=self.estimand or f"{SAID[self.learner.loss]} given the covariates",
            sample=self.study.sample,
            cluster=self.units.cluster,
            dof=few_clusters_dof(self.units.cluster),
        )


def _treatments(study: Study) -> FloatArray:
    return study.dose[:, None] if study.dose is not None else np.eye(len(study.arms))[study.treatment][:, 1:]


def _independent(D: FloatArray, Z: FloatArray, study: Study) -> FloatArray:
    """The columns of Z that do not follow from earlier ones; refused where the treatment follows from Z."""
    kept: list[int] = []
    basis = np.zeros((len(Z), 0))
    for j, z in enumerate(Z.T):
        left = z - basis @ (basis.T @ z)
        left = left - basis @ (basis.T @ left)
        size = float(np.linalg.norm(left))
        if size > 1e-8 * float(np.linalg.norm(z)):
            basis = np.column_stack([basis, left / size])
            kept.append(j)
    left = D - basis @ (basis.T @ D)
    if (np.linalg.norm(left, axis=0) <= 1e-6 * np.linalg.norm(D - D.mean(axis=0), axis=0)).any():
        raise NoOverlap(
            f"{study.treatment_name} is a linear function of the covariates, so that nothing of it is left to compare",
            remedy="leave out covariates that only predict the treatment",
        )
    return Z[:, kept]


def _least_squares(W: FloatArray, y: FloatArray, weight: FloatArray) -> Pair:
    inverse = np.linalg.pinv(W.T @ (weight[:, None] * W), hermitian=True)
    beta = inverse @ (W.T @ (weight * y))
    return Pair(beta, len(W) * (W * (weight * (y - W @ beta))[:, None]) @ inverse)


def _as_arms(value: FloatArray, influence: FloatArray) -> ArmMeans:
    """Contrasts as arm means whose first is 0."""
    return ArmMeans(np.append(0.0, value), np.hstack([np.zeros((len(influence), 1)), influence]))


def _smallest(study: Study) -> int:
    return study.n if study.dose is not None else min(study.arm_counts.values())


def _check_size(study: Study, columns: int) -> None:
    if study.dose is not None:
        if study.n < 2 * (columns + SPARE):
            raise TooFewUnits(
                f"{study.n} units for {columns} coefficients",
                remedy=f"give {2 * (columns + SPARE)} or more, or leave out covariates",
                evidence={"units": study.n, "coefficients": columns},
            )
        return
    counts = {str(arm): count for arm, count in study.arm_counts.items()}
    if min(counts.values()) < columns + SPARE:
        told = ", ".join(f"{arm}: {count:,}" for arm, count in counts.items())
        raise ArmTooSmall(
            f"an arm has fewer than {columns + SPARE} units ({told}) for {columns} coefficients",
            remedy="leave out covariates, merge the small arm, or collect more units",
            evidence={"arms": counts, "coefficients": columns},
        )
