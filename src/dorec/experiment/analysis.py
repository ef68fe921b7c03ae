"""A randomised experiment, analysed: differences between arms with honest intervals."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Literal

import numpy as np

from dorec.domain.errors import ConfigError, SampleRatioMismatch
from dorec.domain.estimate import Estimate
from dorec.domain.verdict import Verdict
from dorec.experiment.covariate_balance import check_covariate
from dorec.experiment.metrics import Mean, Metric, Proportion
from dorec.experiment.moments import Arm, Moments, arm_of, cuped_theta, welch_dof
from dorec.experiment.sample_ratio import check_sample_ratio
from dorec.experiment.units import Units, read_units
from dorec.numeric.arrays import FloatArray

Shares = Mapping[Any, float] | Sequence[float] | Literal["any"] | None


def analyze(
    table: Any,
    *,
    treatment: str,
    metrics: Sequence[Metric],
    control: Any = None,
    unit: str | None = None,
    covariate: str | None = None,
    relative: bool = False,
    expected: Shares = None,
) -> dict[str, Estimate]:
    """Each arm less the control, by metric: a scalar Estimate for two arms, (k - 1,) for k arms.

    Standard errors are Welch's over randomised units, for ratios by the delta method; with a covariate they are
    CUPED-adjusted. Vectors have joint intervals and adjusted p-values; join metrics by `Estimate.concat`.

    Args:
        table: any frame; a unit may have many rows.
        treatment: the column of arms.
        metrics: what to compare: `Mean`, `Proportion`, `Ratio`.
        control: the reference arm; the smallest level by default.
        unit: the column that was randomised; `user_id` where there is one, else each row. "row" insists on rows.
        covariate: a column from before the experiment, for CUPED of every `Mean` and `Proportion` without its own.
        relative: differences as a share of the control's value.
        expected: planned shares of the arms, equal by default; "any" leaves the sample ratio untested.

    Raises:
        SampleRatioMismatch: the arms have other sizes than planned (p < 0.001).
        PostTreatmentCovariate: a covariate differs between the arms (p < 0.0001).
        NotIndependent: unit="row", but users repeat.
        OneArm, ArmTooSmall, NotFinite, ColumnNotFound, InputError: with the column and the remedy.

    Example:
        >>> table = {"arm": ["A", "B"] * 50, "spend": [float(i % 7 + (i % 2)) for i in range(100)]}
        >>> lift = analyze(table, treatment="arm", metrics=[Mean("spend")])["spend"]
        >>> print(lift)
        spend: B - A: 1.02 [0.2134, 1.827]
    """
    chosen, units = _read(table, treatment, metrics, control, unit, covariate)
    verdicts = (*units.verdicts, _ratio_verdict(units, treatment, expected))
    return {metric.name: _contrasts(units, metric, relative, verdicts) for metric in chosen}


def arm_values(
    table: Any,
    *,
    treatment: str,
    metrics: Sequence[Metric],
    control: Any = None,
    unit: str | None = None,
    covariate: str | None = None,
) -> dict[str, Estimate]:
    """The value of each metric in each arm, (k,), the control first; arguments as in `analyze`.

    Example:
        >>> table = {"arm": ["A", "B"] * 50, "spend": [float(i % 7 + (i % 2)) for i in range(100)]}
        >>> values = arm_values(table, treatment="arm", metrics=[Mean("spend")])["spend"]
        >>> values.name, values.value.tolist()
        (('spend: A', 'spend: B'), [2.94, 3.96])
    """
    chosen, units = _read(table, treatment, metrics, control, unit, covariate)
    out = {}
    for metric in chosen:
        arms = _arms(units, metric)
        influence = np.stack([_influence(units, metric, arms, i) for i in range(len(arms))], axis=1)
        out[metric.name] = Estimate(
            np.array([arm.value for arm in arms]),
            influence,
            name=tuple(f"{metric.name}: {label}" for label in units.arms),
            method=_method(metric),
            sample=units.sample,
            verdicts=(*units.verdicts, *_covariate_verdict(units, metric)),
        )
    return out


def _read(
    table: Any, treatment: str, metrics: Sequence[Metric], control: Any, unit: str | None, covariate: str | None
) -> tuple[list[Metric], Units]:
    if not metrics:
        raise ConfigError("analyze got no metrics; give at least one, as in metrics=[Mean('revenue')].")
    chosen: list[Metric] = []
    for metric in metrics:
        without = isinstance(metric, Mean | Proportion) and metric.before is None
        chosen.append(replace(metric, covariate=covariate) if covariate and without else metric)  # type: ignore[type-var]
    names = [metric.name for metric in chosen]
    if len(set(names)) < len(names):
        raise ConfigError(f"Metrics share a name: {', '.join(names)}; give each a label of its own.")
    return chosen, read_units(table, treatment, chosen, control, unit)


def _ratio_verdict(units: Units, treatment: str, expected: Shares) -> Verdict:
    counts = dict(zip(units.arms, np.bincount(units.arm, minlength=len(units.arms)).tolist(), strict=True))
    if isinstance(expected, str):
        return Verdict(
            check="sample ratio",
            status="warning",
            code="sample_ratio_untested",
            meaning="the sizes of the arms were not held against a plan.",
            evidence={"seen": list(counts.values())},
        )
    verdict = check_sample_ratio(counts, expected)
    if verdict.status == "failed":
        raise SampleRatioMismatch(
            f"{treatment!r} has arms of other sizes than planned: {verdict.meaning}",
            remedy="find where units were lost or counted twice; give the planned shares as expected={arm: share}, or "
            "expected='any' to go on regardless",
            evidence={**verdict.evidence, "p_value": verdict.p_value},
        )
    return verdict


def _moments(units: Units) -> list[Moments]:
    return [Moments.of(units.names, units.of_arm(i)) for i in range(len(units.arms))]


def _covariate_verdict(units: Units, metric: Metric) -> tuple[Verdict, ...]:
    verdict = check_covariate(_moments(units), metric, units.arms)
    return () if verdict is None else (verdict,)


def _arms(units: Units, metric: Metric) -> list[Arm]:
    moments = _moments(units)
    theta = cuped_theta(moments, metric)
    centre = 0.0
    if metric.before is not None:
        centre = sum(moments[1:], moments[0]).ratio(metric.before)[0]
    return [arm_of(m, metric, theta, centre) for m in moments]


def _influence(units: Units, metric: Metric, arms: Sequence[Arm], i: int) -> FloatArray:
    """Influence on the value of arm i of every unit, (g,): 0 outside the arm, and scaled to give its variance."""
    own = units.arm == i
    rows = units.totals[own]
    n, n_own = len(own), len(rows)
    out = np.zeros(n)
    out[own] = (rows - rows.mean(axis=0)) @ arms[i].gradient * (n / n_own)
    # Estimate divides by n (n - 1): the arm's own n - ddof takes its place, so that Welch's variance is exact
    scale = (n_own / (n_own - 1) if metric.ddof else 1.0) * (n - 1) / n
    return out * math.sqrt(scale)


def _contrasts(units: Units, metric: Metric, relative: bool, verdicts: tuple[Verdict, ...]) -> Estimate:
    verdicts = (*verdicts, *_covariate_verdict(units, metric))
    arms = _arms(units, metric)
    sizes = np.bincount(units.arm, minlength=len(arms)).tolist()
    control = _influence(units, metric, arms, 0)
    made = []
    nothing = _nothing_varies(metric, arms)
    for i in range(1, len(arms)):
        value = arms[i].value - arms[0].value
        influence = _influence(units, metric, arms, i) - control
        variances = (arms[0].variance, arms[i].variance)
        label = f"{metric.name}: {units.arms[i]} - {units.arms[0]}"
        difference = Estimate(
            value,
            influence,
            name=label,
            method=_method(metric),
            estimand="difference of arms",
            sample=units.sample,
            dof=dof if math.isfinite(dof := welch_dof(variances, (sizes[0], sizes[i]))) else None,
            no_interval=nothing,
            verdicts=(*verdicts, *_few_events(units, metric, i)),
        )
        made.append(_relative(difference, arms, i, control, f"{label}, relative") if relative else difference)
    return made[0] if len(made) == 1 else Estimate.concat(made)


def _relative(difference: Estimate, arms: Sequence[Arm], i: int, control: FloatArray, label: str) -> Estimate:
    base = arms[0].value
    if base == 0:
        return replace(difference, no_interval="the control's value is 0, so there is no relative difference")
    influence = None
    if difference.influence is not None:
        influence = (difference.influence - (arms[i].value - base) / base * control) / abs(base)
    return replace(
        difference, value=difference.value / abs(base), influence=influence, name=label, estimand="relative difference"
    )


def _nothing_varies(metric: Metric, arms: Sequence[Arm]) -> str:
    """The reason why no error can be told where every unit of every arm is alike, or ""."""
    if any(arm.variance > 1e-26 * arm.value**2 for arm in arms):
        return ""
    if any(arm.value for arm in arms):
        return f"{metric.name!r} does not vary within any arm"
    return f"{metric.name!r} is 0 for every unit of every arm, so its error is unknown"


def _method(metric: Metric) -> str:
    return f"{type(metric).__name__}, Welch" + (", CUPED" if metric.before is not None else "")


def _few_events(units: Units, metric: Metric, i: int) -> tuple[Verdict, ...]:
    """A warning where an arm of a proportion has so few ones or zeros that the normal approximation is rough."""
    if not isinstance(metric, Proportion):
        return ()
    place = units.names.index(metric.column)
    fewest = min(
        min(ones, rows - ones)
        for arm in (0, i)
        for ones, rows in [(units.of_arm(arm)[:, place].sum(), units.of_arm(arm)[:, 0].sum())]
    )
    if fewest >= 10:
        return ()
    return (
        Verdict(
            check="enough events",
            status="warning",
            code="few_events",
            statistic=float(fewest),
            meaning=f"an arm has only {int(fewest)} of the rarer outcome of {metric.name!r}: the interval is rough.",
            remedy="Collect more units before deciding.",
        ),
    )
