"""Policies of continuous actions: doses, prices, discounts (Kallus and Zhou 2018, arXiv 1802.06037)."""

from dataclasses import dataclass, replace

import numpy as np

from dorec.domain.continuous_feedback import ContinuousFeedback
from dorec.domain.errors import ConfigError, InputError, NoSupport
from dorec.domain.estimate import Estimate
from dorec.domain.verdict import Verdict
from dorec.evaluate.off_policy import FEW_EFFECTIVE_ROWS, effective_sample_size, refuse_dominated, rows_that_speak
from dorec.evaluate.shrinkage import carrying, slope
from dorec.numeric.arrays import AnyArray, FloatArray

BANDWIDTHS = 2.0 ** -np.arange(9) * 2  # in standard deviations of the logged actions, the widest first


@dataclass(frozen=True)
class KernelIPS:
    """The value of a policy of continuous actions: logged rows count by how near their action is to the policy's.

    Epanechnikov's kernel, self-normalised. `bandwidth` None is chosen by SLOPE (Su, Srinath and Krishnamurthy 2020)
    among nine. The smoothing bias, of the order of the bandwidth squared, is extrapolated from half the bandwidth and
    carried into the interval.

    Example:
        >>> rng = np.random.default_rng(0)
        >>> dose = rng.random(4000)
        >>> log = ContinuousFeedback(action=dose, reward=dose + rng.normal(size=4000), density=np.ones(4000))
        >>> made = KernelIPS().evaluate(log, np.full(4000, 0.4))
        >>> bool(abs(made.value - 0.4) < 3 * made.std_error)
        True
    """

    bandwidth: float | None = None  # in the unit of the actions

    def __post_init__(self) -> None:
        if self.bandwidth is not None and not self.bandwidth > 0:
            raise ConfigError(f"bandwidth is {self.bandwidth}; give a number above 0, or None to have it chosen.")

    def evaluate(self, feedback: ContinuousFeedback, actions: AnyArray) -> Estimate:
        """The expected reward of taking `actions` (n,) in the logged contexts.

        Raises:
            NoSupport: no logged action is near the policy's, or one row holds more than half of all weight.
        """
        chosen = np.asarray(actions, dtype=np.float64)
        if chosen.shape != (feedback.n,) or not np.isfinite(chosen).all():
            raise InputError(f"actions have shape {chosen.shape}; give one finite action a row, ({feedback.n},).")
        bandwidth = self.bandwidth
        if bandwidth is None:
            bandwidth = _choose(feedback, chosen)
        weights = kernel_weights(feedback, chosen, bandwidth)
        if not weights.any():
            raise NoSupport(
                "no logged action is near those of the policy",
                remedy="judge a policy within the range of the log, or give a wider bandwidth",
                evidence={"bandwidth": bandwidth},
            )
        refuse_dominated(weights)
        made = _smoothed(feedback, weights, bandwidth)
        finer = kernel_weights(feedback, chosen, bandwidth / 2)
        if made.no_interval or effective_sample_size(finer) < FEW_EFFECTIVE_ROWS:
            return made
        # a bias of c h^2 leaves three quarters of it as the difference from half the bandwidth
        bias = 4 / 3 * (float(made.value) - float(finer @ feedback.reward / finer.sum()))
        told = Verdict(
            check="smoothing",
            status="passed" if abs(bias) < made.std_error else "warning",
            code="bias_carried",
            statistic=abs(bias),
            meaning=f"A bandwidth of {bandwidth:.3g} biases the value by about {bias:.3g}, which the interval carries.",
            evidence={"bandwidth": bandwidth, "bias": bias, "std_error_alone": made.std_error},
        )
        return replace(carrying(made, bias), verdicts=(*made.verdicts, told))


def kernel_weights(feedback: ContinuousFeedback, actions: FloatArray, bandwidth: float) -> FloatArray:
    """Epanechnikov's kernel at the distance of logged and judged action, over bandwidth and density, (n,).

    >>> log = ContinuousFeedback(action=np.array([0.0, 1.0]), reward=np.ones(2), density=np.ones(2))
    >>> kernel_weights(log, np.zeros(2), 0.5).tolist()
    [1.5, 0.0]
    """
    u = (feedback.action - actions) / bandwidth
    return np.asarray(0.75 * np.maximum(1 - u**2, 0.0) / (bandwidth * feedback.density))


def _choose(feedback: ContinuousFeedback, actions: FloatArray) -> float:
    spread = float(feedback.action.std()) or 1.0
    widths, values, errors = [], [], []
    # the finest first: biases grow and intervals shrink along the order
    for bandwidth in (BANDWIDTHS * spread)[::-1]:
        weights = kernel_weights(feedback, actions, float(bandwidth))
        if effective_sample_size(weights) < FEW_EFFECTIVE_ROWS:
            continue
        made = _smoothed(feedback, weights, float(bandwidth))
        if made.no_interval:
            continue
        widths.append(float(bandwidth))
        values.append(float(made.value))
        errors.append(1.96 * float(made.std_error))
    return widths[slope(np.array(values), np.array(errors))] if widths else float(BANDWIDTHS[0] * spread)


def _smoothed(feedback: ContinuousFeedback, weights: FloatArray, bandwidth: float) -> Estimate:
    value = float(weights @ feedback.reward / weights.sum())
    ess = effective_sample_size(weights)
    return Estimate(
        value,
        weights * (feedback.reward - value) / weights.mean(),
        name="policy value",
        method=f"KernelIPS(bandwidth={bandwidth:.3g})",
        estimand="expected reward of the policy's actions in the logged contexts",
        sample=feedback.sample,
        cluster=feedback.cluster,
        no_interval=f"only {ess:.1f} effective rows speak for this policy" if ess < FEW_EFFECTIVE_ROWS else "",
        verdicts=(rows_that_speak(ess, feedback.n, float(weights.max())),),
    )
