"""Intervals that hold at every look: an experiment may be watched, and stopped, at any time."""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from dorec.domain.errors import ConfigError
from dorec.domain.estimate import Estimate, Interval
from dorec.experiment.moments import Alternative, Lift


@dataclass(frozen=True)
class ConfidenceSequence:
    """Asymptotic confidence sequence of an estimate (Waudby-Smith et al. 2024, arXiv 2103.06476).

    With probability `1 - alpha` all of the intervals taken while units come in hold the truth, so that the first
    look at which an interval excludes 0 may end the experiment. It is tightest when about `tuning` units are in.

    Example:
        >>> look = Lift(0.5038647, 0.0338577, 6000.0, 6461)
        >>> [round(bound, 3) for bound in ConfidenceSequence(tuning=5000).interval(look)]
        [0.401, 0.607]
    """

    alpha: float = 0.05
    tuning: float = 5000.0

    def __post_init__(self) -> None:
        if not 0 < self.alpha < 1 or not self.tuning > 0:
            raise ConfigError(f"alpha is {self.alpha} and tuning {self.tuning}; give alpha in (0, 1) and tuning > 0.")

    def interval(self, estimate: Estimate | Lift, alternative: Alternative = "two-sided") -> Interval:
        """The interval at this look; one-sided ones are open: `less` has an upper bound, `greater` a lower one."""
        width = self._width(np.asarray(estimate.std_error), estimate.n, self.alpha, alternative)
        width = width if np.ndim(estimate.value) else float(width)
        return Interval(
            -math.inf if alternative == "less" else estimate.value - width,
            math.inf if alternative == "greater" else estimate.value + width,
        )

    def p_value(self, estimate: Estimate | Lift) -> Any:
        """Always-valid p-value of no effect: the smallest alpha at which this look's interval would exclude 0.

        The mixture is the one tuned for this sequence's own alpha, so p <= alpha exactly when `interval` excludes 0.

        Example:
            >>> round(ConfidenceSequence(tuning=600).p_value(Lift(-0.0740741, 0.050657, 202.4, 220)), 4)
            0.8923
        """
        rho2 = self._rho2(self.alpha)
        n = float(estimate.n)
        z2 = (np.asarray(estimate.value) / np.asarray(estimate.std_error)) ** 2
        p = np.minimum(1.0, np.sqrt(n * rho2 + 1) * np.exp(-z2 * n * rho2 / (2 * (n * rho2 + 1))))
        return p if np.ndim(estimate.value) else float(p)

    def _rho2(self, alpha: float) -> float:
        return (-2 * math.log(alpha) + math.log(-2 * math.log(alpha) + 1)) / self.tuning

    def _width(self, std_error: Any, n: int, alpha: float, alternative: Alternative) -> Any:
        """Half-width at n units: equation 3 of the paper, or 134 for one side."""
        if alternative == "two-sided":
            rho2, tail = self._rho2(alpha), 1 / alpha
        else:
            if alpha >= 0.5:
                raise ConfigError(f"alpha is {alpha}; a one-sided confidence sequence needs alpha below 0.5.")
            rho2 = self._rho2(2 * alpha)
            tail = 1 / (2 * alpha)
        room = n * rho2 + 1
        log = math.log(math.sqrt(room) * tail + (alternative != "two-sided"))
        return std_error * math.sqrt(n) * math.sqrt(2 * room / (n * math.sqrt(rho2)) ** 2 * log)


def normal_mixture_bound(v: float, alpha: float, v_opt: float) -> float:
    """Bound on |sum| that a process of intrinsic time `v` ever crosses with probability `alpha` at most.

    The two-sided normal mixture of Howard et al. 2021 (arXiv 1810.08240), tightest near `v_opt`.

    Example:
        >>> round(normal_mixture_bound(100.0, 0.05, 100.0), 4)
        30.3521
    """
    log = 2 * math.log(1 / alpha)
    rho = v_opt / (log + math.log(1 + log))
    return math.sqrt((v + rho) * math.log((v + rho) / (rho * alpha**2)))
