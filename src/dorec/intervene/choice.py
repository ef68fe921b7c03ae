"""The best of several alternatives, with an error that knows that it was chosen because it looked best."""

from dataclasses import dataclass

import numpy as np

from dorec.domain.errors import InputError
from dorec.domain.estimate import Estimate, Interval
from dorec.domain.plain_numbers import is_number
from dorec.numeric.pairwise_contrasts import contrast_errors, contrast_quantile


@dataclass(frozen=True, kw_only=True, eq=False)
class Choice:
    """The alternative with the largest score, and what can be said of it whichever was chosen.

    Example:
        >>> draws = np.random.default_rng(0).normal(size=(400, 1)) + [0.0, 0.5]
        >>> choice = best_of(Estimate.of_mean(draws, name=("a", "b"), sample="users"))
        >>> choice.candidate, choice.not_worse, choice.regret
        ('b', ('b',), 0.0)
    """

    candidate: str
    value: Estimate  # its score; the interval of this alone forgets the choice, `interval` doesn't
    scores: Estimate  # (k,) of all alternatives that were open
    interval: Interval  # of the chosen one's true score
    regret: float  # with probability `level`, no alternative is better by more than this
    not_worse: tuple[str, ...]  # with probability `level`, the truly best is among these
    level: float

    def __str__(self) -> str:
        lower, upper = self.interval
        return (
            f"{self.candidate}: {self.value.value:.4g} [{lower:.4g}, {upper:.4g}]; at most {self.regret:.4g} below the "
            f"best ({self.level:.0%}); not worse beyond the error: {', '.join(self.not_worse)}"
        )


def best_of(scores: Estimate, level: float = 0.95, *, seed: int = 0) -> Choice:
    """The alternative with the largest score, by bounds that hold for all alternatives and all pairs of them at once.

    A bound on the regret and the set that holds the best are multiple comparisons with the best (Hsu 1984,
    doi:10.1214/aos/1176346732); the interval is the simultaneous band at the one that was chosen.

    Args:
        scores: (k,), larger is better.
        level: of each of the three statements.
        seed: of the draws behind the joint bounds.

    Raises:
        InputError: the scores are one number, or the level is no probability. NoInterval: they have no error.

    Example:
        >>> draws = np.random.default_rng(1).normal(size=(100, 1)) + [0.0, 0.0, 0.01]  # one shared error
        >>> best_of(Estimate.of_mean(draws, name=("a", "b", "c"), sample="users")).not_worse
        ('c',)
    """
    check_level(level)
    if not isinstance(scores, Estimate) or not np.ndim(scores.value):
        raise InputError("best_of got one score; give an estimate with a value for each alternative.")
    k, best = len(scores.value), int(np.argmax(scores.value))
    covariance = scores.covariance
    error = contrast_errors(covariance, k)[:, best, 0]
    critical = contrast_quantile(covariance, k, level, dof=scores.dof, seed=seed) if k > 1 else 0.0
    ahead = scores.value - scores.value[best] + critical * error
    lower, upper = scores.interval(level, joint=True, seed=seed)
    known, value = bool(covariance[best, best] == 0), float(scores.value[best])
    return Choice(
        candidate=str(scores.name[best]),
        value=scores[best],
        scores=scores,
        interval=Interval(value, value) if known else Interval(float(lower[best]), float(upper[best])),
        regret=float(max(np.delete(ahead, best).max(initial=0.0), 0.0)),
        not_worse=tuple(str(scores.name[i]) for i in range(k) if i == best or ahead[i] >= 0),
        level=level,
    )


def check_level(level: float) -> None:
    """Refuse a confidence level that is no probability.

    >>> check_level(0.95)
    """
    if not (is_number(level) and 0 < level < 1):
        raise InputError(f"level is {level!r}; give a probability between 0 and 1, as in 0.95.")
