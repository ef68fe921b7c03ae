"""Ship a policy only if its lower bound beats the incumbent (Thomas, Theocharous, Ghavamzadeh 2015, ICML)."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, TypeAlias

import numpy as np
from scipy import special

from dorec.domain.errors import ConfigError, NoInterval, Refusal
from dorec.domain.estimate import Estimate
from dorec.domain.logged_feedback import LoggedFeedback
from dorec.domain.plain_numbers import as_numbers, is_number
from dorec.domain.protocols import Policy, PolicyJudge, PolicyLearner
from dorec.domain.run import RunContext
from dorec.domain.verdict import Verdict
from dorec.intervene.dr_scores import log_folds
from dorec.intervene.softmax_policy import DEFAULT_CONTEXT
from dorec.numeric.arrays import AnyArray, FloatArray, IntArray
from dorec.numeric.multiplicity import correlation, t_draws

Candidate: TypeAlias = "Policy | PolicyLearner"
POWER = 0.8  # of the log that would settle it
DRAWS = 20_000


@dataclass(frozen=True, kw_only=True, eq=False)
class Improvement:
    """What is shipped, and the evidence. Made by `safe_improvement`.

    Example:
        >>> from dorec.evaluate import IPS
        >>> from dorec.intervene import SoftmaxPolicy
        >>> a = np.arange(1000) % 2
        >>> log = LoggedFeedback(context=np.ones((1000, 1)), action=a, reward=a + np.arange(1000) % 3,
        ...                      propensity=np.full(1000, 0.5), n_actions=2)
        >>> bold = SoftmaxPolicy(scores=lambda x: x * np.array([0.0, 2.0]))
        >>> made = safe_improvement(log, {"bold": bold}, IPS())
        >>> print(made.verdict)
        passed: safe improvement: bold brings 0.38 more than the incumbent, at least 0.2994 ...
    """

    policy: Any  # what to run: the winner, or the incumbent as it was given (None: the logging policy)
    ships: str  # the name of the winner; "" where the incumbent stays
    verdict: Verdict
    contrasts: Estimate | None  # each judged candidate less the incumbent, (m,), by name
    lower: FloatArray  # (m,) bounds that all hold at once with probability 1 - alpha
    alpha: float
    margin: float
    rows_needed: int | None  # of a log that would ship the best one with power .8 if it is as good as it looks
    refused: Mapping[str, Refusal] = field(default_factory=dict)  # candidates that the log can't judge


def safe_improvement(
    feedback: LoggedFeedback,
    candidates: Mapping[str, Candidate],
    estimator: PolicyJudge,
    *,
    incumbent: "Policy | AnyArray | None" = None,
    margin: float = 0.0,
    alpha: float = 0.025,
    learn_folds: int = 2,
    context: RunContext = DEFAULT_CONTEXT,
) -> Improvement:
    """The best candidate, if it beats the incumbent for sure; else the incumbent, with the reason.

    A candidate ships only if the lower bound of its difference from the incumbent, paired row by row, exceeds `margin`.
    The bounds of all candidates hold at once, so a worse policy is shipped with probability `alpha` at most, in large
    logs. Learners learn on one part of the log, and the very policies that they made are judged on the rest: values
    that are cross-fitted are without optimism on average, but their folds lean the same way, so where nothing is to be
    gained they exceed a bound too often.

    Args:
        feedback: the log.
        candidates: by name: learners, and policies that were made without this log.
        estimator: an unbiased estimator of policy values, such as `dorec.evaluate.DoublyRobust()`.
        incumbent: a Policy, or its propensities (n, n_actions); None for the policy that wrote the log.
        margin: what a new policy must bring at least, in units of the reward.
        alpha: probability of shipping a policy that brings no more than `margin`.
        learn_folds: learners get all but one of so many folds where there are learners.

    Raises:
        ConfigError: no candidates, one that is no policy or learner, alpha outside (0, .5), a margin that is no number.
        NoInterval: the incumbent's value has no interval, or one that carries a bias. A candidate of whose value that
            is so is not shipped, and stands among `refused`.
        TooFewUnits: fewer rows or clusters than folds.

    Example:
        >>> from dorec.evaluate import DoublyRobust
        >>> from dorec.intervene import DRPolicy
        >>> rng = np.random.default_rng(0)
        >>> x, a = rng.normal(size=(4000, 1)), rng.integers(2, size=4000)
        >>> log = LoggedFeedback(context=x, action=a, reward=x[:, 0] * (2 * a - 1) + rng.normal(size=4000),
        ...                      propensity=np.full(4000, 0.5), n_actions=2)
        >>> made = safe_improvement(log, {"dr": DRPolicy()}, DoublyRobust())
        >>> made.ships, bool(made.lower[0] > 0.6)
        ('dr', True)
        >>> safe_improvement(log, {"dr": DRPolicy()}, DoublyRobust(), margin=0.8).verdict.code
        'incumbent_stays'
    """
    _check_asked(candidates, alpha, margin)
    learned, rows, refused = _policies(feedback, candidates, learn_folds, context)
    judged = feedback if len(rows) == feedback.n else feedback.take(rows)
    standing: Policy | AnyArray | None = incumbent
    if incumbent is not None and not isinstance(incumbent, Policy):
        standing = feedback.check_policy(as_numbers(incumbent, "The incumbent"))[rows]
    base = _incumbent_value(judged, standing, estimator)
    contrasts: dict[str, Estimate] = {}
    for name, policy in learned.items():
        try:
            contrasts[name] = replace(_checked(estimator.evaluate(judged, policy)) - base, name=name)
        except Refusal as refusal:
            refused[name] = refusal
    contrasts = {name: made for name, made in contrasts.items() if float(made.std_error) > 0}
    share = len(rows) / feedback.n
    if not contrasts:
        verdict = _none_judged(refused, learned)
        return Improvement(
            policy=incumbent,
            ships="",
            verdict=verdict,
            contrasts=None,
            lower=np.empty(0),
            alpha=alpha,
            margin=margin,
            rows_needed=None,
            refused=refused,
        )
    together = Estimate.concat(list(contrasts.values()))
    critical = _critical(together, alpha, context)
    lower = together.value - critical * together.std_error
    best = int(lower.argmax())
    name = list(contrasts)[best]
    ships = name if lower[best] > margin else ""
    needed = _rows_needed(together[best], critical, margin, judged.n / share)
    return Improvement(
        policy=learned[name] if ships else incumbent,
        ships=ships,
        verdict=_verdict(together[best], float(lower[best]), (alpha, margin, len(contrasts)), bool(ships), needed),
        contrasts=together,
        lower=lower,
        alpha=alpha,
        margin=margin,
        rows_needed=needed,
        refused=refused,
    )


def _check_asked(candidates: Mapping[str, Candidate], alpha: float, margin: float) -> None:
    if not isinstance(candidates, Mapping) or not candidates or not (is_number(alpha) and 0 < alpha < 0.5):
        raise ConfigError(
            f"candidates are {candidates!r}, alpha {alpha!r}; give name -> policy or learner, and a share below a half."
        )
    if not is_number(margin) or not np.isfinite(margin):
        raise ConfigError(f"margin is {margin!r}; give a finite number, in units of the reward.")
    for name, one in candidates.items():
        if isinstance(one, type) or not (isinstance(one, Policy) or callable(getattr(one, "fit", None))):
            raise ConfigError(f"The candidate {name!r} is {one!r}; give a policy or a learner, such as DRPolicy().")


def _policies(
    feedback: LoggedFeedback, candidates: Mapping[str, Candidate], learn_folds: int, context: RunContext
) -> tuple[dict[str, Policy], IntArray, dict[str, Refusal]]:
    """The policies to judge, the rows (m,) to judge them on, and the learners that refused."""
    if all(isinstance(one, Policy) for one in candidates.values()):
        return {n: one for n, one in candidates.items() if isinstance(one, Policy)}, np.arange(feedback.n), {}
    fold = log_folds(feedback, learn_folds)
    part = feedback.take(np.flatnonzero(fold != 0))
    made: dict[str, Policy] = {}
    refused: dict[str, Refusal] = {}
    for name, one in context.track(candidates.items(), "candidate", len(candidates)):
        try:
            made[name] = one if isinstance(one, Policy) else one.fit(part, context=context)
        except Refusal as refusal:
            refused[name] = refusal
    return made, np.flatnonzero(fold == 0), refused


def _incumbent_value(judged: LoggedFeedback, incumbent: "Policy | AnyArray | None", estimator: PolicyJudge) -> Estimate:
    standing = judged.logged_policy if incumbent is None else incumbent
    if standing is not None:
        return _checked(estimator.evaluate(judged, standing))
    # the log itself is a sample of the policy that wrote it
    return Estimate.of_mean(judged.reward, sample=judged.sample, cluster=judged.cluster, name="logging policy")


def _checked(made: Estimate) -> Estimate:
    if made.influence is None or made.no_interval:
        raise NoInterval(
            f"{made.method} gives no interval here: {made.no_interval}", remedy="use DoublyRobust, or log more"
        )
    if any(v.code == "bias_carried" for v in made.verdicts):
        raise NoInterval(
            f"{made.method} carries a bias in its interval, so differences can't be paired",
            remedy="use DoublyRobust, SNIPS or IPS without clip",
        )
    return made


def _critical(together: Estimate, alpha: float, context: RunContext) -> float:
    """What the largest of all (estimate - truth) / error exceeds with probability alpha."""
    if len(together.value) == 1:
        return float(special.ndtri(1 - alpha) if together.dof is None else special.stdtrit(together.dof, 1 - alpha))
    draws = t_draws(correlation(together.covariance), DRAWS, context.seed, together.dof)
    return float(np.quantile(draws.max(axis=1), 1 - alpha))


def _rows_needed(best: Estimate, critical: float, margin: float, n: float) -> int | None:
    """Rows of a log by which a difference as large as estimated would exceed its bound, with power .8."""
    gap = float(best.value) - margin
    if gap <= 0:
        return None
    per_row = float(best.std_error) ** 2 * n
    return int(np.ceil(per_row * ((critical + float(special.ndtri(POWER))) / gap) ** 2))


def _verdict(best: Estimate, lower: float, rule: tuple[float, float, int], ships: bool, needed: int | None) -> Verdict:
    alpha, margin, k = rule
    beside = f", held for {k} candidates at once" if k > 1 else ""
    told = (
        f"{best.name} brings {best.value:.4g} more than the incumbent, at least {lower:.4g} (one-sided {1 - alpha:.1%}"
    )
    told += f"{beside}); the margin is {margin:.4g}."
    if needed is None:
        settle = "No log of any size would ship it if it is as it looks."
    else:
        settle = (
            f"If it is as good as it looks, a log of about {needed:,} rows would ship it with probability {POWER:.0%}."
        )
    return Verdict(
        check="safe improvement",
        status="passed" if ships else "warning",
        code="ships" if ships else "incumbent_stays",
        statistic=lower,
        p_value=float(best.p_value(margin, alternative="greater")) if k == 1 else None,
        meaning=told,
        remedy="" if ships else settle,
        evidence={
            "lower": lower,
            "value": float(best.value),
            "std_error": float(best.std_error),
            "alpha": alpha,
            "margin": margin,
            "candidates": k,
            "rows_needed": needed,
        },
    )


def _none_judged(refused: Mapping[str, Refusal], learned: Mapping[str, Policy]) -> Verdict:
    same = [name for name in learned if name not in refused]
    reasons = [f"{name}: {refusal.reason}" for name, refusal in refused.items()]
    reasons += [f"{name}: it does as the incumbent does in every row" for name in same]
    return Verdict(
        check="safe improvement",
        status="warning",
        code="incumbent_stays",
        meaning="No candidate can be judged on this log. " + "; ".join(reasons) + ".",
        remedy=next((r.remedy.capitalize() + "." for r in refused.values() if r.remedy), ""),
        evidence={"refused": {name: refusal.to_dict() for name, refusal in refused.items()}},
    )
