"""The value of a policy that fills slates, or takes several decisions in a row."""

from abc import ABC, abstractmethod
from dataclasses import dataclass, field

import numpy as np

from dorec.domain.errors import BadPropensity, ConfigError, InputError
from dorec.domain.estimate import Estimate
from dorec.domain.slate_feedback import SlateFeedback
from dorec.domain.trajectory_feedback import TrajectoryFeedback
from dorec.domain.verdict import Verdict
from dorec.evaluate.off_policy import (
    FEW_EFFECTIVE_ROWS,
    effective_sample_size,
    mean_weight_verdict,
    refuse_dominated,
    rows_that_speak,
)
from dorec.evaluate.reward_model import check_n_folds
from dorec.numeric.action_ridge import ridge_by_action, standardised
from dorec.numeric.arrays import AnyArray, FloatArray
from dorec.numeric.folds import hash64
from dorec.numeric.multiplicity import cluster_sums


class SlateEstimator(ABC):
    """A slate's value as the sum over its places of what each place brings.

    Example:
        >>> issubclass(IndependentIPS, SlateEstimator)
        True
    """

    max_unsupported: float

    def evaluate(self, feedback: SlateFeedback, propensities: AnyArray) -> Estimate:
        """The expected sum of rewards of a slate.

        Args:
            feedback: n logged slates of L places.
            propensities: of the judged policy: of the logged item at each place given the logged items before it,
                (n, L), or of every item so, (n, L, n_actions).

        Raises:
            BadPropensity: an entry is no probability, or the weights refute the log.
            NoSupport: the weights show that the policy acts where the log never did, or one slate holds most weight.
        """
        every = np.asarray(propensities, dtype=np.float64)
        shape = feedback.action.shape
        if every.shape not in (shape, (*shape, feedback.n_actions)):
            raise InputError(f"The policy has shape {every.shape}; give {shape} or {(*shape, feedback.n_actions)}.")
        chosen = every if every.ndim == 2 else np.take_along_axis(every, feedback.action[..., None], axis=2)[..., 0]
        wrong = ~((every >= 0) & (every <= 1 + 1e-9)).reshape(feedback.n, -1).all(axis=1)
        if every.ndim == 3:
            wrong |= (np.abs(every.sum(axis=2) - 1) > 1e-6).any(axis=1)
        if wrong.any():
            row = int(wrong.argmax())
            raise BadPropensity(
                f"{int(wrong.sum()):,} slate(s) have no probabilities in the policy, the first in row {row}",
                remedy="give numbers in [0, 1] that sum to one over the items of a place",
                evidence={"rows": np.flatnonzero(wrong)[:10].tolist()},
            )
        ratio = chosen / feedback.propensity
        scores, weights = self.scores(feedback, ratio, every)
        estimand = "expected reward of a slate of the policy on the logged contexts"
        return weighed_estimate(
            scores, weights, feedback, (type(self).__name__, estimand), max_unsupported=self.max_unsupported
        )

    @abstractmethod
    def scores(self, feedback: SlateFeedback, ratio: FloatArray, every: FloatArray) -> tuple[FloatArray, FloatArray]:
        """A score for each slate, (n,), whose mean is the value, and the weights on which it rests, (n, w).

        `ratio` (n, L) is the judged over the logged propensity at each place, `every` the judged policy as given.
        """


@dataclass(frozen=True)
class SlateIPS(SlateEstimator):
    """Each slate weighted as a whole (standard IPS): right whatever the user does, with the largest weights.

    Example:
        >>> shown = np.random.default_rng(0).integers(2, size=(4000, 2))
        >>> log = SlateFeedback(action=shown, reward=1.0 * shown, propensity=np.full((4000, 2), 0.5), n_actions=2)
        >>> round(SlateIPS().evaluate(log, np.full((4000, 2), 0.5)).value, 1)
        1.0
    """

    max_unsupported: float = 0.01

    def scores(self, feedback: SlateFeedback, ratio: FloatArray, every: FloatArray) -> tuple[FloatArray, FloatArray]:
        """The sum of rewards, weighted by the product of ratios."""
        weights = ratio.prod(axis=1)
        return weights * feedback.reward.sum(axis=1), weights[:, None]


@dataclass(frozen=True)
class IndependentIPS(SlateEstimator):
    """Each place weighted by itself (Li et al. 2018): right where a reward depends on its own place alone.

    It needs marginal propensities, and so places that are filled independently.

    Example:
        >>> shown = np.random.default_rng(0).integers(2, size=(4000, 2))
        >>> log = SlateFeedback(action=shown, reward=1.0 * shown, propensity=np.full((4000, 2), 0.5), n_actions=2)
        >>> round(IndependentIPS().evaluate(log, np.full((4000, 2), 0.5)).value, 1)
        1.0
    """

    max_unsupported: float = 0.01

    def scores(self, feedback: SlateFeedback, ratio: FloatArray, every: FloatArray) -> tuple[FloatArray, FloatArray]:
        """The sum of weighted rewards."""
        return (ratio * feedback.reward).sum(axis=1), ratio


@dataclass(frozen=True)
class RewardInteractionIPS(SlateEstimator):
    """Each place weighted by itself and those before it (McInerney et al. 2020, arXiv 2007.12986).

    Right where a reward does not depend on later places: a user who reads from the top. For decisions in a row it is
    per-decision importance sampling (Precup, Sutton and Singh 2000), rewards discounted by `discount`.

    Example:
        >>> shown = np.random.default_rng(0).integers(2, size=(4000, 2))
        >>> log = SlateFeedback(action=shown, reward=1.0 * shown, propensity=np.full((4000, 2), 0.5), n_actions=2)
        >>> round(RewardInteractionIPS().evaluate(log, np.full((4000, 2), 0.5)).value, 1)
        1.0
    """

    discount: float = 1.0
    max_unsupported: float = 0.01

    def __post_init__(self) -> None:
        check_discount(self.discount)

    def scores(self, feedback: SlateFeedback, ratio: FloatArray, every: FloatArray) -> tuple[FloatArray, FloatArray]:
        """The sum of rewards, each weighted by the product of the ratios up to its place."""
        weights = ratio.cumprod(axis=1)
        worth = self.discount ** np.arange(feedback.n_places)
        return (weights * feedback.reward) @ worth, weights


@dataclass(frozen=True)
class PseudoInverse(SlateEstimator):
    """Weights that add up over places (Swaminathan et al. 2017, arXiv 1605.04812).

    Right where the slate's whole reward is a sum of what each item adds at its place, even if only the sum is seen. In
    this closed form the places are filled independently by both policies.

    Example:
        >>> shown = np.random.default_rng(0).integers(2, size=(4000, 2))
        >>> log = SlateFeedback(action=shown, reward=1.0 * shown, propensity=np.full((4000, 2), 0.5), n_actions=2)
        >>> round(PseudoInverse().evaluate(log, np.full((4000, 2), 0.5)).value, 1)
        1.0
    """

    max_unsupported: float = 0.01

    def scores(self, feedback: SlateFeedback, ratio: FloatArray, every: FloatArray) -> tuple[FloatArray, FloatArray]:
        """The whole reward, weighted by 1 plus the sum of the ratios' gaps from 1."""
        weights = 1 + (ratio - 1).sum(axis=1)
        return weights * feedback.reward.sum(axis=1), ratio


@dataclass(frozen=True)
class CascadeDR(SlateEstimator):
    """Reward interaction IPS with a cross-fitted model of each place's reward (Kiyohara et al. 2022, arXiv 2202.01562).

    The model is a ridge for each item and place on the context; whatever it says, the value stays unbiased where a
    reward does not depend on later places. For decisions in a row it is doubly robust per decision.

    Example:
        >>> shown = np.random.default_rng(0).integers(2, size=(4000, 2))
        >>> log = SlateFeedback(action=shown, reward=1.0 * shown, propensity=np.full((4000, 2), 0.5), n_actions=2)
        >>> round(CascadeDR().evaluate(log, np.full((4000, 2, 2), 0.5)).value, 1)
        1.0
    """

    n_folds: int = 3
    reg: float = 10.0
    discount: float = 1.0
    max_unsupported: float = field(default=0.01)

    def __post_init__(self) -> None:
        check_n_folds(self.n_folds)
        check_discount(self.discount)

    def scores(self, feedback: SlateFeedback, ratio: FloatArray, every: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Predictions under the policy, and weighted residuals, place by place."""
        if every.ndim != 3:
            raise InputError("CascadeDR asks what every item is worth; give the policy as (n, places, n_actions).")
        weights = ratio.cumprod(axis=1)
        before = np.concatenate([np.ones((feedback.n, 1)), weights[:, :-1]], axis=1)
        unit = np.arange(feedback.n) if feedback.cluster is None else feedback.cluster
        fold = (hash64(unit) % np.uint64(self.n_folds)).astype(np.int64)
        x = standardised(feedback.context)
        total = np.zeros(feedback.n)
        shape = (self.n_folds, feedback.n_actions)
        for place in range(feedback.n_places):
            action, reward = feedback.action[:, place], feedback.reward[:, place]
            coefficients = ridge_by_action(x, action, reward, fold, shape, self.reg)
            q = np.einsum("nd,nad->na", x, coefficients[fold])
            of_logged = q[np.arange(feedback.n), action]
            of_policy = (every[:, place] * q).sum(axis=1)
            score = before[:, place] * of_policy + weights[:, place] * (reward - of_logged)
            total += self.discount**place * score
        return total, weights


def check_discount(discount: float) -> None:
    """Refuses a discount factor outside (0, 1].

    >>> check_discount(1.2)
    Traceback (most recent call last):
    dorec.domain.errors.ConfigError: discount is 1.2; give a number above 0, and at most 1.
    """
    if not 0 < discount <= 1:
        raise ConfigError(f"discount is {discount}; give a number above 0, and at most 1.")


def weighed_estimate(
    scores: FloatArray,
    weights: FloatArray,
    feedback: SlateFeedback | TrajectoryFeedback,
    named: tuple[str, str],
    *,
    max_unsupported: float,
) -> Estimate:
    """The mean score, with verdicts on the column of weights that speaks least; any column may refute the log.

    Args:
        scores: of each slate or sequence, (n,).
        weights: on which they rest, (n, w), each column with mean 1 if the logged propensities are right.
        feedback: the log.
        named: method and estimand.
        max_unsupported: a gap of the mean weight from 1 up to here is no ground for a refusal.

    Example:
        >>> log = SlateFeedback(action=np.zeros((60, 1), int), reward=np.ones((60, 1)), propensity=np.ones((60, 1)),
        ...                     n_actions=1)
        >>> weighed_estimate(np.arange(60.0), np.ones((60, 1)), log, ("", ""), max_unsupported=0.01).value
        29.5
    """
    ess = np.array([effective_sample_size(column) for column in weights.T])
    worst = int(ess.argmin())
    refuse_dominated(weights[:, worst])
    controls = [_mean_is_one(column, feedback.cluster, max_unsupported) for column in weights.T]
    verdicts = (controls[worst], rows_that_speak(float(ess[worst]), feedback.n, float(weights[:, worst].max())))
    few = f"only {ess[worst]:.1f} effective units speak for this policy" if ess[worst] < FEW_EFFECTIVE_ROWS else ""
    return Estimate.of_mean(
        scores,
        sample=feedback.sample,
        cluster=feedback.cluster,
        name="policy value",
        method=named[0],
        estimand=named[1],
        no_interval=few,
        verdicts=verdicts,
    )


def _mean_is_one(weights: FloatArray, cluster: AnyArray | None, max_unsupported: float) -> Verdict:
    centred = weights - weights.mean()
    sums = centred if cluster is None else cluster_sums(centred[:, None], cluster)[:, 0]
    squares = float(sums @ sums)
    skewness = float((sums**3).sum()) / squares**1.5 if squares > 0 else 0.0
    error = float(np.sqrt(squares * len(sums) / max(len(sums) - 1, 1))) / len(weights)
    top = float(weights.max() / max(weights.sum(), 1e-300))
    return mean_weight_verdict(float(weights.mean()), error, skewness, top, max_unsupported)
