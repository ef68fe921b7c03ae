"""POEM: counterfactual risk minimisation (Swaminathan and Joachims 2015, arXiv 1502.02362)."""

from dataclasses import dataclass

import numpy as np

from dorec.domain.errors import ConfigError
from dorec.domain.logged_feedback import LoggedFeedback
from dorec.domain.run import RunContext
from dorec.intervene.dr_scores import actions_to_learn
from dorec.intervene.softmax_policy import DEFAULT_CONTEXT, LinearScores, SoftmaxPolicy, reward_scores
from dorec.numeric.action_ridge import on_scale
from dorec.numeric.arrays import FloatArray
from dorec.numeric.softmax_search import Slope, at_logged, cautious_log_value, maximise


@dataclass(frozen=True, kw_only=True)
class POEM:
    """A softmax-linear policy with the largest value on the log less `penalty` of its standard errors.

    The penalty keeps it near what the log can judge: a policy that needs large weights has a large error. The plain
    objective is not the same for rewards and rewards plus a number (a policy may profit from shunning the log), so
    rewards are counted from their minimum; the self-normalised one (norm-POEM, Swaminathan and Joachims 2015b) is.
    Memory: a few tables (n, n_actions).

    Args:
        penalty: standard errors taken off, 0 or more.
        clip: largest weight.
        self_normalised: divide by the sum of the weights; norm-POEM.
        reg: ridge of the coefficients, in rows of one standard deviation of the reward.
        epsilon: share of random decisions in the policy.

    Example:
        >>> rng = np.random.default_rng(0)
        >>> x, a = rng.normal(size=(2000, 1)), rng.integers(2, size=2000)
        >>> reward = (rng.random(2000) < 0.5 + 0.4 * np.sign(x[:, 0]) * (2 * a - 1)) * 1.0
        >>> log = LoggedFeedback(context=x, action=a, reward=reward, propensity=np.full(2000, 0.5), n_actions=2)
        >>> POEM().fit(log).propensities(np.array([[2.0], [-2.0]])).round(1).tolist()
        [[0.0, 1.0], [1.0, 0.0]]
    """

    penalty: float = 1.0
    clip: float = 100.0
    self_normalised: bool = True
    reg: float = 1.0
    epsilon: float = 0.0

    def __post_init__(self) -> None:
        if not (self.penalty >= 0 and self.clip > 0 and self.reg >= 0 and 0 <= self.epsilon <= 1):
            raise ConfigError(
                f"penalty is {self.penalty}, clip {self.clip}, reg {self.reg}, epsilon {self.epsilon}; "
                "give 0 or more, above 0, 0 or more, and 0 to 1."
            )

    def fit(self, feedback: LoggedFeedback, *, context: RunContext = DEFAULT_CONTEXT) -> SoftmaxPolicy:
        """The policy; actions that the log never took keep probability 0.

        Raises:
            OneArm: the log took one action only.
        """
        del context  # nothing is random
        allowed = actions_to_learn(feedback)
        place = np.cumsum(allowed) - 1  # of an action among those allowed
        scale = float(feedback.reward.std()) or 1.0
        reward = (feedback.reward - feedback.reward.min()) / scale
        rows, action, k = np.arange(feedback.n), place[feedback.action], int(allowed.sum())

        def objective(p: FloatArray) -> Slope:
            value, slope = cautious_log_value(
                p[rows, action],
                feedback.propensity,
                reward,
                penalty=self.penalty,
                clip=self.clip,
                normalise=self.self_normalised,
            )
            return Slope(value, at_logged(slope, action, k))

        guess = reward_scores(feedback, 10.0)
        x = on_scale(feedback.context, guess.mean, guess.sd)
        starts = [np.zeros((x.shape[1], k)), guess.coefficients[:, allowed] / scale]
        made = np.zeros((x.shape[1], feedback.n_actions))
        made[:, allowed] = maximise(x, objective, starts, self.reg / feedback.n)
        return SoftmaxPolicy(scores=LinearScores(made, guess.mean, guess.sd), epsilon=self.epsilon, allowed=allowed)
