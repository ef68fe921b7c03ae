"""Policies that were judged on a log -> the one with the highest lower bound, and what it promises."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from dorec.domain.decision import Reversal, TrackRecord, TrialPlan
from dorec.domain.estimate import Estimate, Interval
from dorec.domain.table import column
from dorec.evaluate.off_policy import importance_weights
from dorec.loop.deciding import Promise, calibrated, trial_plan
from dorec.loop.evaluate_request import LOGGED, EvaluateRequest
from dorec.loop.policies import Log
from dorec.loop.policy_values import Valued, logged_value
from dorec.loop.results import hash_file
from dorec.numeric.arrays import FloatArray
from dorec.numeric.misjudged_weights import factor_to


def promise_of_best(
    request: EvaluateRequest,
    log: Log,
    made: Sequence[Valued],
    base: Estimate,
    matrices: Mapping[str, FloatArray],
    record: TrackRecord,
) -> tuple[Valued, Promise]:
    """The policy that the card is about, and what it promises."""
    scale = Promise(question="", gain=made[0].gain, incumbent_value=base).scale
    past = record.of_kind("policy value")
    gains = [calibrated(one.gain, past, scale=scale) for one in made]
    best, bounds = 0, None
    told = [i for i, gain in enumerate(gains) if not gain.no_interval]
    if len(told) > 1:
        every = Estimate.concat([gains[i] for i in told]).interval(joint=True)
        at = int(np.argmax(every.lower))
        best, bounds = told[at], Interval(every.lower[at], every.upper[at])
    elif told:
        best = told[0]
    one = made[best]
    promise = Promise(
        question=request.question or _question(request, one.name),
        gain=one.gain if bounds is None else gains[best],
        value=one.value,
        incumbent_value=base,
        bounds=bounds,
        candidate=one.name,
        incumbent=request.incumbent,
        assumptions=_assumptions(request, log),
        inputs={str(path): hash_file(path) for path in _files(request)},
    )
    plan = _plan(request, log, one.gain)
    sensitivity = _sensitivity(log, one, matrices[one.name], base, request)
    return one, replace(promise, plan=plan, sensitivity=sensitivity)


def _question(request: EvaluateRequest, name: str) -> str:
    base = "the logged policy" if request.incumbent == LOGGED else Path(request.incumbent).name
    return f"Should {Path(name).name} replace {base}, by {request.columns.reward}?"


def _files(request: EvaluateRequest) -> list[Path]:
    named = [Path(name) for name in (*request.policies, request.incumbent)]
    return [request.source, *(path for path in named if path.is_file())]


def _plan(request: EvaluateRequest, log: Log, gain: Estimate) -> TrialPlan | None:
    feedback = log.feedback
    logged = logged_value(feedback)
    if logged.no_interval:
        return None
    users = feedback.n if feedback.cluster is None else len(np.unique(feedback.cluster))
    guardrails = {name: column(log.table, name).astype(np.float64) for name in request.guardrails}
    # a clustered error over sqrt(n) is what a row varies by, once rows of one user are counted as dependent
    return trial_plan(
        gain,
        sd=float(logged.std_error) * np.sqrt(feedback.n),
        margin=request.margin,
        effect=request.effect,
        per_day=request.per_day,
        unit="decision" if feedback.cluster is None else "user",
        rows_per_unit=feedback.n / users,
        guardrails={name: float(np.nanstd(values)) for name, values in guardrails.items()},
    )


def _sensitivity(
    log: Log, one: Valued, policy: FloatArray, base: Estimate, request: EvaluateRequest
) -> tuple[Reversal, ...]:
    """By which factor the logged propensities would have to be wrong."""
    weights = importance_weights(log.feedback, policy)
    needed = float(base.value) + request.margin
    value = float(weights @ log.feedback.reward) / max(float(weights.sum()), 1e-300)
    sign = 1.0 if value > needed else -1.0
    factor = factor_to(weights, sign * log.feedback.reward, sign * needed)
    if not 1.0 < factor < np.inf:
        return ()
    way = "vanish" if sign > 0 else "appear"
    kind = "estimated" if log.feedback.propensities_estimated else "logged"
    told = f"If {kind} propensities were wrong by a factor of {factor:.2f}, row by row in the worst way, the gain of "
    return (Reversal(what="propensities", threshold=factor, meaning=f"{told}{one.name} could {way}."),)


def _assumptions(request: EvaluateRequest, log: Log) -> tuple[str, ...]:
    columns = request.columns
    independent = (
        f"users of {columns.user!r} are independent of one another" if columns.user else "rows are independent"
    )
    estimated = f"{', '.join(columns.context)} hold every reason that the log had for its choices and that bears on "
    estimated += f"{columns.reward!r}: its propensities were not logged but estimated from them, out of fold"
    logged = (
        f"{columns.propensity!r} is the probability with which the log took each action, given all that it looked at"
    )
    return (
        estimated if columns.propensity is None else logged,
        "the contexts that the policy will meet are like those of the log",
        "an action's reward does not depend on actions in other rows",
        independent,
    )
