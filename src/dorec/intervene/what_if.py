"""What would come of it: expected outcomes after interventions, against what was, with an error and a warning where the
data say nothing.
"""

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol, runtime_checkable

import numpy as np

from dorec.domain.errors import ColumnNotFound, ConfigError, InputError, NoSupport, Refusal
from dorec.domain.estimate import Estimate, fingerprint
from dorec.domain.graph import CausalGraph
from dorec.domain.intervention import Intervention
from dorec.domain.run import RunContext
from dorec.domain.study import Study
from dorec.domain.table import column, is_numeric, to_arrow
from dorec.domain.verdict import Verdict
from dorec.intervene.extrapolation import beyond_support, extrapolation_verdict
from dorec.intervene.scenario_outcomes import (
    ArmModel,
    DoseModel,
    SlopeModel,
    after_arms,
    after_doses,
    after_slope,
    check_population,
    weights_of,
)
from dorec.numeric.arrays import FloatArray
from dorec.numeric.folds import hash64

DEFAULT_CONTEXT = RunContext()
AS_IT_IS = "as it is"
Scenarios = Mapping[str, Intervention | Sequence[Intervention]] | Sequence[Intervention] | Intervention
NO_REFIT = "the error of the model's own fit is unknown; hand in the learner that fitted it to these rows"


@runtime_checkable
class StructuralModel(Protocol):
    """A fitted structural model: it knows what each unit would have had."""

    @property
    def graph(self) -> CausalGraph:
        """Its graph."""
        ...

    @property
    def n(self) -> int:
        """Rows that it was fitted on."""
        ...

    def counterfactual(self, table: Any, do: Any, *, n_draws: int = ..., context: RunContext = ...) -> Any:
        """What the units of a table would have had: an object with `mean`, `effect` and `verdicts`."""
        ...


class StructuralLearner(Protocol):
    """What fits a structural model to a graph and a table."""

    def fit(self, graph: CausalGraph, table: Any, *, context: RunContext = ...) -> StructuralModel:
        """The fitted model."""
        ...


@dataclass(frozen=True, kw_only=True, eq=False)
class WhatIf:
    """Expected outcomes of scenarios and of what was, on the same units.

    Example:
        >>> mean = Estimate.of_mean(np.array([[1.0, 2.0], [3.0, 5.0], [2.0, 2.5]]), name=("as it is", "cheap"))
        >>> found = WhatIf(outcomes=mean, costs=(0.5,), verdicts={"cheap": ()})
        >>> round(found.effects["cheap"].value, 3), round(found.net(worth=2.0)["cheap"].value, 3)
        (1.167, 1.833)
    """

    outcomes: Estimate  # (1 + s,), what was first
    costs: tuple[float, ...]  # (s,) of a scenario per unit
    verdicts: Mapping[str, tuple[Verdict, ...]]  # scenario -> what is said of its support

    @property
    def scenarios(self) -> tuple[str, ...]:
        """Names of the scenarios, (s,)."""
        return tuple(self.outcomes.name[1:])

    @property
    def effects(self) -> Estimate:
        """Each scenario less what was, (s,): `interval(joint=True)` holds for all of them at once."""
        value, influence = np.asarray(self.outcomes.value), self.outcomes.influence
        return replace(
            self.outcomes,
            value=value[1:] - value[0],
            influence=None if influence is None else influence[:, 1:] - influence[:, :1],
            name=self.scenarios,
        )

    def net(self, worth: float = 1.0) -> Estimate:
        """Effects times the worth of one unit of the outcome, less the cost of the scenario, per unit, (s,)."""
        return replace(self.effects * worth, value=self.effects.value * worth - np.array(self.costs))

    def to_table(self, level: float = 0.95) -> list[dict[str, Any]]:
        """A row for each scenario: outcome, effect with joint bounds (None without an interval), cost, support."""
        effects, rows = self.effects, []
        ends: tuple[Any, Any] = (None, None)
        if not effects.no_interval:
            ends = effects.interval(level, joint=True)
        for i, name in enumerate(self.scenarios):
            rows.append(
                {
                    "scenario": name,
                    "outcome": float(self.outcomes.value[1 + i]),
                    "effect": float(effects.value[i]),
                    "lower": None if ends[0] is None else float(ends[0][i]),
                    "upper": None if ends[1] is None else float(ends[1][i]),
                    "cost": self.costs[i],
                    "beyond": max((v.statistic or 0.0 for v in self.verdicts[name]), default=0.0),
                }
            )
        return rows

    def __str__(self) -> str:
        lines = [f"{AS_IT_IS}: {self.outcomes.value[0]:.4g}"]
        for row in self.to_table():
            ends = "no valid interval" if row["lower"] is None else f"{row['lower']:.4g} to {row['upper']:.4g}"
            lines.append(f"{row['scenario']}: {row['outcome']:.4g}, {row['effect']:+.4g} ({ends})")
            lines += [f"  {v}" for v in self.verdicts[row["scenario"]] if not v]
        return "\n".join(lines)


def what_if(
    model: Any,
    scenarios: Scenarios,
    data: Any = None,
    *,
    outcome: str = "",
    level: object = None,
    learner: StructuralLearner | None = None,
    context: RunContext = DEFAULT_CONTEXT,
) -> WhatIf:
    """The expected outcome under each scenario and as it is, on the same units.

    An effect model answers for its own study and outcome: `do` and `policy` on its arms by orthogonal scores, on a dose
    `do` by its curve and `shift` by a doubly robust mean after the move (units that would leave the support keep their
    dose). A structural model answers for any of its variables, several at once, for the units of `data`: each keeps
    its own noise. Its interval comes from fitting it again without one of 20 groups of units at a time (delete-group
    jackknife), which needs the `learner` that fitted it to `data`.

    Args:
        model: a fitted structural model, an effect model of arms (as of `AIPW`), of a dose (`DoseResponse`), or of a
            slope (`DoubleML` with a dose).
        scenarios: name -> one or several interventions; or interventions that each are a scenario.
        data: for a structural model, the units that are asked about.
        outcome: for a structural model, the variable that is averaged.
        level: of a discrete outcome, the level whose share is asked about.
        learner: for a structural model, what fitted it.
        context: seed and progress.

    Returns:
        Outcomes, effects, costs, and for each scenario a verdict on the share of units it takes beyond the data.

    Raises:
        NoSupport: a scenario takes all units beyond the data. NoOverlap: a dose that the curve can't be known at.
        InputError, ColumnNotFound: an intervention that the model knows nothing of.

    Example:
        >>> from dorec.domain.intervention import Intervention
        >>> class Model:  # what AIPW gives
        ...     arms, study = ("none", "mail"), Study.from_table(
        ...         {"t": ["mail", "none"] * 50, "y": [2.0, 1.0] * 50}, outcome="y", treatment="t", control="none")
        ...     scores = np.tile([1.0, 2.0], (100, 1)) + np.sin(np.arange(100.0))[:, None]
        ...     def arm_means(self):
        ...         return Estimate.of_mean(self.scores, name=("none", "mail"), sample=self.study.sample)
        >>> asked = {"all": Intervention(target="t", value="mail", cost=0.2),
        ...          "half": Intervention(target="t", kind="policy", value={"mail": 0.5, "none": 0.5})}
        >>> what_if(Model(), asked).effects.value.round(1).tolist()
        [0.5, 0.0]
    """
    asked = _named(scenarios)
    if isinstance(model, StructuralModel):
        outcomes, verdicts = _structural(model, asked, data, outcome, level, learner, context)
    else:
        outcomes, verdicts = _of_study(model, asked)
    costs = tuple(float(sum(one.cost for one in given)) for given in asked.values())
    return WhatIf(outcomes=outcomes, costs=costs, verdicts=verdicts)


def _named(scenarios: Scenarios) -> dict[str, tuple[Intervention, ...]]:
    if isinstance(scenarios, Intervention):
        scenarios = [scenarios]
    if not isinstance(scenarios, Mapping | Sequence):
        raise InputError(f"what_if got {type(scenarios).__name__}; give interventions, or name -> interventions.")
    pairs = scenarios.items() if isinstance(scenarios, Mapping) else [(str(one), one) for one in scenarios]
    named: dict[str, tuple[Intervention, ...]] = {}
    for name, given in pairs:
        several = tuple(given) if isinstance(given, Sequence) else (given,)
        if not several or not all(isinstance(one, Intervention) for one in several):
            raise InputError(f"The scenario {name!r} holds no interventions; give Intervention(target=..., value=...).")
        if str(name) == AS_IT_IS or str(name) in named:
            raise InputError(
                f"There are two scenarios {str(name)!r}; name each by a word of its own: name -> intervention."
            )
        named[str(name)] = several
    if not named:
        raise InputError("what_if got no intervention; give at least one for each scenario.")
    return named


def _of_study(
    model: Any, asked: Mapping[str, tuple[Intervention, ...]]
) -> tuple[Estimate, dict[str, tuple[Verdict, ...]]]:
    if not isinstance(getattr(model, "study", None), Study):
        raise InputError(f"{type(model).__name__} is no fitted model; give an effect model or a structural model.")
    study: Study = model.study
    found: list[Estimate] = [_as_it_is(model)]
    verdicts: dict[str, tuple[Verdict, ...]] = {}
    for name, given in asked.items():
        if len(given) > 1:
            raise InputError(
                f"The scenario {name!r} has {len(given)} interventions; an effect model knows one treatment. "
                "Take a structural model for several."
            )
        (one,) = given
        if one.target != study.treatment_name:
            raise ColumnNotFound(one.target, [study.treatment_name], where="the treatments of the effect model")
        if isinstance(model, DoseModel) and study.dose is not None:
            mean, verdict = after_doses(model, one)
        elif isinstance(model, SlopeModel) and study.dose is not None:
            mean, verdict = after_slope(model, one)
        elif isinstance(model, ArmModel):
            mean, verdict = after_arms(model, one)
        else:
            raise InputError(f"{type(model).__name__} is no model that what_if can ask; see its documentation.")
        found.append(replace(mean, name=name, verdicts=()))
        verdicts[name] = (verdict,)
    return Estimate.concat(found), verdicts


def _as_it_is(model: Any) -> Estimate:
    """The mean outcome of the study's units, on the units of the model."""
    study: Study = model.study
    like: Estimate = model.ate() if study.dose is not None else model.arm_means()
    check_population(model, "what_if")
    if like.n != study.n:
        raise InputError(f"The model speaks of {like.n:,} units, its study has {study.n:,}; fit it again.")
    weight = weights_of(study)
    value = float(np.average(study.outcome, weights=weight))
    first = like[0] if np.ndim(like.value) else like
    return replace(first, value=value, influence=weight * (study.outcome - value), name=AS_IT_IS, verdicts=())


def _structural(
    model: StructuralModel,
    asked: Mapping[str, tuple[Intervention, ...]],
    data: Any,
    outcome: str,
    level: object,
    learner: StructuralLearner | None,
    context: RunContext,
) -> tuple[Estimate, dict[str, tuple[Verdict, ...]]]:
    if data is None or not outcome:
        raise InputError("A structural model needs the units and the outcome: what_if(model, ..., data, outcome='y').")
    table = to_arrow(data, model.graph.nodes)
    if outcome not in model.graph.nodes:
        raise ColumnNotFound(outcome, model.graph.nodes, where="the variables of the model")
    verdicts: dict[str, tuple[Verdict, ...]] = {}
    values = _unit_outcomes(model, asked, table, (outcome, level), context, verdicts)
    names = (AS_IT_IS, *asked)
    sample = fingerprint(values[:, 0], np.array([model.n]))
    mean = Estimate(values.mean(axis=0), name=names, method="structural model", sample=sample, no_interval=NO_REFIT)
    if learner is None or table.num_rows != model.n:
        return mean, verdicts
    try:
        group, without = _without_groups(model, asked, table, (outcome, level), learner, context)
    except Refusal as refusal:
        reason = f"the model can't be fitted without some of the units ({refusal.reason})"
        return replace(mean, no_interval=reason), verdicts
    groups = len(without)
    influence = (groups - 1) * (without.mean(axis=0) - without)[group]
    found = Estimate(
        mean.value,
        influence,
        name=names,
        method=f"structural model, jackknife of {groups} groups",
        sample=sample,
        cluster=group,
        dof=groups - 1.0,
    )
    return found, verdicts


GROUPS = 20  # of units that are left out, one after the other
DRAWS = 50  # of the noise that the data leave open


def _unit_outcomes(
    model: StructuralModel,
    asked: Mapping[str, tuple[Intervention, ...]],
    table: Any,
    of: tuple[str, object],
    context: RunContext,
    verdicts: dict[str, tuple[Verdict, ...]] | None = None,
) -> FloatArray:
    """Outcome of each unit as it is and in each scenario, (n, 1 + s); verdicts on support are put into `verdicts`."""
    columns: list[FloatArray] = []
    for name, given in asked.items():
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # what leaves the data is said by the verdicts
            found = model.counterfactual(table, list(given), n_draws=DRAWS, context=context)
        mean = np.asarray(found.mean(*of))
        if not columns:
            columns.append(mean - np.asarray(found.effect(*of)))
        columns.append(mean)
        if verdicts is not None:
            verdicts[name] = (*found.verdicts, *_alike(model.graph, given, table))
            for verdict in found.verdicts:
                if (verdict.statistic or 0.0) > 1 - 1e-9:
                    raise NoSupport(f"{name}: {verdict.meaning}", remedy=verdict.remedy, evidence=verdict.evidence)
    return np.stack(columns, axis=1)


def _alike(graph: CausalGraph, given: Sequence[Intervention], table: Any) -> list[Verdict]:
    """Verdicts on amounts that units with such causes have not come near, whatever the model says of them."""
    found = []
    for one in given:
        parents = [p for p in sorted(graph.parents(one.target)) if is_numeric(column(table, p))]
        held, amount = column(table, one.target), one.value
        if isinstance(amount, bool) or not isinstance(amount, int | float | np.number) or not is_numeric(held):
            continue
        asked = held + amount if one.kind == "shift" else np.full(len(held), amount)
        causes = np.column_stack([np.empty((len(held), 0)), *(column(table, p) for p in parents)]).astype(np.float64)
        verdict = extrapolation_verdict(one.target, beyond_support(held, asked, causes))
        found += [] if verdict.status == "passed" else [verdict]
    return found


def _without_groups(
    model: StructuralModel,
    asked: Mapping[str, tuple[Intervention, ...]],
    table: Any,
    of: tuple[str, object],
    learner: StructuralLearner,
    context: RunContext,
) -> tuple[Any, FloatArray]:
    """The group of each unit, (n,), and the means without each group, (groups, 1 + s)."""
    n = table.num_rows
    groups = min(GROUPS, n)
    if n < 2 * GROUPS:
        raise ConfigError(f"There are {n} units; an interval needs {2 * GROUPS} or more.")
    group = np.argsort(np.argsort(hash64(np.arange(n)), kind="stable")) % groups
    means = []
    for g in context.track(range(groups), "fits without a group", groups):
        kept = group != g
        fitted = learner.fit(model.graph, table.filter(kept), context=context)
        means.append(_unit_outcomes(fitted, asked, table, of, context)[kept].mean(axis=0))
    return group, np.array(means)
