"""Values from weights that were made smaller: the bias this brings is estimated and carried into the interval."""

from dataclasses import replace
from typing import Literal, TypeAlias

import numpy as np

from dorec.domain.errors import ConfigError
from dorec.domain.estimate import Estimate
from dorec.domain.verdict import Verdict
from dorec.evaluate.judged_log import JudgedLog
from dorec.evaluate.off_policy import FEW_EFFECTIVE_ROWS, effective_sample_size
from dorec.numeric.arrays import FloatArray
from dorec.numeric.multiplicity import cluster_sums
from dorec.numeric.shrunk_weights import shrunk_moments

Tuning: TypeAlias = Literal["slope", "mse"]
QUANTILES = (0.5, 0.7, 0.8, 0.9, 0.95, 0.98, 0.99, 0.995, 0.999)  # of the positive weights: thresholds that are tried


def check_tuning(tuning: str, **degrees: float | None) -> None:
    """Refuses an unknown way of tuning, and a threshold that is no positive number.

    Example:
        >>> check_tuning("slope", tau=-1.0)
        Traceback (most recent call last):
        dorec.domain.errors.ConfigError: tau is -1.0; give a number above 0, or None to have it chosen from the log.
    """
    if tuning not in ("slope", "mse"):
        raise ConfigError(f"tuning is {tuning!r}; allowed: 'slope', 'mse'.")
    for name, degree in degrees.items():
        if degree is not None and not degree > 0:
            raise ConfigError(f"{name} is {degree}; give a number above 0, or None to have it chosen from the log.")


def thresholds(weights: FloatArray) -> FloatArray:
    """Thresholds to try, from the gentlest, which cuts nothing, to the hardest: inf and quantiles of the weights.

    Example:
        >>> thresholds(np.array([0.0, 1.0, 1.0, 5.0])).tolist()
        [inf, 4.992, 4.96, 4.92, 4.84, 4.6, 4.2, 3.4, 2.6, 1.0]
    """
    positive = weights[weights > 0]
    if not len(positive):
        return np.array([np.inf])
    found = np.unique(np.quantile(positive, QUANTILES).round(9))[::-1]
    return np.concatenate([[np.inf], found[found > 0]])


def slope(values: FloatArray, widths: FloatArray) -> int:
    """The candidate that Lepski's principle picks: the last in order whose interval agrees with all before it.

    SLOPE (Su, Srinath and Krishnamurthy 2020, arXiv 2002.00467). Candidates stand in the order of growing bias and
    falling `widths` (k,), half-widths of intervals around `values` (k,).

    Example:
        >>> slope(np.array([1.0, 1.1, 3.0]), np.array([1.0, 0.5, 0.2]))
        1
    """
    chosen = 0
    for i in range(1, len(values)):
        agree = np.abs(values[i] - values[:i]) <= widths[i] + (np.sqrt(6) - 1) * widths[:i]
        if not agree.all():
            break
        chosen = i
    return chosen


def choose_degree(
    judged: JudgedLog,
    rewards: tuple[FloatArray, FloatArray],
    kind: int,
    degrees: FloatArray,
    tuning: Tuning,
) -> float:
    """The degree of shrinking that SLOPE, or the least estimated mean squared error, picks; rows count as independent.

    Args:
        judged: the log.
        rewards: predicted rewards of the policy and of the logged action, (n,) each.
        kind: a kind of `dorec.numeric.shrunk_weights`.
        degrees: (k,), the gentlest first.
        tuning: "slope" or "mse".

    Example:
        >>> from dorec.domain.logged_feedback import LoggedFeedback
        >>> from dorec.evaluate.judged_log import judge
        >>> from dorec.numeric.shrunk_weights import SWITCH
        >>> a = np.arange(600) % 2
        >>> log = LoggedFeedback(action=a, reward=9.0 * a, propensity=np.full(600, 0.5), n_actions=2)
        >>> judged = judge(log, np.tile([0.1, 0.9], (600, 1)))
        >>> choose_degree(judged, (np.zeros(600), np.zeros(600)), SWITCH, np.array([np.inf, 1.0]), "mse")
        inf
    """
    n = judged.feedback.n
    residual = judged.feedback.reward - rewards[1]
    made = shrunk_moments(judged.weights, rewards[0], residual, kind, degrees)
    variance = made[:, 1] / n
    if tuning == "mse":
        bias2 = np.maximum(made[:, 2] ** 2 - made[:, 3] / n, 0.0)
        return float(degrees[np.argmin(variance + bias2)])
    return float(degrees[slope(made[:, 0], 1.96 * np.sqrt(variance))])


def shrunk_estimate(
    judged: JudgedLog,
    weights: FloatArray,
    rewards: tuple[FloatArray, FloatArray] | None,
    method: str,
    *,
    tuned: bool = False,
) -> Estimate:
    """Mean of q(policy) + shrunk weight x (r - q(logged)), whose interval carries the bias of shrinking.

    What shrinking takes away, (w - shrunk) x residual, has the bias as its mean. Its square plus its sampling
    variance is added to the variance; where fewer than 30 effective rows tell it, a Bernstein bound takes its place:
    the weight that is lost times what a residual may average. Never is it more than the lost weight times the largest
    residual. A degree that was chosen from the same log (`tuned`) profits from chance, so that the interval is then
    never narrower than that of the plain weights, whose error does not depend on the choice.

    Args:
        judged: the log.
        weights: shrunk, (n,).
        rewards: predicted rewards of the policy and of the logged action, (n,) each; None for 0.
        method: name of the estimator.
        tuned: whether the degree of shrinking was chosen from this log.

    Example:
        >>> from dorec.domain.logged_feedback import LoggedFeedback
        >>> from dorec.evaluate.judged_log import judge
        >>> a = np.arange(600) % 2
        >>> log = LoggedFeedback(action=a, reward=1.0 * a, propensity=np.full(600, 0.5), n_actions=2)
        >>> judged = judge(log, np.tile([0.1, 0.9], (600, 1)))
        >>> made = shrunk_estimate(judged, np.minimum(judged.weights, 1.7), None, "clipped")
        >>> round(made.value, 2), round(made.verdicts[-1].statistic, 3)
        (0.85, 0.05)
    """
    reward = judged.feedback.reward
    of_policy, residual = (np.zeros(1), reward) if rewards is None else (rewards[0], reward - rewards[1])
    scores = of_policy + weights * residual
    value = float(scores.mean())
    made = judged.estimate(value, scores - value, method=method, weights=weights)
    lost = judged.weights - weights
    if made.no_interval or not np.abs(lost).max() > 1e-12 * judged.weights.max():
        return made
    bound, evidence = _bias_bound(judged, lost, residual, float(weights.mean()))
    se = float(made.std_error)
    if tuned:
        plain = replace(made, influence=np.asarray(made.influence) + lost * residual - float((lost * residual).mean()))
        apart = float(plain.std_error) ** 2 - se**2 + evidence["bias"] ** 2
        bound = max(bound, float(np.sqrt(max(apart, 0.0))))
    told = Verdict(
        check="bias of smaller weights",
        status="passed" if bound < 0.5 * se else "warning",
        code="bias_carried",
        statistic=bound,
        meaning=f"Smaller weights bias the value by up to about {bound:.3g}, which the interval carries.",
        remedy="" if bound < 0.5 * se else "DoublyRobust has no such bias.",
        evidence={**evidence, "rows": int((lost > 0).sum()), "std_error_alone": se},
    )
    return replace(carrying(made, bound), verdicts=(*made.verdicts, told))


def _bias_bound(
    judged: JudgedLog, lost: FloatArray, residual: FloatArray, mean: float
) -> tuple[float, dict[str, float]]:
    n, gap = len(lost), lost * residual
    bias = float(gap.mean())
    centred = gap - bias
    if judged.feedback.cluster is not None:
        centred = cluster_sums(centred[:, None], judged.feedback.cluster)[:, 0]
    error = float(np.sqrt(centred @ centred)) / n
    # weights average 1 before they are shrunk, so what they average now tells what was lost, rare giants included
    mass = np.abs(lost)
    weight, largest = max(1 - mean, float(mass.mean())), float(np.abs(residual).max())
    rows, share = effective_sample_size(mass), mass / mass.sum()
    typical = float(share @ residual)
    spread = float(share @ (residual - typical) ** 2)
    # after m effective rows a residual of `largest` may still come in a share of 3 / m of them, unseen at 95%
    likely = abs(typical) + 1.96 * np.sqrt(spread / rows) + 3 * largest / rows
    told = weight * likely if rows < FEW_EFFECTIVE_ROWS else float(np.hypot(bias, error))
    worst = weight * largest
    bound = min(told, worst)
    evidence = {"bias": -bias, "std_error_of_bias": error, "effective_rows": rows, "largest_bias": worst}
    return bound, {**evidence, "weight_lost": 1 - mean}


def without_bias(made: Estimate) -> tuple[Estimate, float]:
    """An estimate with the interval that it would have without bias, and the bias that its interval carries.

    Example:
        >>> plain = Estimate.of_mean(np.array([1.0, 2.0, 3.0, 6.0]))
        >>> without_bias(plain)[1]
        0.0
    """
    told = next((v for v in made.verdicts if v.code == "bias_carried"), None)
    if told is None or told.statistic is None or made.influence is None:
        return made, 0.0
    alone = float(told.evidence["std_error_alone"]) / float(made.std_error)
    return replace(made, influence=made.influence * alone), float(told.statistic)


def carrying(made: Estimate, bias: float) -> Estimate:
    """An estimate whose interval has room for a bias: its square is added to the variance.

    Example:
        >>> plain = Estimate.of_mean(np.array([1.0, 2.0, 3.0, 6.0]))
        >>> bool(np.isclose(carrying(plain, 3.0).std_error**2, plain.std_error**2 + 9.0))
        True
    """
    se = float(made.std_error)
    if made.influence is None or not se > 0:
        return made
    return replace(made, influence=made.influence * np.sqrt(1 + (bias / se) ** 2))
