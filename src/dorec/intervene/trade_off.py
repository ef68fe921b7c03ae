"""The plans between two aims: a budget spent for one, for the other, and for mixtures of both."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol

import numpy as np

from dorec.domain.errors import ConfigError, InputError, OtherUnits
from dorec.domain.estimate import Estimate
from dorec.domain.intervention import Budget
from dorec.domain.plain_numbers import is_number
from dorec.intervene.allocate import allocate
from dorec.intervene.allocation import Allocation, allocation_value
from dorec.intervene.pareto import ParetoFront, pareto_front
from dorec.intervene.scenario_outcomes import check_population, unit_scores, weights_of
from dorec.numeric.arrays import FloatArray


class FittedEffects(Protocol):
    """An effect model that knows the effects of the units it was fitted on, as `AIPW` gives."""

    @property
    def arms(self) -> tuple[Any, ...]:
        """The arms, the reference first."""
        ...

    @property
    def scores(self) -> FloatArray:
        """The orthogonal score of each unit and arm, (n, k)."""
        ...

    @property
    def unit_effects(self) -> FloatArray:
        """Out-of-fold effect of each unit: (n,) for two arms, (n, k - 1) for more."""
        ...

    def arm_means(self) -> Estimate:
        """Mean outcome in each arm, (k,), with the sample and its clusters."""
        ...


@dataclass(frozen=True, kw_only=True, eq=False)
class TradeOff:
    """Allocations for mixtures of aims, and the front of what they are worth.

    Example:
        >>> plans = TradeOff(front=None, allocations={})
        >>> plans.allocations
        {}
    """

    front: ParetoFront
    allocations: Mapping[str, Allocation]  # candidate -> who gets what

    def __str__(self) -> str:
        return str(self.front)


def trade_off(
    models: Mapping[str, FittedEffects],
    budget: Budget,
    *,
    weights: int | Sequence[Mapping[str, float]] = 5,
    level: float = 0.95,
) -> TradeOff:
    """What a budget can bring of several aims: the plan for each mixture of them, with the gain per unit in each aim.

    For each mixture the arms are chosen by the sum of the weighted out-of-fold effects, each in units of its spread
    over the units, under the budget; what a plan is worth in each aim is the mean of that aim's scores, so the front
    holds no optimism from the choice of arms.

    Args:
        models: aim -> effect model, all fitted on the same units with the same arms; larger outcomes are better.
        budget: as for `allocate`.
        weights: mixtures of aims, or how many between two aims (5: 0, 1/4, ... 1).
        level: of the front's joint statements.

    Raises:
        InputError: fewer than two aims, other arms, a model of some of its units, or a number of mixtures for more
            than two aims.
        OtherUnits: the models were fitted on different units.

    Example:
        >>> from dorec.domain.estimate import Estimate
        >>> class Model:
        ...     arms = (0, 1)
        ...     def __init__(self, effects):
        ...         self.unit_effects, self.scores = effects, np.column_stack([0 * effects, effects])
        ...     def arm_means(self):
        ...         return Estimate.of_mean(self.scores, name=("0", "1"), sample="users")
        >>> x = np.linspace(-1, 1, 200)
        >>> models = {"sales": Model(4 - (x - 1)**2), "liking": Model(4 - (x + 1)**2)}
        >>> found = trade_off(models, Budget(max_units=100), weights=3)
        >>> found.front.front
        ('liking', '0.5 sales + 0.5 liking', 'sales')
        >>> found.front.values.round(2).tolist()
        [[0.83, 1.83], [1.46, 1.46], [1.83, 0.83]]
    """
    if not isinstance(models, Mapping) or not isinstance(budget, Budget):
        raise InputError(
            "trade_off takes aim -> effect model and a Budget, as {'sales': ..., 'liking': ...}, Budget()."
        )
    aims = tuple(models)
    if len(aims) < 2:
        raise InputError(f"trade_off got {len(aims)} aim(s); give an effect model for each of two or more.")
    means = {aim: model.arm_means() for aim, model in models.items()}
    arms, first = models[aims[0]].arms, means[aims[0]]
    for aim in aims[1:]:
        if models[aim].arms != arms:
            raise InputError(f"{aims[0]!r} has the arms {arms}, {aim!r} has {models[aim].arms}; give the same ones.")
        if means[aim].n != first.n or means[aim].sample != first.sample:
            raise OtherUnits(
                f"{aims[0]!r} was fitted on {first.n:,} units ({first.sample}), {aim!r} on {means[aim].n:,} "
                f"({means[aim].sample})",
                remedy="fit all aims on one study: study.with_columns(outcome=..., outcome_name=...) keeps its units",
            )
    sizes = {aim: float(np.std(model.unit_effects)) or 1.0 for aim, model in models.items()}
    own = {aim: _own_scores(model, means[aim], aim) for aim, model in models.items()}
    mixtures = _mixtures(weights, aims)
    plans, values = {}, {}
    for name, mixture in zip(_labels(mixtures), mixtures, strict=True):
        mixed = np.asarray(sum(w / sizes[aim] * np.asarray(models[aim].unit_effects) for aim, w in mixture.items()))
        plans[name] = allocate(mixed, budget, arms)
        values[name] = {aim: _worth(plans[name], *own[aim], like=first, name=aim) for aim in aims}
    return TradeOff(front=pareto_front(values, level=level), allocations=plans)


def _own_scores(model: FittedEffects, means: Estimate, aim: str) -> tuple[FloatArray, FloatArray | None]:
    """What each unit would have in each arm, (n, k), and the weights of the units, (n,)."""
    check_population(model, f"trade_off of {aim!r}")
    study = getattr(model, "study", None)
    if study is None or study.weight is None:
        return model.scores, None
    weight = weights_of(study)
    return unit_scores(model.scores, means.value, weight), weight


def _worth(plan: Allocation, scores: FloatArray, weight: FloatArray | None, *, like: Estimate, name: str) -> Estimate:
    """The gain per unit of a plan, a unit counting its weight."""
    made = allocation_value(plan.arm, scores, sample=like.sample, cluster=like.cluster, name=name)
    if weight is None:
        return made
    gain = np.asarray(made.influence) + made.value
    value = float(np.average(gain, weights=weight))
    return replace(made, value=value, influence=weight * (gain - value))


def _mixtures(weights: int | Sequence[Mapping[str, float]], aims: Sequence[str]) -> list[dict[str, float]]:
    if isinstance(weights, int):
        if len(aims) != 2 or weights < 2:
            raise InputError(
                f"weights is {weights} for {len(aims)} aims; give 2 or more for two aims, or the mixtures themselves."
            )
        return [{aims[0]: float(w), aims[1]: float(1 - w)} for w in np.linspace(0, 1, weights)]
    if not isinstance(weights, Sequence):
        raise InputError(f"weights is {weights!r}; give a whole number, or a list of mixtures as {{'sales': 1.0}}.")
    for mixture in weights:
        if not isinstance(mixture, Mapping):
            raise ConfigError(f"The mixture {mixture!r} is no weights by aim; give {{'sales': 1.0, 'liking': 0.5}}.")
        good = all(is_number(w) and 0 <= w < np.inf for w in mixture.values())
        if not set(mixture) <= set(aims) or not good or not any(mixture.values()):
            raise ConfigError(
                f"The mixture {dict(mixture)} is none of {', '.join(aims)}; give weights of 0 or more by aim."
            )
    return [dict(mixture) for mixture in weights]


def _labels(mixtures: Sequence[Mapping[str, float]]) -> list[str]:
    """A name for each mixture, with as many digits as tell them apart."""
    for digits in (2, 4, 8):
        labels = [_label(mixture, digits) for mixture in mixtures]
        if len(set(labels)) == len({_label(mixture, 16) for mixture in mixtures}):
            break
    return labels


def _label(mixture: Mapping[str, float], digits: int) -> str:
    held = [(aim, w) for aim, w in mixture.items() if w > 0]
    return held[0][0] if len(held) == 1 else " + ".join(f"{w:.{digits}g} {aim}" for aim, w in held)
