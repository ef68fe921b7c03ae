"""The mean outcome after an intervention on the treatment of an effect model, and how far it leaves the data."""

from collections.abc import Hashable, Mapping
from dataclasses import replace
from typing import Any, Protocol, runtime_checkable

import numpy as np

from dorec.domain.errors import InputError
from dorec.domain.estimate import Estimate
from dorec.domain.intervention import Intervention
from dorec.domain.plain_numbers import as_numbers
from dorec.domain.protocols import Policy
from dorec.domain.study import Study
from dorec.domain.verdict import Verdict
from dorec.intervene.extrapolation import beyond_support, extrapolation_verdict, verdict_on_shares
from dorec.numeric.arrays import AnyArray, FloatArray
from dorec.numeric.shifted_dose import Surface, movable, shifted_outcomes


@runtime_checkable
class ArmModel(Protocol):
    """An effect model of arms, with orthogonal scores."""

    @property
    def study(self) -> Study:
        """What it was fitted on."""
        ...

    @property
    def arms(self) -> tuple[Any, ...]:
        """The arms, the reference first."""
        ...

    @property
    def scores(self) -> FloatArray:
        """The score of each unit and arm, (n, k)."""
        ...

    def arm_means(self) -> Estimate:
        """Mean outcome in each arm, (k,)."""
        ...


@runtime_checkable
class DoseModel(Protocol):
    """A fitted dose-response."""

    @property
    def study(self) -> Study:
        """What it was fitted on."""
        ...

    @property
    def support(self) -> tuple[float, float]:
        """The smallest and largest dose at which the curve can be asked for."""
        ...

    @property
    def found(self) -> Any:
        """Out-of-fold predictions on a grid of doses: `grid` (g,), `mu` and `density` (n, g)."""
        ...

    def curve(self, doses: Any) -> Estimate:
        """Mean outcome at each dose, (m,)."""
        ...


@runtime_checkable
class SlopeModel(Protocol):
    """A partially linear model of a dose: one effect per unit of it."""

    @property
    def study(self) -> Study:
        """What it was fitted on."""
        ...

    def ate(self) -> Estimate:
        """The effect of one more unit of the dose."""
        ...


def after_arms(model: ArmModel, one: Intervention) -> tuple[Estimate, Verdict]:
    """The mean outcome when arms are given as the intervention says, by the model's scores."""
    study, means = model.study, model.arm_means()
    chance = arm_chances(one, model.arms, study)
    weight = weights_of(study)
    own = unit_scores(model.scores, means.value, weight)
    value = np.average((chance * own).sum(axis=1), weights=weight)
    influence = weight * ((chance * own).sum(axis=1) - value)
    mean = replace(means[0], value=float(value), influence=influence, name=str(one))
    return mean, _support_of_arms(study, chance, str(one))


def arm_chances(one: Intervention, arms: tuple[Any, ...], study: Study) -> FloatArray:
    """The probability of each arm for each unit, (n, k), that an intervention gives.

    `do` takes an arm or one for each unit; `policy` takes shares by arm, a `Policy`, or a function of the covariates
    that gives an arm for each unit.

    Example:
        >>> study = Study.from_table({"t": [0, 1, 0, 1], "y": [1, 2, 3, 4]}, outcome="y", treatment="t")
        >>> arm_chances(Intervention(target="t", kind="policy", value={1: 0.25, 0: 0.75}), (0, 1), study)[0].tolist()
        [0.75, 0.25]
    """
    value = one.value
    if one.kind == "shift":
        raise InputError(f"{one.target} has arms, which can't be shifted; give a `do` or a `policy`.")
    if isinstance(value, Policy):
        return _checked_chances(value.propensities(study.covariates), study.n, len(arms), one.target)
    if isinstance(value, Mapping):
        unknown = [arm for arm in value if arm not in arms]
        if unknown:
            raise InputError(f"{unknown[0]!r} is no arm of {one.target}; its arms: {', '.join(map(str, arms))}.")
        shares = as_numbers([value.get(arm, 0.0) for arm in arms], f"The shares of the arms of {one.target}")
        return _checked_chances(np.tile(shares, (study.n, 1)), study.n, len(arms), one.target)
    if callable(value):
        value = value(study.covariates)
    given = np.asarray(value, dtype=object).ravel().tolist()
    given = given * study.n if len(given) == 1 else given
    if len(given) != study.n:
        raise InputError(f"{one} names {len(given):,} arms for {study.n:,} units; give one, or one for each.")
    unknown = [arm for arm in given if not isinstance(arm, Hashable) or arm not in arms]
    if unknown:
        raise InputError(f"{unknown[0]!r} is no arm of {one.target}; its arms: {', '.join(map(str, arms))}.")
    codes = {arm: code for code, arm in enumerate(arms)}
    return np.eye(len(arms))[[codes[arm] for arm in given]]


def after_doses(model: DoseModel, one: Intervention) -> tuple[Estimate, Verdict]:
    """The mean outcome at a dose, from the curve, or after a move of every dose."""
    study = model.study
    dose = np.asarray(study.dose)
    if one.kind == "do":
        at = _number(one)
        mean = model.curve([at])[0]
        return mean, extrapolation_verdict(one.target, beyond_support(dose, at, study.covariates), seen=_range(dose))
    if one.kind != "shift":
        raise InputError(f"{one}: a dose takes `do` with a number or `shift`; policies of doses can't be judged yet.")
    amount, (low, high) = _number(one), model.support
    moves = movable(dose, amount, low, high)
    stays = float(np.average(~moves, weights=weights_of(study)))
    beyond = beyond_support(dose, np.where(moves, dose + amount, dose), study.covariates)
    verdict = verdict_on_shares(
        one.target,
        {
            f"would lie beyond {low:.4g} to {high:.4g}, so that they kept their own": stays,
            "no unit like them had": float((beyond.unlikely & moves).mean()),
        },
    )
    surface = Surface(model.found.grid, model.found.mu, model.found.density)
    scores = shifted_outcomes(study.outcome, dose, amount, surface, (low, high))
    weight = weights_of(study)
    value = float(np.average(scores, weights=weight))
    like = model.ate() if isinstance(model, SlopeModel) else model.curve([low + (high - low) / 2])[0]
    return replace(like, value=value, influence=weight * (scores - value), name=str(one), verdicts=()), verdict


def after_slope(model: SlopeModel, one: Intervention) -> tuple[Estimate, Verdict]:
    """The mean outcome at a dose, or after a move of every dose, on a straight line."""
    study, slope, weight = model.study, model.ate(), weights_of(model.study)
    dose, y = np.asarray(study.dose), study.outcome
    if one.kind not in ("do", "shift"):
        raise InputError(f"{one}: a dose takes `do` with a number or `shift`.")
    amount = _number(one)
    middle, level = float(np.average(dose, weights=weight)), float(np.average(y, weights=weight))
    moved = amount if one.kind == "shift" else amount - middle
    influence = weight * (y - level) + moved * np.asarray(slope.influence)
    if one.kind == "do":
        influence = influence - slope.value * weight * (dose - middle)
    asked = dose + amount if one.kind == "shift" else np.full(study.n, amount)
    verdict = extrapolation_verdict(one.target, beyond_support(dose, asked, study.covariates), seen=_range(dose))
    return replace(slope, value=level + moved * slope.value, influence=influence, name=str(one)), verdict


def _support_of_arms(study: Study, chance: FloatArray, name: str) -> Verdict:
    """The share of units that get an arm that no unit like them had."""
    unlikely = np.zeros(study.n)
    for code in range(chance.shape[1]):
        if chance[:, code].any():
            had = (study.treatment == code).astype(np.float64)
            unlikely += chance[:, code] * beyond_support(had, 1.0, study.covariates).unlikely
    return verdict_on_shares(name, {"no unit like them had": float(unlikely.mean())})


def _checked_chances(chance: AnyArray, n: int, k: int, name: str) -> FloatArray:
    out = as_numbers(chance, f"The policy for {name}")
    if out.shape != (n, k) or not (out >= 0).all() or not np.allclose(out.sum(axis=1), 1):
        raise InputError(
            f"The policy for {name} gives shape {out.shape}, or rows that are no shares of one; give ({n:,}, {k})."
        )
    return out


def _number(one: Intervention) -> float:
    value = one.value
    if isinstance(value, bool) or not isinstance(value, int | float | np.number) or not np.isfinite(value):
        raise InputError(f"{one} has the value {value!r}; give a finite number.")
    return float(value)


def _range(dose: FloatArray) -> str:
    return f"{dose.min():.4g} to {dose.max():.4g}"


def weights_of(study: Study) -> FloatArray:
    """The weights of a study's units, (n,), averaging one."""
    return np.ones(study.n) if study.weight is None else study.weight / study.weight.mean()


def unit_scores(scores: FloatArray, means: AnyArray, weight: FloatArray) -> FloatArray:
    """What each unit would have in each arm, (n, k): a model's scores with the weights of the units taken out.

    A score is its mean plus the weighted deviation of the unit, so only without weights is it the unit's own; what
    plans and policies bring is the weighted mean of a unit's own scores.

    >>> unit_scores(np.array([[3.0], [2.5]]), np.array([2.0]), np.array([0.5, 1.5])).round(2).tolist()
    [[4.0], [2.33]]
    """
    deviation = np.asarray(scores - means, dtype=np.float64)
    spread = np.broadcast_to(weight[:, None], deviation.shape)
    return np.asarray(means + np.divide(deviation, spread, out=np.zeros_like(deviation), where=spread > 0))


def check_population(model: Any, what: str) -> None:
    """Refuse an effect model of some of its units, whose scores are not those of all.

    Raises:
        InputError: it was fitted for the treated, the control or the overlap population.
    """
    population = getattr(getattr(model, "learner", None), "population", "all")
    if population != "all":
        raise InputError(f"The model was fitted for population={population!r}; {what} needs one for all units.")
