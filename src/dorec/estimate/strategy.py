"""From an estimand to the estimator that its strategy calls for."""

from dataclasses import fields, is_dataclass, replace
from typing import Any, cast

from dorec.domain.errors import ColumnNotFound, InputError
from dorec.domain.estimand import Estimand
from dorec.domain.mediation import MediationEstimand
from dorec.domain.protocols import EffectModel
from dorec.domain.run import RunContext
from dorec.domain.study import Study
from dorec.estimate.aipw import AIPW, DEFAULT_CONTEXT
from dorec.estimate.double_ml import DoubleML
from dorec.estimate.front_door import FrontDoor
from dorec.estimate.interactive_iv import InteractiveIV, two_valued
from dorec.estimate.mediation import Mediation
from dorec.estimate.mediation_formula import splits_by_covariates
from dorec.estimate.plug_in import PlugIn
from dorec.estimate.two_stage_least_squares import TwoStageLeastSquares


def estimate(
    study: Study,
    estimand: Estimand | MediationEstimand,
    learner: Any = None,
    *,
    context: RunContext = DEFAULT_CONTEXT,
) -> EffectModel:
    """The fitted effect model of an estimand on a study.

    `back-door` adjusts for the estimand's adjustment set and nothing else; `randomised` uses every covariate of the
    study, for precision. Both go to `AIPW` for the query's population, a treatment by amount to `DoubleML`.
    `instrument` takes the estimand's instruments and adjustment set to `InteractiveIV` where one instrument of two
    values moves a treatment of two arms, else to `TwoStageLeastSquares`. `front-door` follows the effect through its
    mediators, which stand among the study's covariates, by `FrontDoor`; `mediation` splits it at them by `Mediation`.
    `general`, whatever formula the complete ID algorithm found, goes to `PlugIn`, for columns of few classes.
    `learner` replaces any of these defaults.

    Raises:
        InputError: no estimator serves the strategy, study and estimand name other variables, or the query has
            conditions where the strategy can't answer within them.
        ColumnNotFound: a variable that the estimand needs is no covariate of the study.

    Example:
        >>> import numpy as np
        >>> from dorec.domain.expression import Probability
        >>> from dorec.domain.query import CausalQuery
        >>> rng = np.random.default_rng(0)
        >>> t = np.arange(200) % 2
        >>> study = Study.from_table({"t": t, "y": t + rng.normal(size=200)}, outcome="y", treatment="t")
        >>> query, expression = CausalQuery("t", "y"), Probability(("y",), ("t",))
        >>> estimand = Estimand(query=query, strategy="randomised", expression=expression)
        >>> round(estimate(study, estimand).ate().value)
        1
    """
    study, default = prepared(study, estimand)
    fitted: Any = (learner or default).fit(study, context=context)
    named = is_dataclass(fitted) and "estimand" in {field.name for field in fields(fitted)}
    return cast(EffectModel, replace(fitted, estimand=str(estimand)) if named else fitted)


def prepared(study: Study, estimand: Estimand | MediationEstimand) -> tuple[Study, Any]:
    """The study as the estimand's strategy needs it, and the learner that it calls for; refused as `estimate` is.

    Example:
        >>> from dorec.domain.expression import Probability
        >>> from dorec.domain.query import CausalQuery
        >>> table = {"t": [0, 1, 0, 1], "y": [1.0, 2.0, 3.0, 4.0], "age": [30, 31, 32, 33]}
        >>> study = Study.from_table(table, outcome="y", treatment="t", covariates=["age"])
        >>> query, expression = CausalQuery("t", "y"), Probability(("y",), ("t",))
        >>> study, learner = prepared(study, Estimand(query=query, strategy="back-door", expression=expression))
        >>> study.covariate_names, type(learner).__name__
        ((), 'AIPW')
    """
    query = estimand.query
    if query.outcomes != (study.outcome_name,) or query.treatments != (study.treatment_name,):
        raise InputError(
            f"The estimand is {query}, the study has outcome {study.outcome_name!r} and treatment "
            f"{study.treatment_name!r}; make the study from the columns of the query."
        )
    strategy = "mediation" if isinstance(estimand, MediationEstimand) else estimand.strategy
    if strategy not in _SERVE:
        raise InputError(
            f"No estimator serves the strategy {strategy!r} yet; allowed: {', '.join(map(repr, _SERVE))}. Ask "
            "for a back-door estimand, or hand the study to a learner of your own."
        )
    if query.conditions and strategy != "general":
        raise InputError(
            f"The query asks for the effect within levels of {', '.join(query.conditions)}. Ask without them on the "
            "units of one level, study.take(rows), or take the segment(rows) of a fitted model."
        )
    if query.population != "all" and (strategy not in ("randomised", "back-door") or study.dose is not None):
        raise InputError(
            f"The query asks for the population {query.population!r}, which is for two or more arms and the strategies "
            f"'randomised' and 'back-door'; this is {strategy!r}. Ask for 'all'."
        )
    found: tuple[Study, Any] = _SERVE[strategy](study, estimand)
    return found


def _adjusting(study: Study, estimand: Estimand) -> Any:
    return AIPW(population=estimand.query.population) if study.dose is None else DoubleML()


def _all(study: Study, estimand: Estimand) -> tuple[Study, Any]:
    return study, _adjusting(study, estimand)


def _back_door(study: Study, estimand: Estimand) -> tuple[Study, Any]:
    return adjusted_for(study, estimand.adjustment_set), _adjusting(study, estimand)


def _instrument(study: Study, estimand: Estimand) -> tuple[Study, Any]:
    study = adjusted_for(study, estimand.adjustment_set)
    for name in estimand.instruments:
        if name not in study.instrument_names:
            raise ColumnNotFound(name, study.instrument_names, where="the instruments of the study")
    if study.instruments is not None and estimand.instruments:
        keep = [j for j, name in enumerate(study.instrument_names) if name in estimand.instruments]
        names = tuple(study.instrument_names[j] for j in keep)
        study = study.with_columns(instruments=study.instruments[:, keep], instrument_names=names)
    return study, InteractiveIV() if two_valued(study) else TwoStageLeastSquares()


def _front_door(study: Study, estimand: Estimand) -> tuple[Study, Any]:
    return adjusted_for(study, estimand.mediators), FrontDoor(mediators=estimand.mediators)


def _mediation(study: Study, estimand: Estimand | MediationEstimand) -> tuple[Study, Any]:
    if isinstance(estimand, Estimand):
        mediators, others = estimand.mediators or estimand.query.mediators, estimand.adjustment_set
    else:
        mediators, others = estimand.query.mediators, splits_by_covariates(estimand)
    return adjusted_for(study, (*others, *mediators)), Mediation(mediators=mediators)


def _general(study: Study, estimand: Estimand) -> tuple[Study, Any]:
    return study, PlugIn(estimand=estimand)


_SERVE: dict[str, Any] = {
    "randomised": _all,
    "back-door": _back_door,
    "instrument": _instrument,
    "front-door": _front_door,
    "mediation": _mediation,
    "general": _general,
}


def adjusted_for(study: Study, adjustment_set: tuple[str, ...]) -> Study:
    """The study with the covariates of an adjustment set alone, its units unchanged.

    Example:
        >>> table = {"t": [0, 1], "y": [1, 2], "a": [3, 4], "b": [5, 6]}
        >>> study = Study.from_table(table, outcome="y", treatment="t", covariates=["a", "b"])
        >>> adjusted_for(study, ("b",)).covariate_names
        ('b',)
    """
    source = [study.source_of.get(name, name) for name in study.covariate_names]
    for name in adjustment_set:
        if name not in source:
            raise ColumnNotFound(name, sorted(set(source)), where="the covariates of the study")
    keep = [j for j, column in enumerate(source) if column in adjustment_set]
    names = tuple(study.covariate_names[j] for j in keep)
    return study.with_columns(
        covariates=study.covariates[:, keep],
        covariate_names=names,
        source_of={name: column for name, column in study.source_of.items() if name in names},
    )
