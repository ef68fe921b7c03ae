"""A question -> graph, estimand, estimate, refutation, and whom to treat."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pyarrow as pa

from dorec.domain.errors import ConfigError, NotIdentifiable, Refusal, did_you_mean
from dorec.domain.estimand import Estimand
from dorec.domain.estimate import Estimate
from dorec.domain.graph import CausalGraph
from dorec.domain.intervention import Budget
from dorec.domain.protocols import EffectModel
from dorec.domain.query import CausalQuery
from dorec.domain.run import RunContext
from dorec.domain.study import Study
from dorec.domain.verdict import Verdict
from dorec.estimate import AIPW, adjusted_for, naive_difference, prepared
from dorec.evaluate import qini, uplift_curve
from dorec.identify import check_controls, identify, identify_from_covariates, identify_randomised, verify
from dorec.intervene import Allocation, Exploring, allocate
from dorec.intervene.bandits.decisions import draw
from dorec.loop.bounding import with_bounds
from dorec.loop.effect_details import attacked, varying_effects
from dorec.loop.graph_file import parse_graph
from dorec.loop.learned_graph import learn_graph
from dorec.loop.questions import Question, ask
from dorec.loop.results import StageResult, refused
from dorec.loop.study_file import PolicySettings
from dorec.loop.workspace import Workspace
from dorec.numeric.arrays import FloatArray
from dorec.refute import DataSubset, refute_all

MAX_VERIFIED = 3
ADJUSTING = ("randomised", "back-door")
BY_FORMULA = (DataSubset(),)  # other attacks speak of covariates, which these formulas do not adjust for


def applies(workspace: Workspace) -> str:
    """Why there is no causal question, if so."""
    if workspace.settings.question.kind == "none":
        return "no treatment is named: give --treatments to `dorec init`, or fill in [question] in dorec.toml"
    return ""


def run(workspace: Workspace, key: str) -> StageResult:
    """Answer the question for each outcome, or refuse with a reason and a remedy."""
    del key
    question = ask(workspace)
    facts: dict[str, Any] = {
        "question": question.text,
        "treatment": question.treatment,
        "outcomes": list(question.outcomes),
        "covariates": list(question.covariates),
        "left_out": question.left_out,
        "randomised": question.randomised,
        "notes": list(question.notes),
        "rows": question.table.num_rows,
    }
    parts: list[StageResult] = [learn_graph(question, workspace.context)]
    for outcome in workspace.context.track(question.outcomes, "estimating effects", len(question.outcomes)):
        first = outcome == question.outcomes[0]
        try:
            parts.append(_answer(workspace, question, outcome, refute=first))
        except Refusal as refusal:
            text = f"What does {question.treatment} do to {outcome}?"
            parts.append(StageResult(refusals=(refused(text, refusal),)))
    return _together(facts, parts)


def _answer(workspace: Workspace, question: Question, outcome: str, *, refute: bool) -> StageResult:
    chosen, context = workspace.settings.effects, workspace.context
    estimand, verified = _estimand(workspace, question, outcome)
    if estimand.strategy not in ADJUSTING:
        return _by_formula(workspace, question, estimand, verified, refute=refute)
    study = question.study(outcome, chosen.missing)
    naive = naive_difference(study)
    if estimand.strategy == "back-door":
        study = adjusted_for(study, estimand.adjustment_set)
    learner = AIPW(n_folds=chosen.n_folds, population=chosen.population)
    facts: dict[str, Any] = {
        "arms": study.arm_counts,
        "estimand": estimand.to_dict(),
        "contrasts": [f"{arm} - {study.arms[0]}" for arm in study.arms[1:]],
    }
    estimates = {f"{outcome}/naive": naive}
    try:
        model = learner.fit(study, context=context)
    except Refusal as refusal:
        text = f"What does {question.treatment} do to {outcome}?"
        return StageResult(
            facts={"by_outcome": {outcome: facts}}, estimates=estimates, refusals=(refused(text, refusal),)
        )
    ate = model.ate()
    estimates |= {f"{outcome}/adjusted": ate, f"{outcome}/arm means": model.arm_means()}
    verdicts = (verified, *ate.verdicts)
    allocated: dict[str, Any] = {}
    tables: dict[str, pa.Table] = {}
    arrays: dict[str, Any] = {}
    if refute and chosen.refute:
        verdicts += tuple(refute_all(study, learner, ate, context=context))
    if refute:
        arrays = {"propensity": model.nuisances.propensity, "treatment": study.treatment}
        allocated, tables, more = _whom(workspace, study, model)
        more["policy/value"] = replace(more["policy/value"], verdicts=verdicts)  # what speaks against the effect does
        estimates |= more
        allocated["varying"] = varying_effects(study, model, context)
        allocated["attacked"] = attacked(study, model, verdicts)
    return StageResult(
        facts={"by_outcome": {outcome: facts}, **allocated},
        estimates=estimates,
        verdicts=verdicts,
        tables=tables,
        arrays=arrays,
    )


def _estimand(workspace: Workspace, question: Question, outcome: str) -> tuple[Estimand, Verdict]:
    """By the coin, the user's graph, or the named assumption that the covariates suffice; and its verification."""
    query = CausalQuery((question.treatment,), (outcome,))
    edges = workspace.settings.question.graph
    if edges is None or question.randomised:
        chosen = identify_randomised if question.randomised else identify_from_covariates
        small = question.covariates[:MAX_VERIFIED]  # the check enumerates a joint distribution
        graph = graph_of_assumption(question, outcome, small)
        verdict = verify(graph, chosen(query, small), context=workspace.context)
        return chosen(query, question.covariates), verdict
    graph = parse_graph(edges, "question.graph of dorec.toml")
    if workspace.settings.question.covariates is not None:
        check_controls(graph, query, [c for c in question.covariates if c in graph.nodes])
    hidden = [node for node in graph.nodes if node not in question.table.column_names]
    try:
        estimand = identify(graph, query, unobserved=hidden)
    except NotIdentifiable as refusal:
        raise with_bounds(refusal, graph, query, hidden, question.table) from None
    return estimand, verify(graph, estimand, context=workspace.context)


def _by_formula(
    workspace: Workspace, question: Question, estimand: Estimand, verified: Verdict, *, refute: bool
) -> StageResult:
    """The effect where no set of covariates suffices: through mediators, or by the formula that the graph gives."""
    chosen, context = workspace.settings.effects, workspace.context
    outcome = estimand.query.outcomes[0]
    inside = {question.treatment, outcome}
    study = question.study(outcome, chosen.missing, sorted(estimand.expression.variables - inside))
    facts = {
        "arms": study.arm_counts,
        "estimand": estimand.to_dict(),
        "contrasts": [f"{arm} - {study.arms[0]}" for arm in study.arms[1:]],
    }
    estimates = {f"{outcome}/naive": naive_difference(study)}
    ready, learner = prepared(study, estimand)
    try:
        model = learner.fit(ready, context=context)
    except Refusal as refusal:
        text = f"What does {question.treatment} do to {outcome}?"
        return StageResult(
            facts={"by_outcome": {outcome: facts}}, estimates=estimates, refusals=(refused(text, refusal),)
        )
    ate = model.ate()
    verdicts = (verified, *ate.verdicts)
    if refute and chosen.refute:
        verdicts += tuple(refute_all(ready, learner, ate, refuters=BY_FORMULA, context=context))
    return StageResult(
        facts={"by_outcome": {outcome: facts}},
        estimates={**estimates, f"{outcome}/adjusted": ate, f"{outcome}/arm means": model.arm_means()},
        verdicts=verdicts,
    )


def graph_of_assumption(question: Question, outcome: str, covariates: Sequence[str]) -> CausalGraph:
    """The graph that adjustment assumes: each covariate may cause treatment and outcome, and nothing else does."""
    t, y = question.treatment, outcome
    causes = [(c, t) for c in covariates if not question.randomised] + [(c, y) for c in covariates]
    return CausalGraph.from_edges([*covariates, t, y], directed=[*causes, (t, y)], provenance="assumption")


def _whom(
    workspace: Workspace, study: Study, model: EffectModel
) -> tuple[dict[str, Any], dict[str, pa.Table], dict[str, Estimate]]:
    """Whom to treat under the budget, what that is worth net of its cost, and how well the ranking sorts."""
    asked, context = workspace.settings.policy, workspace.context
    effects = np.asarray(model.unit_effects)  # type: ignore[attr-defined]
    budget = budget_of(asked, study)
    cost = np.array([budget.cost.get(arm, 0.0) for arm in study.arms])
    net = effects - (cost[1] if effects.ndim == 1 else cost[1:])
    plan = allocate(net, budget, study.arms, explore=asked.explore)
    policy = Exploring(policy=plan, floor=asked.explore) if asked.explore else plan
    chance = policy.propensities(study.covariates)
    where: dict[str, Any] = {"sample": study.sample, "cluster": study.cluster}
    # the plan is for all units, whatever the population of the effect
    own = np.asarray(model.pseudo_outcomes)  # type: ignore[attr-defined]
    curve = uplift_curve(effects, own, **where)
    lower, upper = curve.band()
    drawn = {"share": curve.share, "gain": curve.gain.value, "lower": lower, "upper": upper, "random": curve.random}
    counts = np.bincount(plan.arm, minlength=len(study.arms)).tolist()
    best = effects if effects.ndim == 1 else effects.max(axis=1)
    facts = {
        "allocation": dict(zip(map(str, study.arms), counts, strict=True)),
        "spent": plan.spent,
        "prices": plan.prices,
        "explore": asked.explore,
        "untreated": float(own[:, 0].mean()),
        "outcome_sd": float(np.std(study.outcome)),
        "unit_effects": {f"p{q}": float(np.quantile(best, q / 100)) for q in (5, 25, 50, 75, 95)},
    }
    scores = own - cost
    gain = (chance * scores).sum(axis=1) - scores[:, 0]
    value = Estimate.of_mean(gain, name="gain per unit, net of cost", method="AIPW policy value", **where)
    tables = {"uplift_curve": pa.table(drawn), "allocation": _assigned(study, plan, chance, context)}
    return facts, tables, {"policy/value": value, "policy/qini": qini(effects, own, **where)}


def budget_of(asked: PolicySettings, study: Study) -> Budget:
    """The limits of `[policy]` in the arms of a study.

    Raises:
        ConfigError: an arm is named that the study does not have, or a cost is below 0.

    Example:
        >>> study = Study.from_table({"t": ["none", "mail"] * 2, "y": [1.0, 2.0, 1.5, 3.0]}, outcome="y", treatment="t",
        ...                          control="none")
        >>> budget_of(PolicySettings(cost=0.5, max_share=0.5), study).max_units
        2
    """
    treated = {str(arm): arm for arm in study.arms[1:]}
    cost = asked.cost if isinstance(asked.cost, dict) else dict.fromkeys(treated, asked.cost)
    for key, given in (("cost", cost), ("capacity", asked.capacity)):
        for name, value in given.items():
            if name not in treated:
                raise ConfigError(
                    f"[policy] {key} names {name!r}; the arms that can be given are {', '.join(treated)}."
                    f"{did_you_mean(name, treated)}"
                )
            if not value >= 0:
                raise ConfigError(f"[policy] {key} of {name!r} is {value}; give a number of 0 or more.")
    return Budget(
        total=asked.budget,
        max_units=None if asked.max_share is None else int(asked.max_share * study.n),
        cost={treated[name]: value for name, value in cost.items()},
        capacity={treated[name]: value for name, value in asked.capacity.items()},
    )


def _assigned(study: Study, plan: Allocation, chance: FloatArray, context: RunContext) -> pa.Table:
    """Which arm each unit gets, drawn where the policy explores, and with which probability: what to do, and to log."""
    drawn = plan.arm if not plan.explore else draw(chance, context.rng("allocation")).action
    unit = np.arange(study.n) if study.unit is None else study.unit
    return pa.table(
        {
            "unit": pa.array(unit),
            "arm": pa.array([str(study.arms[code]) for code in drawn.tolist()]),
            "planned": pa.array([str(study.arms[code]) for code in plan.arm.tolist()]),
            "propensity": chance[np.arange(study.n), drawn],
        }
    )


def _together(facts: dict[str, Any], parts: Sequence[StageResult]) -> StageResult:
    by_outcome: dict[str, Any] = {}
    for part in parts:
        by_outcome |= part.facts.get("by_outcome", {})
        facts |= {k: v for k, v in part.facts.items() if k != "by_outcome"}
    return StageResult(
        facts={**facts, "by_outcome": by_outcome},
        estimates={k: v for part in parts for k, v in part.estimates.items()},
        verdicts=tuple(v for part in parts for v in part.verdicts),
        refusals=tuple(r for part in parts for r in part.refusals),
        tables={k: v for part in parts for k, v in part.tables.items()},
        arrays={k: v for part in parts for k, v in part.arrays.items()},
    )
