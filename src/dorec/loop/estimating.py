"""`dorec estimate`: a table file and a question -> an effect with its interval, its assumptions and its attacks."""

from dataclasses import dataclass, fields
from typing import Any

import numpy as np
import pyarrow as pa

from dorec.domain.errors import ColumnNotFound, ConfigError, InputError, Refusal
from dorec.domain.estimand import Estimand
from dorec.domain.estimate import Estimate
from dorec.domain.graph import CausalGraph
from dorec.domain.run import RunContext
from dorec.domain.study import Study
from dorec.domain.verdict import Verdict
from dorec.estimate import REGISTRY, estimate, make, naive_difference, prepared, registered_name
from dorec.loop.effect_question import AnyEstimand, EstimateRequest, estimand_of
from dorec.loop.tables import read_table
from dorec.refute import DEFAULT_REFUTERS, DataSubset, RandomCommonCause, refute_all

SERVES: dict[str, tuple[str, ...]] = {  # strategies that not every learner can answer, and the learners that can
    "instrument": ("interactive_iv", "orthogonal_iv", "two_stage_least_squares", "dr_iv", "deep_iv"),
    "front-door": ("front_door", "plug_in"),
    "mediation": ("mediation",),
    "general": ("plug_in",),
}
UNADJUSTED = {"robust_difference"}  # compare arms as they are: right where chance decided who was in which
SPECIAL = {name for names in SERVES.values() for name in names} - {"plug_in"}
QUANTILES = np.linspace(0.05, 0.95, 10)  # of a dose, at which the response is told
WORDS = {  # the library's arguments, as options
    "continuous=True": "--dose",
    "missing='drop'": "--drop-missing",
    "population='overlap'": "--population overlap",
    "bins=5": "--set bins=5",
}


@dataclass(frozen=True, kw_only=True, eq=False)
class Estimated:
    """The effect, what it rests on, and what attacked it; made by `estimate_file`.

    Example:
        >>> from pathlib import Path
        >>> study = Study.from_table({"t": [0, 1, 0, 1], "y": [1.0, 2.0, 3.0, 4.0]}, outcome="y", treatment="t")
        >>> asked = EstimateRequest(source=Path("shop.csv"), outcome="y", treatment="t", randomised=True)
        >>> estimand, graph = estimand_of(asked, ["t", "y"])
        >>> learner = make("aipw")
        >>> found = Estimated(
        ...     request=asked, study=study, rows=4, dropped_rows=0, estimand=estimand, graph=graph, method="aipw",
        ...     learner=learner, model=None, effect=Estimate(1.0, name="1 - 0"), naive=None, response=None,
        ...     refutations=())
        >>> found.strategy, found.to_dict()["effects"][0]["value"]
        ('randomised', 1.0)
    """

    request: EstimateRequest
    study: Study  # as the learner saw it
    rows: int
    dropped_rows: int
    estimand: AnyEstimand
    graph: CausalGraph | None
    method: str
    learner: Any
    model: Any
    effect: Estimate
    naive: Estimate | None
    response: Estimate | None  # mean outcome at each of some doses
    refutations: tuple[Verdict, ...]

    @property
    def strategy(self) -> str:
        """What makes the effect identifiable."""
        return self.estimand.strategy if isinstance(self.estimand, Estimand) else "mediation"

    @property
    def verdicts(self) -> tuple[Verdict, ...]:
        """What the fit itself found."""
        return self.effect.verdicts

    @property
    def checks(self) -> tuple[Verdict, ...]:
        """What the fit found, then the attacks, each thing once."""
        return tuple({(v.check, v.meaning): v for v in (*self.verdicts, *self.refutations)}.values())

    @property
    def weak_set(self) -> list[tuple[float, float]] | None:
        """Where instruments are weak: the set of effects that the data do not reject."""
        if self.strategy != "instrument" or not self.effect.no_interval or np.ndim(self.effect.value):
            return None
        ask = getattr(self.model, "anderson_rubin", None)
        return None if ask is None else list(ask())

    @property
    def groups(self) -> Estimate | None:
        """Shares of compliers, always takers and never takers, where the method tells them."""
        ask = getattr(self.model, "shares", None)
        return None if ask is None else ask()

    def to_dict(self) -> dict[str, Any]:
        """All of it as plain data."""
        weak, response = self.weak_set, self.response
        formula = str(self.estimand) if not isinstance(self.estimand, Estimand) else str(self.estimand.expression)
        return {
            "question": {"treatment": self.request.treatment, "outcome": self.request.outcome}
            | {"population": self.request.population, "arms": [str(arm) for arm in self.study.arms]},
            "rows": self.rows,
            "dropped_rows": self.dropped_rows,
            "strategy": self.strategy,
            "formula": formula,
            "assumptions": list(self.estimand.assumptions),
            "covariates": list(self.study.covariate_names),
            "instruments": list(self.study.instrument_names),
            "method": self.method,
            "settings": settings_of(self.learner),
            "effects": [one.to_dict() for one in self.effect.scalars()],
            "naive": None if self.naive is None else [one.to_dict() for one in self.naive.scalars()],
            "dose_response": None if response is None else [one.to_dict() for one in response.scalars()],
            "weak_instrument_set": None if weak is None else [[_bound(a), _bound(b)] for a, b in weak],
            "compliance": None if self.groups is None else [one.to_dict() for one in self.groups.scalars()],
            "verdicts": [v.to_dict() for v in self.verdicts],
            "refutations": [v.to_dict() for v in self.refutations],
        }


def estimate_file(request: EstimateRequest, *, context: RunContext) -> Estimated:
    r"""Read the table, identify the effect, estimate it, and attack it where that was asked.

    Raises:
        ConfigError: a method, setting or option is unknown or does not fit the others.
        ColumnNotFound, UnreadableSource: the table is not there, or lacks a column.
        Refusal: the data can't tell; with the reason and the remedy.

    Example:
        >>> import tempfile
        >>> from pathlib import Path
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     file = Path(folder, "shop.csv")
        ...     rows = "\n".join(f"{i % 2},{i % 2 + (i * 7) % 5}" for i in range(200))
        ...     _ = file.write_text("voucher,spent\n" + rows)
        ...     asked = EstimateRequest(source=file, outcome="spent", treatment="voucher", randomised=True)
        ...     found = estimate_file(asked, context=RunContext())
        >>> found.effect.name, round(found.effect.value, 6), found.strategy
        ('1 - 0', 1.0, 'randomised')
    """
    table = read_table(request.source)
    _check_columns(request, table)
    estimand, graph = estimand_of(request, table.column_names)
    try:
        return _estimated(request, table, estimand, graph, context)
    except Refusal as refusal:
        told = _in_options(refusal.remedy)
        if told == refusal.remedy:
            raise
        raise type(refusal)(refusal.reason, remedy=told, evidence=refusal.evidence) from None
    except InputError as error:
        if type(error) is not InputError or _in_options(str(error)) == str(error):
            raise
        raise InputError(_in_options(str(error))) from None


def purposes() -> dict[str, str]:
    """What each effect learner estimates, in a sentence.

    >>> purposes()["aipw"][:42]
    'Average effects of each arm against the fi'
    """
    return REGISTRY.purposes()


def settings_of(learner: Any) -> dict[str, Any]:
    """The plain hyperparameters of a learner; models and estimands are left out.

    >>> settings_of(make("aipw", n_folds=3))["n_folds"]
    3
    """
    values = {f.name: getattr(learner, f.name) for f in fields(learner)}
    return {k: v for k, v in values.items() if isinstance(v, str | int | float | tuple | list)}


def _estimated(
    request: EstimateRequest, table: pa.Table, estimand: AnyEstimand, graph: CausalGraph | None, context: RunContext
) -> Estimated:
    study = _study(request, table, estimand)
    study, default = prepared(study, estimand)
    method, learner = _learner(request, estimand, default)
    model: Any = estimate(study, estimand, learner, context=context)
    effect = model.effects() if method == "mediation" else model.ate()
    return Estimated(
        request=request,
        study=study,
        rows=study.n,
        dropped_rows=table.num_rows - study.n,
        estimand=estimand,
        graph=graph,
        method=method,
        learner=learner,
        model=model,
        effect=effect,
        naive=None if study.dose is not None else naive_difference(study),
        response=_response(study, model),
        refutations=_attacked(request, study, (learner, model), estimand, context),
    )


def _study(request: EstimateRequest, table: pa.Table, estimand: AnyEstimand) -> Study:
    inside = {request.treatment, request.outcome, *request.instruments}
    if isinstance(estimand, Estimand):
        wanted = [*estimand.adjustment_set, *estimand.mediators]
        wanted += sorted(estimand.expression.variables) if estimand.strategy == "general" else []
    else:
        wanted = [*sorted(estimand.nested.variables - {*request.mediators}), *request.mediators]
    return Study.from_table(
        table,
        outcome=request.outcome,
        treatment=request.treatment,
        covariates=[name for name in dict.fromkeys(wanted) if name not in inside],
        control=_level(request.control, table, request.treatment),
        unit=request.unit,
        cluster=request.cluster,
        weight=request.weight,
        instruments=list(request.instruments),
        missing=request.missing,
        continuous=request.dose,
    )


def _learner(request: EstimateRequest, estimand: AnyEstimand, default: Any) -> tuple[str, Any]:
    """The registered name and the learner that was asked for, or the default with the settings that were given."""
    strategy = estimand.strategy if isinstance(estimand, Estimand) else "mediation"
    name = registered_name(request.method or type(default).__name__)
    made = REGISTRY.load(name)
    allowed = SERVES.get(strategy, tuple(known for known in REGISTRY if known not in SPECIAL))
    if name not in allowed:
        raise ConfigError(
            f"{name} can't answer by the strategy {strategy!r}. Methods for it: "
            f"{', '.join(known for known in allowed if known in REGISTRY)}."
        )
    if name in UNADJUSTED and strategy != "randomised":
        raise ConfigError(f"{name} compares the arms as they are, which is right with --randomised alone; take aipw.")
    known = {f.name for f in fields(made)}
    carried: dict[str, Any] = {"estimand": estimand} if "estimand" in known else {}
    if "mediators" in known:
        carried["mediators"] = tuple(getattr(estimand, "mediators", ()) or estimand.query.mediators)
    if request.population != "all":
        if "population" not in known:
            raise ConfigError(f"{name} estimates the effect on all units alone; leave out --population, or take aipw.")
        carried["population"] = request.population
    return name, make(name, **{**carried, **request.settings})


def _response(study: Study, model: Any) -> Estimate | None:
    """Mean outcomes at ten doses, where the method tells them; those that it can't reach are left out."""
    ask = getattr(model, "dose_response", None) or getattr(model, "curve", None)
    if study.dose is None or ask is None:
        return None
    low, high = getattr(model, "support", (-np.inf, np.inf))
    doses = {float(f"{dose:.3g}") for dose in np.quantile(study.dose, QUANTILES)}
    found: Estimate = ask(sorted(dose for dose in doses if low <= dose <= high))
    return found


def _attacked(
    request: EstimateRequest, study: Study, fitted: tuple[Any, Any], estimand: AnyEstimand, context: RunContext
) -> tuple[Verdict, ...]:
    """The attacks that mean something here.

    Shuffling the treatment, or asking how strong a hidden cause must be, does not where an instrument moves it.
    """
    if not request.refute:
        return ()
    learner, model = fitted
    adjusts = isinstance(estimand, Estimand) and estimand.strategy in ("randomised", "back-door")
    refuters = DEFAULT_REFUTERS if adjusts and study.dose is None else (RandomCommonCause(), DataSubset())
    return tuple(refute_all(study, learner, model.ate(), refuters=refuters, context=context))


def _check_columns(request: EstimateRequest, table: pa.Table) -> None:
    named = [request.outcome, request.treatment, *request.covariates, *request.instruments, *request.mediators]
    named += [name for name in (request.unit, request.cluster, request.weight) if name]
    for name in named:
        if name not in table.column_names:
            raise ColumnNotFound(name, table.column_names, where=request.source.name)


def _level(control: Any, table: pa.Table, treatment: str) -> Any:
    """The reference level as the column holds it: "0" is 0 in a column of numbers."""
    if control is None:
        return None
    levels = table.column(treatment).unique().to_pylist()
    return next((level for level in levels if str(level) == str(control)), control)


def _in_options(text: str) -> str:
    for argument, option in WORDS.items():
        text = text.replace(argument, option)
    return text


def _bound(value: float) -> float | str:
    return float(value) if np.isfinite(value) else "inf" if value > 0 else "-inf"
