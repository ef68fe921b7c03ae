"""A log with propensities -> the value of policies that were never run."""

from dataclasses import replace

import numpy as np

from dorec.domain.errors import Refusal
from dorec.domain.estimate import Estimate
from dorec.domain.logged_feedback import LoggedFeedback
from dorec.domain.verdict import Verdict
from dorec.evaluate import IPS, SNIPS, DoublyRobust, effective_sample_size, popularity_policy, uniform_policy
from dorec.evaluate.off_policy import importance_weights
from dorec.loop.results import StageResult, refused
from dorec.loop.tables import read_tables
from dorec.loop.workspace import Workspace
from dorec.numeric.arrays import FloatArray
from dorec.numeric.folds import hash64
from dorec.profile import to_feedback

MAX_CELLS = 40_000_000  # of a policy's (n, n_actions) matrix


def applies(workspace: Workspace) -> str:
    """Why no policy can be judged, if so."""
    if workspace.settings.data.feedback:
        return ""
    if workspace.events is None:
        return "there is no log of decisions with their propensities"
    logged = workspace.events.table.propensity.notnull().sum().to_pyarrow().as_py()
    return "" if logged else "no event has a propensity: log the probability with which each item was shown"


def run(workspace: Workspace, key: str) -> StageResult:
    """The logged policy, uniform choice and popularity, each by three estimators on the same rows."""
    del key
    log, aside = _feedback(workspace)
    policies = {"uniform": uniform_policy(log), "popularity": cross_fitted_popularity(log)}
    logged = Estimate.of_mean(log.reward, name="logged policy", sample=log.sample, cluster=log.cluster)
    estimates = {"logged policy": replace(logged, method="mean of the log")}
    verdicts: list[Verdict] = []
    refusals = []
    for name, policy in policies.items():
        for method in (IPS(), SNIPS(), DoublyRobust()):
            try:
                estimate = method.evaluate(log, policy)
            except Refusal as refusal:
                refusals.append(refused(f"What is the policy {name!r} worth, by {type(method).__name__}?", refusal))
                continue
            estimates[f"{name} ({type(method).__name__})"] = estimate
            verdicts += [v for v in estimate.verdicts if v not in verdicts]
    facts = {
        "decisions": log.n,
        "actions": log.n_actions,
        "set_aside": aside,
        "effective_sample_size": {
            name: effective_sample_size(importance_weights(log, policy)) for name, policy in policies.items()
        },
    }
    return StageResult(facts=facts, estimates=estimates, verdicts=tuple(verdicts), refusals=tuple(refusals))


def cross_fitted_popularity(log: LoggedFeedback) -> FloatArray:
    """Popularity, (n, n_actions), where each half of the users is judged under the counts of the other half.

    A policy that learned from the very rewards that judge it looks better than it is; across halves it does not.
    """
    unit = np.arange(log.n) if log.cluster is None else log.cluster
    half = (hash64(unit) % np.uint64(2)).astype(np.int64)
    policy = np.empty((log.n, log.n_actions))
    for side in (0, 1):
        other = half != side
        counts = np.bincount(log.action[other], weights=log.reward[other], minlength=log.n_actions)
        policy[~other] = popularity_policy(log, counts)[~other]
    return policy


def _feedback(workspace: Workspace) -> tuple[LoggedFeedback, int]:
    if not workspace.settings.data.feedback:
        assert workspace.events is not None
        log, aside = to_feedback(workspace.events, max_cells=MAX_CELLS)
        return log, aside
    table = read_tables(workspace.path, workspace.settings.data.feedback)
    chosen = workspace.settings.feedback
    names = {k: v for k, v in chosen.model_dump().items() if k not in {"context", "user"} and v}
    log, bad = LoggedFeedback.from_table(table, context=chosen.context, cluster=chosen.user, **names)
    return log, bad.num_rows
