"""One policy on one log: its value by several estimators, the one that is believed, and its gain over the incumbent."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from dorec.domain.errors import Refusal
from dorec.domain.estimate import SMALL, Estimate
from dorec.domain.logged_feedback import LoggedFeedback
from dorec.evaluate import (
    IPS,
    MR,
    MRDR,
    SNDR,
    SNIPS,
    DirectMethod,
    DoublyRobust,
    DRos,
    OffPolicyEstimator,
    Selection,
    SubGaussianIPS,
    SwitchDR,
    policy_contrast,
    select_estimator,
)
from dorec.evaluate.judged_log import judge
from dorec.evaluate.selection import UNBIASED
from dorec.evaluate.shrinkage import carrying, without_bias
from dorec.numeric.arrays import BoolArray, FloatArray

ESTIMATORS: dict[str, OffPolicyEstimator] = {
    "ips": IPS(),
    "snips": SNIPS(),
    "dm": DirectMethod(),
    "dr": DoublyRobust(),
    "sndr": SNDR(),
    "mrdr": MRDR(),
    "switch_dr": SwitchDR(),
    "dros": DRos(),
    "sub_gaussian_ips": SubGaussianIPS(),
    "mr": MR(),
}
AUTO = ("ips", "snips", "dr", "sndr", "switch_dr", "dros")


@dataclass(frozen=True, kw_only=True, eq=False)
class Valued:
    """One policy: its value by each estimator, the one that is believed, and its gain over the incumbent.

    Example:
        >>> one = Estimate(0.2, no_interval="an example")
        >>> Valued(name="uniform", values={"ips": one}, chosen="ips", value=one, gain=one, candidates=None, refused={},
        ...        effective_rows=10.0).to_dict()["chosen"]
        'ips'
    """

    name: str
    values: Mapping[str, Estimate]
    chosen: str
    value: Estimate
    gain: Estimate
    candidates: Selection | None  # evidence of the choice
    refused: Mapping[str, Refusal]  # estimators that did not answer
    effective_rows: float

    def to_dict(self) -> dict[str, Any]:
        """All of it as plain data."""
        return {
            "policy": self.name,
            "chosen": self.chosen,
            "value": self.value.to_dict(),
            "gain": self.gain.to_dict(),
            "effective_sample_size": self.effective_rows,
            "estimators": {name: one.to_dict() for name, one in self.values.items()},
            "choice": [vars(c) for c in self.candidates.candidates] if self.candidates else [],
            "refused": {name: refusal.to_dict() for name, refusal in self.refused.items()},
        }


def value_policy(
    feedback: LoggedFeedback,
    name: str,
    policy: FloatArray,
    *,
    estimators: Sequence[str] = AUTO,
    base_policy: FloatArray | None = None,
    incumbent: str = "logged",
    max_unsupported: float = 0.01,
) -> Valued:
    """The value of a policy by each estimator, and the paired gain by the one that is believed.

    Believed is the estimator with the least estimated mean squared error; but where room for its bias makes its
    interval wider than that of the narrowest unbiased one, the latter.

    Args:
        feedback: the log.
        name: of the policy.
        policy: (n, n_actions).
        estimators: names among ESTIMATORS.
        base_policy: of the incumbent, (n, n_actions); None for the policy that wrote the log.
        incumbent: its name.
        max_unsupported: share of a policy that may lie where the log never acted.

    Raises:
        Refusal: no estimator answers.

    Example:
        >>> a = np.arange(1000) % 2
        >>> log = LoggedFeedback(action=a, reward=1.0 + a, propensity=np.full(1000, 0.5), n_actions=2)
        >>> made = value_policy(log, "new", np.tile([0.1, 0.9], (1000, 1)), estimators=("ips", "snips"))
        >>> made.chosen, round(made.gain.value, 3)
        ('snips', 0.4)
    """
    open_log = judge(feedback, policy, max_unsupported)
    values: dict[str, Estimate] = {}
    refused: dict[str, Refusal] = {}
    for method in estimators:
        try:
            values[method] = ESTIMATORS[method].given(open_log)
        except Refusal as refusal:
            refused[method] = refusal
    if not values:
        raise next(iter(refused.values()))
    selection = _select(feedback, policy, values, max_unsupported)
    chosen = (
        selection.chosen if selection else next((m for m, e in values.items() if not e.no_interval), next(iter(values)))
    )
    value = selection.estimate if selection else values[chosen]
    if base_policy is None:
        gain = less_logged(value, logged_value(feedback))
    else:
        gain = policy_contrast(ESTIMATORS[chosen], feedback, policy, base_policy)
    effective = next((v.statistic for v in value.verdicts if v.code == "effective_sample_size"), None)
    return Valued(
        name=name,
        values={m: replace(e, name=m) for m, e in values.items()},
        chosen=chosen,
        value=replace(value, name=f"value of {name}"),
        gain=replace(gain, name=f"{name} - {incumbent}", verdicts=value.verdicts),
        candidates=selection,
        refused=refused,
        effective_rows=float(effective or 0.0),
    )


def logged_value(feedback: LoggedFeedback, inside: BoolArray | None = None) -> Estimate:
    """The mean reward of the log, or of some of its rows (n,), on the same units as a policy's value.

    Example:
        >>> two = np.array([0, 1])
        >>> log = LoggedFeedback(action=two, reward=1.0 + 3 * two, propensity=np.ones(2), n_actions=2)
        >>> logged_value(log).value, logged_value(log, np.array([False, True])).value
        (2.5, 4.0)
    """
    rows = np.ones(feedback.n, dtype=bool) if inside is None else inside
    mean = float(feedback.reward[rows].mean())
    groups = feedback.n if feedback.cluster is None else len(np.unique(feedback.cluster))
    return Estimate(
        mean,
        np.where(rows, feedback.reward - mean, 0.0) / rows.mean(),
        name="logged policy",
        method="mean of the log",
        sample=feedback.sample,
        cluster=feedback.cluster,
        dof=groups - 1.0 if 1 < groups < SMALL else None,
    )


def less_logged(value: Estimate, logged: Estimate) -> Estimate:
    """The value less that of the log, paired row by row; a bias that the value's interval carries is carried on.

    Example:
        >>> a = np.arange(1000) % 2
        >>> log = LoggedFeedback(action=a, reward=1.0 + a, propensity=np.full(1000, 0.5), n_actions=2)
        >>> made = less_logged(SNIPS().evaluate(log, np.tile([0.1, 0.9], (1000, 1))), logged_value(log))
        >>> round(made.value, 3)
        0.4
    """
    bare, bias = without_bias(value)
    told = next((v for v in value.verdicts if v.code == "estimator_chosen"), None)
    if told is not None and not value.no_interval and value.influence is not None:
        alone = float(told.evidence["std_error_alone"])
        bare = replace(value, influence=value.influence * (alone / float(value.std_error)))
        bias = float(np.hypot(told.evidence["bias"], told.evidence["std_error_of_bias"]))
    gap = replace(bare - logged, method=value.method, no_interval=value.no_interval)
    return gap if gap.no_interval else carrying(gap, bias)


def _select(
    feedback: LoggedFeedback, policy: FloatArray, values: Mapping[str, Estimate], max_unsupported: float
) -> Selection | None:
    """The estimator to believe, among those with an interval and the direct method; None where nothing can tell."""
    usable = [m for m, e in values.items() if not e.no_interval or isinstance(ESTIMATORS[m], DirectMethod)]
    unbiased = [m for m in usable if values[m].method in UNBIASED]
    if len(usable) < 2 or not unbiased:
        return None
    made = select_estimator(feedback, policy, {m: ESTIMATORS[m] for m in usable}, max_unsupported=max_unsupported)
    narrowest = min(float(values[m].std_error) for m in unbiased)
    if made.chosen in unbiased or float(made.estimate.std_error) <= narrowest:
        return made
    only = select_estimator(feedback, policy, {m: ESTIMATORS[m] for m in unbiased}, max_unsupported=max_unsupported)
    return replace(only, candidates=made.candidates)
