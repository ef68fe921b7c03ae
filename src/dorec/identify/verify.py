"""An estimand held against brute force, before anyone relies on it."""

from collections.abc import Sequence

import numpy as np

from dorec.domain.counterfactual import CounterfactualEstimand
from dorec.domain.errors import InputError
from dorec.domain.estimand import Estimand
from dorec.domain.expression import Expression, Joint, regimes_of
from dorec.domain.graph import CausalGraph
from dorec.domain.regime import OBSERVED, Regime
from dorec.domain.run import RunContext
from dorec.domain.verdict import Verdict
from dorec.identify.orientations import member
from dorec.identify.separation import as_names
from dorec.identify.structural import DiscreteModel, random_model
from dorec.identify.worlds import random_functional_model

CHECK = "estimand against brute force"
TOLERANCE = 1e-9
MAX_VARIABLES = 20
NOTHING = Joint((), np.ones(()))
DEFAULT_CONTEXT = RunContext(seed=0)


def verify(
    graph: CausalGraph,
    estimand: Estimand | CounterfactualEstimand,
    context: RunContext = DEFAULT_CONTEXT,
    n_models: int = 3,
) -> Verdict:
    """Whether the estimand equals P(outcomes | do(treatments), conditions) in random structural models of the graph.

    Each model is discrete with random tables and a fresh hidden cause for each bidirected edge; the truth comes from
    the model itself, the estimand sees the joint distribution of each of its sources alone: what was observed, what
    experiments show, selected units, other populations. A wrong estimand agrees with the truth with probability zero.

    Args:
        graph: directed and bidirected edges; of a CPDAG, MPDAG or PAG one graph of the class is taken.
        estimand: what `identify` or `identify_counterfactual` gave, or a guess. Of a counterfactual, the models are
            functions of noise, and the truth is the share of units for which the events are true in all worlds at once.
        context: seed of the models.
        n_models: how many models.

    Returns:
        passed, failed (code `estimand_wrong`, with the largest error as statistic), or a warning
        (`estimand_not_verified`) where graph or expression are too large for tables.

    Raises:
        ColumnNotFound: the estimand names a variable that the graph lacks.

    Example:
        >>> from dorec.domain.query import CausalQuery
        >>> from dorec.identify.by_design import identify_from_covariates
        >>> g = CausalGraph.from_edges("zty", directed=[("z", "t"), ("z", "y"), ("t", "y")])
        >>> bool(verify(g, identify_from_covariates(CausalQuery("t", "y"), ["z"])))
        True
        >>> verify(g, identify_from_covariates(CausalQuery("t", "y"), [])).code
        'estimand_wrong'
    """
    graph = member(graph)  # what is right in all graphs of a class is right in this one
    rng = context.rng("verify estimand")
    if isinstance(estimand, CounterfactualEstimand):
        return _verify_counterfactual(graph, estimand, rng, n_models)
    query = estimand.query
    asked = (*query.outcomes, *query.treatments, *query.conditions)
    names = tuple(sorted(as_names(graph, estimand.expression.variables | set(asked))))
    if len(names) > MAX_VARIABLES:
        return _not_verified(f"it involves {len(names)} variables")
    selecting = {name for regime in estimand.regimes for name in regime.selected}
    relevant = graph.subgraph(graph.ancestors({*names, *selecting}))
    largest = 0.0
    try:
        for _ in range(n_models):
            model = random_model(relevant, rng)
            truth = model.effect(query.outcomes, query.treatments, query.conditions)
            answer = estimand.evaluate(sources_of(model, estimand.expression, asked, rng))
            largest = max(largest, float(np.abs(truth - answer).max()))
    except InputError as error:
        return _not_verified(str(error))
    return _compared(largest, n_models)


def _verify_counterfactual(
    graph: CausalGraph, estimand: CounterfactualEstimand, rng: np.random.Generator, n_models: int
) -> Verdict:
    asked = frozenset().union(*(event.variables for event in (*estimand.events, *estimand.given)))
    names = as_names(graph, asked | estimand.expression.variables)
    if not names:
        return _compared(abs(estimand.evaluate({OBSERVED: NOTHING}) - 1.0), n_models)
    relevant = graph.subgraph(graph.ancestors(names))
    largest = 0.0
    try:
        for _ in range(n_models):
            model = random_functional_model(relevant, rng)
            truth = model.probability(estimand.events, estimand.given)
            found = regimes_of(estimand.expression) or {OBSERVED: frozenset()}
            joints = {regime: model.joint_in(regime, sorted(wanted)) for regime, wanted in found.items()}
            largest = max(largest, abs(truth - estimand.evaluate(joints)))
    except InputError as error:
        return _not_verified(str(error))
    return _compared(largest, n_models)


def _compared(largest: float, n_models: int) -> Verdict:
    if not largest <= TOLERANCE:
        return _wrong(largest)
    return Verdict(
        check=CHECK,
        status="passed",
        statistic=largest,
        meaning=f"it equals the truth in {n_models} random structural models of the graph",
    )


def sources_of(
    model: DiscreteModel, expression: Expression, asked: Sequence[str], rng: np.random.Generator
) -> dict[Regime, Joint]:
    """What each source that an expression draws on shows in a model: populations that differ get mechanisms anew."""
    found = regimes_of(expression)
    found.setdefault(OBSERVED, frozenset())
    populations = {"": model}
    joints = {}
    for regime, names in found.items():
        if regime.domain not in populations:
            populations[regime.domain] = model.elsewhere(regime.differs, rng)
        wanted = names | (frozenset(asked) if regime == OBSERVED else frozenset())
        joints[regime] = populations[regime.domain].joint_in(regime, sorted(wanted))
    return joints


def _wrong(error: float) -> Verdict:
    return Verdict(
        check=CHECK,
        status="failed",
        code="estimand_wrong",
        statistic=error,
        meaning=f"in random models of this graph the estimand is off by up to {error:.3g}.",
        remedy="Ask identify(graph, query) for an estimand of this graph, or correct the graph.",
    )


def _not_verified(why: str) -> Verdict:
    return Verdict(
        check=CHECK,
        status="warning",
        code="estimand_not_verified",
        meaning=f"not checked: {why.rstrip('.')}.",
        remedy="Check it on a smaller graph: hidden parts that matter little can be left out.",
    )
