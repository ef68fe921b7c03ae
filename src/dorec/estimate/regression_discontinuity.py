"""Regression discontinuity: the effect at a threshold that decides, or all but decides, who is treated."""

from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
from scipy import stats

from dorec.domain.errors import ColumnNotFound, ConfigError, InputError, NoOverlap, TooFewUnits
from dorec.domain.estimate import Estimate
from dorec.domain.run import RunContext
from dorec.domain.study import Study
from dorec.domain.verdict import Verdict
from dorec.estimate.average_effect import few_clusters_dof
from dorec.estimate.checks import check_finite
from dorec.estimate.cross_fitting import Units, units_of
from dorec.estimate.diagnostics import repeated_verdicts
from dorec.numeric.arrays import FloatArray, IntArray
from dorec.numeric.local_polynomial import (
    Side,
    bandwidths,
    boundary_density,
    boundary_weights,
    neighbour_residuals,
)

DEFAULT_CONTEXT = RunContext()
FEWEST = 20  # units within the bandwidth on each side
FEWEST_VALUES = 10  # different values of the running variable within it: below, there is no limit to speak of
WEAK = 10.0  # squared t of the jump in the treatment below which a Wald interval is not trusted (Staiger, Stock 1997)


@dataclass(frozen=True, kw_only=True)
class RegressionDiscontinuity:
    """The effect on units at a threshold (Hahn, Todd, van der Klaauw 2001; intervals of Calonico, Cattaneo, Titiunik
    2014, doi:10.3982/ECTA11757).

    Local linear on both sides with a triangular kernel; the bandwidth has the least squared error, the bias that is
    left is estimated and taken out, and the standard error counts what that costs. Where the threshold only moves the
    chance of treatment, the jump in the outcome is divided by that in the treatment: the effect on units whom the
    threshold moves.

    Args:
        running: the covariate with the threshold.
        cutoff: the threshold; units at it belong above.
        bandwidth: in units of the running variable; by default the one with the least squared error.

    Example:
        >>> rng = np.random.default_rng(0)
        >>> spent = rng.uniform(0, 100, 3000)
        >>> table = {"spent": spent, "vip": (spent >= 60).astype(int),
        ...          "visits": 0.02 * spent + 1.5 * (spent >= 60) + rng.normal(size=3000)}
        >>> study = Study.from_table(table, outcome="visits", treatment="vip", covariates=["spent"])
        >>> effect = RegressionDiscontinuity(running="spent", cutoff=60.0).fit(study).ate()
        >>> effect.name, abs(effect.value - 1.5) < 3 * effect.std_error
        ('1 - 0 at spent = 60', True)
    """

    running: str
    cutoff: float
    bandwidth: float | None = None

    def __post_init__(self) -> None:
        if not np.isfinite(self.cutoff):
            raise ConfigError(f"cutoff is {self.cutoff}; give a number on the scale of the running variable.")
        if self.bandwidth is not None and not self.bandwidth > 0:
            raise ConfigError(f"bandwidth is {self.bandwidth}; give a number above 0.")

    def fit(self, study: Study, *, context: RunContext = DEFAULT_CONTEXT) -> "DiscontinuityModel":
        """The jumps in outcome and treatment.

        Raises:
            ColumnNotFound: the running variable is not among the covariates.
            TooFewUnits: too few units near the threshold on a side, or too few values of the running variable.
            NoOverlap: the treatment does not change at the threshold.
            NotFinite, OneArm, InputError: the table can't be used; each is named.
        """
        del context
        check_finite(study)
        study.check_arms()
        if len(study.arms) > 2:
            raise InputError(f"{study.treatment_name!r} has {len(study.arms)} arms; a threshold divides two.")
        if self.running not in study.covariate_names:
            raise ColumnNotFound(self.running, study.covariate_names, where="the covariates of the study")
        distance = study.covariates[:, study.covariate_names.index(self.running)] - self.cutoff
        above, t = distance >= 0, study.treatment.astype(np.float64)
        sharp = bool((study.treatment == above).all() or (study.treatment != above).all())
        window = window_of(study, distance, self.running, self.bandwidth)
        taken, psi_taken = jump(study, distance, t, window)
        if not sharp and self.bandwidth is None and abs(taken) > 0.05:  # the window of what the ratio rests on
            ratio = jump(study, distance, study.outcome, window)[0] / taken
            linear = study.with_columns(outcome=study.outcome - ratio * t)
            window = window_of(linear, distance, self.running, None)
            taken, psi_taken = jump(study, distance, t, window)
        spread = np.sqrt((psi_taken**2).sum()) / study.n
        if not sharp and abs(taken) < 2 * spread:
            raise NoOverlap(
                f"the share of {study.arms[1]!r} hardly changes at {self.running} = {self.cutoff:g} "
                f"(by {taken:.3f}, standard error {spread:.3f})",
                remedy="check the threshold, or compare the arms by adjustment",
                evidence={"jump": taken, "std_error": float(spread)},
            )
        return DiscontinuityModel(
            learner=self,
            study=study,
            units=units_of(study),
            distance=distance,
            window=window,
            sharp=sharp,
            outcome_jump=jump(study, distance, study.outcome, window),
            treatment_jump=(taken, psi_taken),
        )


@dataclass(frozen=True, kw_only=True, eq=False)
class DiscontinuityModel:
    """The jumps at a threshold.

    Example:
        >>> x = np.linspace(-1, 1, 400)
        >>> table = {"x": x, "t": x >= 0, "y": x + 2.0 * (x >= 0) + 0.1 * np.random.default_rng(0).normal(size=400)}
        >>> study = Study.from_table(table, outcome="y", treatment="t", covariates=["x"])
        >>> model = RegressionDiscontinuity(running="x", cutoff=0.0).fit(study)
        >>> model.sharp, round(model.ate().value), model.manipulation.status
        (True, 2, 'passed')
    """

    learner: RegressionDiscontinuity
    study: Study
    units: Units
    distance: FloatArray  # (n,) running variable less the cutoff
    window: tuple[float, float]  # bandwidths of the jump and of its bias
    sharp: bool  # whether the threshold alone decides the treatment
    outcome_jump: tuple[float, FloatArray]  # and the influence of each unit, (n,)
    treatment_jump: tuple[float, FloatArray]
    estimand: str = field(default="")

    def ate(self) -> Estimate:
        """The effect at the threshold: of all units there where it is sharp, else of those whom it moves."""
        (jumped, psi), (taken, psi_taken) = self.outcome_jump, self.treatment_jump
        weak = ""
        if self.sharp:
            taken, psi_taken = round(taken), np.zeros_like(psi_taken)
        else:
            strength = taken**2 / ((psi_taken**2).sum() / self.study.n**2)
            weak = f"the treatment hardly jumps at the threshold (F {strength:.1f}, below {WEAK:g})"
            weak = weak if strength < WEAK else ""
        value = jumped / taken
        return self._estimate(
            value,
            (psi - value * psi_taken) / taken,
            f"{self.study.arms[1]} - {self.study.arms[0]} at {self.learner.running} = {self.learner.cutoff:g}",
            verdicts=self.verdicts,
            no_interval=weak,
        )

    @cached_property
    def verdicts(self) -> tuple[Verdict, ...]:
        """What speaks for the design: no bunching, no jump in covariates or away from the threshold; repeated units."""
        found = (self.manipulation, self._balance(), self._placebo())
        told = repeated_verdicts(self.study, self.units)
        return (*(verdict for verdict in found if verdict is not None), *told)

    @cached_property
    def manipulation(self) -> Verdict:
        """Whether units bunch on one side of the threshold (McCrary 2008; Cattaneo, Jansson, Ma 2020)."""
        x, n = self.distance, self.study.n
        densities = []
        for side in (-1, 1):
            part = np.flatnonzero(x < 0 if side < 0 else x >= 0)
            part = part[np.argsort(x[part], kind="stable")]
            reach = float(np.abs(x[part]).max())
            width = min(2.0 * float(np.std(x[part])) * (len(part) / 500) ** -0.1, reach)
            value, influence = boundary_density(x[part], side, width, n)
            psi = np.zeros(n)
            psi[part] = influence
            densities.append((value, psi - value))
        (below, psi_below), (above, psi_above) = densities
        difference = self._estimate(above - below, psi_above - psi_below, "jump of the density")
        p = difference.p_value()
        held = p >= 0.05
        return Verdict(
            check="bunching at the threshold",
            status="passed" if held else "failed",
            code="" if held else "manipulated_running_variable",
            statistic=difference.value / difference.std_error,
            p_value=p,
            meaning=f"the density of {self.learner.running} is {below:.3g} just below the threshold and {above:.3g} "
            "just above: " + ("no sign of bunching" if held else "units seem to choose their side"),
            remedy=""
            if held
            else "Find out who can move the running variable; leave out units right at the threshold.",
            evidence={"below": below, "above": above},
        )

    def _balance(self) -> Verdict | None:
        others = [j for j, name in enumerate(self.study.covariate_names) if name != self.learner.running]
        columns = [j for j in others if np.ptp(self.study.covariates[:, j]) > 0][:50]
        if not columns:
            return None
        jumps = [jump(self.study, self.distance, self.study.covariates[:, j], self.window) for j in columns]
        names = tuple(self.study.covariate_names[j] for j in columns)
        values, psi = np.array([v for v, _ in jumps]), np.stack([i for _, i in jumps], axis=1)
        varied = np.flatnonzero(np.abs(psi).max(axis=0) > 0)
        if not len(varied):
            return None
        tested = self._estimate(values[varied], psi[:, varied], tuple(names[j] for j in varied))
        p = float(tested.adjusted_p_values().min())
        worst = tested.name[int(np.abs(tested.value / tested.std_error).argmax())]
        return _verdict(
            "covariates at the threshold",
            "covariates_jump",
            p,
            held=f"none of {len(varied)} covariate(s) jumps",
            broken=f"{worst!r} jumps: units on both sides differ in more than the treatment",
            remedy="Ask what else changes at the threshold.",
        )

    def _placebo(self) -> Verdict | None:
        """The same estimate at the median of each side, from that side alone, where nothing happens."""
        values, psis, names = [], [], []
        for rows in (np.flatnonzero(self.distance < 0), np.flatnonzero(self.distance >= 0)):
            if not self.sharp:
                break  # the share of the treated may bend there
            side = self.study.take(rows)
            middle = float(np.median(self.distance[rows]))
            try:
                window = window_of(side, self.distance[rows] - middle, self.learner.running, None)
            except TooFewUnits:
                continue
            value, psi = jump(side, self.distance[rows] - middle, side.outcome, window)
            whole = np.zeros(self.study.n)
            whole[rows] = psi * self.study.n / len(rows)
            values.append(value)
            psis.append(whole)
            names.append(f"{self.learner.cutoff + middle:.4g}")
        if not values or min(np.abs(p).max() for p in psis) == 0:
            return None
        p = float(self._estimate(np.array(values), np.stack(psis, axis=1), tuple(names)).adjusted_p_values().min())
        listed = " and ".join(names)
        return _verdict(
            "placebo thresholds",
            "placebo_threshold_jumps",
            p,
            held=f"the outcome does not jump at {listed}, where there is no threshold",
            broken=f"the outcome jumps at {listed}, where there is no threshold",
            remedy="Look at the outcome over the running variable: it may be wilder than a local line can follow.",
        )

    def _estimate(self, value: Any, influence: FloatArray, name: Any, **fields: Any) -> Estimate:
        return Estimate(
            value,
            influence,
            name=name,
            method="RegressionDiscontinuity",
            estimand=self.estimand,
            sample=self.study.sample,
            cluster=self.units.cluster,
            dof=few_clusters_dof(self.units.cluster),
            **fields,
        )


def window_of(study: Study, distance: FloatArray, name: str, bandwidth: float | None) -> tuple[float, float]:
    """The bandwidths of the jump and of its bias, refused where too few units or values lie within."""
    for side in (distance < 0, distance >= 0):
        values = len(np.unique(distance[side]))
        if side.sum() < FEWEST or values < FEWEST_VALUES:
            raise TooFewUnits(
                f"{int(side.sum()):,} unit(s) with {values} value(s) of {name!r} on a side of the threshold",
                remedy=f"give {FEWEST} units and {FEWEST_VALUES} values on each side; a running variable of few values "
                "needs a comparison at neighbouring values, by adjustment",
                evidence={"units": int(side.sum()), "values": values},
            )
    if bandwidth is None:
        left, right = (_side(study, distance, study.outcome, rows) for rows in _sides(distance))
        main, pilot = bandwidths(left, right)
        nearest = [float(np.sort(np.abs(distance[rows]))[FEWEST - 1]) for rows in _sides(distance)]
        main = max(main, 1.001 * max(nearest))
        return main, max(pilot, main)
    for rows in _sides(distance):
        near = np.abs(distance[rows]) < bandwidth
        if near.sum() < FEWEST or len(np.unique(distance[rows][near])) < FEWEST_VALUES:
            raise TooFewUnits(
                f"{int(near.sum())} unit(s) of a side lie within the bandwidth {bandwidth:g}",
                remedy="give a larger bandwidth, or none",
                evidence={"units": int(near.sum()), "bandwidth": bandwidth},
            )
    return bandwidth, bandwidth


def jump(
    study: Study, distance: FloatArray, outcome: FloatArray, window: tuple[float, float]
) -> tuple[float, FloatArray]:
    """The jump of an outcome at distance 0, its bias taken out, and the influence of each unit on it, (n,)."""
    value, influence = 0.0, np.zeros(len(distance))
    for sign, rows in zip((-1.0, 1.0), _sides(distance), strict=True):
        side = _side(study, distance, outcome, rows)
        counts = boundary_weights(side, *window)
        value += sign * float(counts @ side.outcome)
        influence[rows] = sign * counts * side.residual * len(distance)
    return value, influence


def _sides(distance: FloatArray) -> tuple[IntArray, IntArray]:
    """Rows below and above the cutoff, each by distance."""
    order = np.argsort(distance, kind="stable")
    below = int((distance < 0).sum())
    return order[:below], order[below:]


def _side(study: Study, distance: FloatArray, outcome: FloatArray, rows: IntArray) -> Side:
    d, y = distance[rows], outcome[rows]
    weight = np.ones(len(rows)) if study.weight is None else study.weight[rows]
    return Side(d, y, neighbour_residuals(d, y), weight)


def _verdict(check: str, code: str, p: float, *, held: str, broken: str, remedy: str) -> Verdict:
    good = p >= 0.05
    return Verdict(
        check=check,
        status="passed" if good else "failed",
        code="" if good else code,
        statistic=float(stats.norm.isf(p / 2)) if p > 0 else None,
        p_value=p,
        meaning=held if good else broken,
        remedy="" if good else remedy,
    )
