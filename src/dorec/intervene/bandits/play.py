"""A bandit in an environment whose expected rewards are known: what it earns, what it misses, and the log it leaves."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from dorec.domain.errors import ConfigError, InputError
from dorec.domain.estimate import Estimate
from dorec.domain.explanation import Figure
from dorec.domain.logged_feedback import LoggedFeedback
from dorec.domain.plain_numbers import as_numbers, is_number, is_whole
from dorec.domain.run import RunContext
from dorec.intervene.bandits.bandit import BanditState
from dorec.intervene.bandits.decisions import PendingDecisions
from dorec.numeric.arrays import AnyArray, FloatArray, IntArray

DEFAULT_CONTEXT = RunContext()
POINTS = 50  # of a curve


class Environment(Protocol):
    """Where a bandit plays: contexts come, actions pay."""

    def contexts(self, m: int, rng: np.random.Generator) -> FloatArray:
        """The next m contexts, (m, d), or (m, k, d) for a shared bandit."""
        ...

    def expected_reward(self, context: FloatArray) -> FloatArray:
        """The mean reward of each action, (m, k)."""
        ...

    def reward(self, context: FloatArray, action: IntArray, rng: np.random.Generator) -> FloatArray:
        """Rewards of the actions that were taken, (m,)."""
        ...


@dataclass(frozen=True, kw_only=True)
class RewardModel:
    """An `Environment` from two functions: a fitted model of rewards, or a simulated world.

    Args:
        draw_contexts: (m, rng) -> (m, d).
        mean_reward: (m, d) -> (m, k).
        noise: standard deviation of normal rewards; None for rewards of 0 and 1 whose means are chances.

    Example:
        >>> coins = RewardModel(draw_contexts=lambda m, rng: np.empty((m, 0)),
        ...                     mean_reward=lambda x: np.tile([0.2, 0.8], (len(x), 1)))
        >>> coins.reward(np.empty((4, 0)), np.array([0, 1, 1, 1]), np.random.default_rng(0)).tolist()
        [0.0, 1.0, 1.0, 1.0]
    """

    draw_contexts: Callable[[int, np.random.Generator], FloatArray]
    mean_reward: Callable[[FloatArray], FloatArray]
    noise: float | None = None

    def __post_init__(self) -> None:
        if self.noise is not None and not (is_number(self.noise) and 0 <= self.noise < np.inf):
            raise ConfigError(f"noise is {self.noise!r}; give a standard deviation of 0 or more, or None for 0 and 1.")

    def contexts(self, m: int, rng: np.random.Generator) -> FloatArray:
        """The next m contexts."""
        return self.draw_contexts(m, rng)

    def expected_reward(self, context: FloatArray) -> FloatArray:
        """The mean reward of each action, (m, k)."""
        return self.mean_reward(context)

    def reward(self, context: FloatArray, action: IntArray, rng: np.random.Generator) -> FloatArray:
        """Normal rewards, or 0 and 1."""
        mean = self.mean_reward(context)[np.arange(len(action)), action]
        if self.noise is None:
            if not ((mean >= 0) & (mean <= 1)).all():
                raise InputError(
                    f"mean_reward reaches from {mean.min():g} to {mean.max():g}, but rewards of 0 and 1 have chances; "
                    "give means from 0 to 1, or a noise."
                )
            return (rng.random(len(mean)) < mean).astype(np.float64)
        return mean + self.noise * rng.normal(size=len(mean))


@dataclass(frozen=True, eq=False, kw_only=True)
class BanditRun:
    """One play: the log with every propensity, the expected reward that each decision missed, the last state.

    Example:
        >>> from dorec.intervene.bandits import LinUCB
        >>> coins = RewardModel(draw_contexts=lambda m, rng: np.empty((m, 0)),
        ...                     mean_reward=lambda x: np.tile([0.2, 0.8], (len(x), 1)))
        >>> run = play(LinUCB().start(n_actions=2, n_features=0), coins, 50)
        >>> run.feedback.logged_policy.shape, bool(run.cumulative_regret[-1] <= 50 * 0.6)
        ((50, 2), True)
    """

    feedback: LoggedFeedback
    regret: FloatArray  # (n,) best expected reward less that of the action
    state: BanditState

    @property
    def cumulative_regret(self) -> FloatArray:
        """Regret of the first 1, 2, ..., n decisions, (n,)."""
        return np.asarray(self.regret.cumsum())


def play(
    state: BanditState,
    environment: Environment,
    n_rounds: int,
    *,
    batch: int = 1,
    mean_delay: float = 0.0,
    context: RunContext = DEFAULT_CONTEXT,
) -> BanditRun:
    """Let a bandit choose, see its rewards and learn, round by round.

    Args:
        state: fresh from `start`, or warm.
        environment: contexts and rewards.
        n_rounds: decisions in all.
        batch: decisions that are made before the next learning.
        mean_delay: rewards come so many batches late on average (geometric), and so in another order; 0 for at once.
            What has not come at the end is not learned.
        context: seed and progress. Contexts and noise come from streams of their own, so that two bandits under one
            seed meet the same contexts.

    Example:
        >>> from dorec.intervene.bandits import LinUCB
        >>> coins = RewardModel(draw_contexts=lambda m, rng: np.empty((m, 0)),
        ...                     mean_reward=lambda x: np.tile([0.2, 0.8], (len(x), 1)))
        >>> run = play(LinUCB().start(n_actions=2, n_features=0), coins, 400)
        >>> run.feedback.n, bool(run.cumulative_regret[-1] < 0.25 * 400 * 0.3)
        (400, True)
    """
    if not (is_whole(n_rounds, 2) and is_whole(batch, 1) and is_number(mean_delay) and 0 <= mean_delay < np.inf):
        raise ConfigError(
            f"n_rounds={n_rounds!r}, batch={batch!r}, mean_delay={mean_delay!r}; give whole numbers of 2 and 1 or "
            "more, and a number of 0 or more."
        )
    streams = {name: context.rng("play", name) for name in ("contexts", "choices", "rewards", "delays")}
    log: dict[str, list[AnyArray]] = {}
    late = _LateRewards(PendingDecisions(made=state.clock + 1), {})
    starts = range(0, n_rounds, batch)
    for tick, start in enumerate(context.track(starts, "bandit", len(starts))):
        x = environment.contexts(min(batch, n_rounds - start), streams["contexts"])
        expected = environment.expected_reward(x)
        if expected.shape != (len(x), state.n_actions):
            raise InputError(f"expected_reward has shape {expected.shape}; give (m, {state.n_actions}).")
        made = state.choose(x, streams["choices"])
        reward = environment.reward(x, made.action, streams["rewards"])
        regret = expected.max(axis=1) - expected[np.arange(len(x)), made.action]
        _append(log, x=x, action=made.action, reward=reward, regret=regret, policy=made.propensities)
        if mean_delay:
            delays = streams["delays"].geometric(1 / (1 + mean_delay), size=len(x)) - 1
            late.pending = late.pending.add(list(range(start, start + len(x))), x, made)
            late.enter(tick + delays, range(start, start + len(x)), reward)
            state = late.learned(state, tick)
        else:
            state = state.learn(x, made.action, reward)
    return _finished(log, state)


@dataclass
class _LateRewards:
    """The post: which rewards come at which tick."""

    pending: PendingDecisions
    due: dict[int, list[tuple[int, float]]]

    def enter(self, ticks: IntArray, ids: range, reward: FloatArray) -> None:
        for tick, name, value in zip(ticks.tolist(), ids, reward.tolist(), strict=True):
            self.due.setdefault(tick, []).append((name, value))

    def learned(self, state: BanditState, tick: int) -> BanditState:
        came = self.due.pop(tick, [])
        if not came:
            return state
        self.pending, arrived = self.pending.arrive([name for name, _ in came], [value for _, value in came])
        return state.learn(arrived.context, arrived.action, arrived.reward, at=arrived.at)


def _append(log: dict[str, list[AnyArray]], **parts: AnyArray) -> None:
    for name, part in parts.items():
        log.setdefault(name, []).append(part)


def _finished(log: dict[str, list[AnyArray]], state: BanditState) -> BanditRun:
    whole = {name: np.concatenate(parts) for name, parts in log.items()}
    policy, action = whole["policy"], whole["action"].astype(np.int64)
    feedback = LoggedFeedback(
        context=whole["x"].reshape(len(action), -1),
        action=action,
        reward=whole["reward"],
        propensity=policy[np.arange(len(action)), action],
        n_actions=state.n_actions,
        logged_policy=policy,
    )
    return BanditRun(feedback=feedback, regret=whole["regret"], state=state)


def regret_curve(runs: Sequence[BanditRun], rounds: Sequence[int] | None = None) -> Estimate:
    """Cumulative regret after some numbers of rounds, (p,), averaged over independent plays (Student's t).

    Args:
        runs: plays of one bandit under several seeds, all of the same length; two at least.
        rounds: after how many decisions; by default 50 points.

    Example:
        >>> from dorec.intervene.bandits import EpsilonGreedy
        >>> coins = RewardModel(draw_contexts=lambda m, rng: np.empty((m, 0)),
        ...                     mean_reward=lambda x: np.tile([0.2, 0.8], (len(x), 1)))
        >>> uniform = EpsilonGreedy(epsilon=1.0).start(n_actions=2, n_features=0)
        >>> curve = regret_curve([play(uniform, coins, 100, context=RunContext(seed=s)) for s in range(5)], [50, 100])
        >>> curve.value.round(1).tolist(), curve.name
        ([13.7, 28.8], ('regret after 50', 'regret after 100'))
    """
    lengths = {len(run.regret) for run in runs}
    if len(runs) < 2 or len(lengths) != 1:
        raise InputError(f"{len(runs)} run(s) of {sorted(lengths)} rounds; give 2 or more of one length.")
    n = lengths.pop()
    asked = rounds_of(n) if rounds is None else as_numbers(rounds, "rounds")
    if not asked.size or not ((asked >= 1) & (asked <= n) & (asked == np.floor(asked))).all():
        raise InputError(f"rounds are {np.asarray(asked).tolist()}; give whole numbers from 1 to {n}.")
    at = asked.astype(np.int64)
    scores = np.stack([run.cumulative_regret[at - 1] for run in runs])
    return Estimate.of_mean(scores, name=tuple(f"regret after {n}" for n in at), method="independent plays")


def rounds_of(n: int) -> IntArray:
    """At most 50 numbers of rounds up to n, evenly apart.

    >>> rounds_of(3).tolist()
    [1, 2, 3]
    """
    return np.unique(np.linspace(1, n, min(n, POINTS)).round().astype(np.int64))


def regret_figure(plays: Mapping[str, Sequence[BanditRun]], *, level: float = 0.95) -> Figure:
    """Cumulative regret by round, one line with its band for each bandit.

    Example:
        >>> from dorec.intervene.bandits import EpsilonGreedy
        >>> coins = RewardModel(draw_contexts=lambda m, rng: np.empty((m, 0)),
        ...                     mean_reward=lambda x: np.tile([0.2, 0.8], (len(x), 1)))
        >>> uniform = EpsilonGreedy(epsilon=1.0).start(n_actions=2, n_features=0)
        >>> runs = [play(uniform, coins, 20, context=RunContext(seed=s)) for s in range(3)]
        >>> regret_figure({"uniform": runs}).data["lines"][0]["x"][-1]
        20.0
    """
    if not plays:
        raise InputError("regret_figure got no plays; give name -> runs.")
    lines = []
    for name, runs in plays.items():
        curve = regret_curve(runs)
        x = rounds_of(len(runs[0].regret))
        bounds = curve.interval(level)
        series = {"x": x, "y": curve.value, "lower": bounds.lower, "upper": bounds.upper}
        lines.append({"name": name, **{key: np.asarray(part, float).tolist() for key, part in series.items()}})
    caption = f"Mean over independent plays; bands are {level:.0%} intervals, point by point."
    return Figure(
        kind="curve",
        title="Cumulative regret",
        data={"lines": lines},
        x_label="decisions",
        y_label="expected reward missed",
        caption=caption,
    )
