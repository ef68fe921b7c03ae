"""What all bandits share: hyperparameters that start a state; a state that chooses, learns, and can be kept."""

import json
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from typing import Any, ClassVar, Protocol, Self

import numpy as np

from dorec.domain.errors import ConfigError, InputError, NotFinite, UnknownAction
from dorec.domain.logged_feedback import LoggedFeedback
from dorec.domain.plain_numbers import as_numbers, is_number, is_whole
from dorec.intervene.bandits.decisions import Decisions, draw
from dorec.numeric.arrays import AnyArray, BoolArray, FloatArray, IntArray
from dorec.numeric.rng import Seed, generator

SHARES = ("discount", "epsilon")
POSITIVE = ("reg", "discount", "noise", "scale")
SWITCHES = ("intercept", "shared")
LARGEST = 1e50  # of a context, reward or weight: sums of their products stay finite


class Belief(Protocol):
    """What a bandit knows; frozen."""

    @property
    def clock(self) -> int:
        """Number of the latest decision that was learned from, -1 before the first."""
        ...

    def learn(self, design: FloatArray, group: IntArray, reward: FloatArray, at: IntArray, weight: FloatArray) -> Self:
        """What is known after more rows."""
        ...

    def arrays(self) -> dict[str, AnyArray]:
        """It as arrays."""
        ...

    def restored(self, arrays: Mapping[str, AnyArray]) -> Self:
        """It from arrays, under this one's settings."""
        ...


class Bandit(ABC):
    """The hyperparameters of a contextual bandit, in the fields of a frozen dataclass."""

    reward_bounds: ClassVar[tuple[float, float]] = (-np.inf, np.inf)  # what the model has a place for
    epsilon: float
    intercept: bool
    shared: bool

    def start(self, n_actions: int, n_features: int) -> "BanditState":
        """A state that knows nothing yet.

        Raises:
            ConfigError: fewer than two actions, or no column to learn from.
        """
        if not is_whole(n_actions, 2):
            raise ConfigError(f"n_actions is {n_actions!r}; a bandit chooses among 2 actions or more.")
        if not is_whole(n_features, 0) or n_features + self.intercept < 1:
            raise ConfigError(f"n_features is {n_features!r}; give 1 or more, or 0 with intercept=True.")
        belief = self.prior(1 if self.shared else int(n_actions), int(n_features) + self.intercept)
        return BanditState(bandit=self, belief=belief, n_actions=int(n_actions), n_features=int(n_features))

    def least_numbers(self, n_groups: int, n_columns: int) -> int:
        """How many numbers the arrays of such a state hold at least, known before any memory is taken."""
        return n_groups * n_columns**2

    @abstractmethod
    def prior(self, n_groups: int, n_columns: int) -> Belief:
        """What is known before the first row."""

    @abstractmethod
    def preference(self, belief: Any, design: FloatArray, allowed: BoolArray, rng: np.random.Generator) -> FloatArray:
        """How the bandit chooses before uniform decisions are mixed in: probabilities (m, k), 0 where not allowed."""


@dataclass(frozen=True, eq=False, kw_only=True)
class BanditState:
    """A bandit at a moment: it chooses with known propensities, and learning gives a new state.

    The propensities are those of the draw itself: where a bandit's own choice can only be simulated (Thompson sampling
    of three actions or more), the simulated probabilities are made the policy and the action is drawn from them. Hence
    importance weights are unbiased whatever the number of draws. To draw the action first and to simulate its
    propensity afterwards would not do: the mean of one over an estimate is not one over its mean.

    Example:
        >>> from dorec.intervene.bandits import LinUCB
        >>> state = LinUCB(epsilon=0.1).start(n_actions=2, n_features=1)
        >>> state = state.learn([[1.0], [1.0]], [0, 1], [0.0, 1.0])
        >>> state.choose([[1.0]], 0).propensities.round(2).tolist()
        [[0.05, 0.95]]
    """

    bandit: Bandit
    belief: Any  # a Belief
    n_actions: int
    n_features: int

    @property
    def clock(self) -> int:
        """Number of the latest decision that was learned from, -1 before the first."""
        return int(self.belief.clock)

    def choose(self, context: Any, rng: Seed, eligible: Any = None) -> Decisions:
        """An action for each row, with its propensity.

        Args:
            context: (m, n_features), or (m, n_actions, n_features) where the bandit is `shared`.
            rng: a generator or seed; what the choice is drawn with.
            eligible: (n_actions,) or (m, n_actions), which actions may be taken; all by default.

        Raises:
            InputError: a shape is wrong, or a row has no eligible action.
            NotFinite: a context is missing or infinite.
        """
        random = generator(rng, "bandit")
        return draw(self.propensities(context, eligible, random), random)

    def propensities(self, context: Any, eligible: Any = None, rng: Seed = 0) -> FloatArray:
        """The probability of each action, (m, n_actions); a `Policy` to be judged on any log."""
        design = self._design(context)
        allowed = self._allowed(eligible, len(design))
        chosen = self.bandit.preference(self.belief, design, allowed, generator(rng, "bandit"))
        epsilon = self.bandit.epsilon
        open_actions = allowed.sum(axis=1, keepdims=True)
        return np.asarray((1 - epsilon) * chosen / chosen.sum(axis=1, keepdims=True) + epsilon * allowed / open_actions)

    def learn(self, context: Any, action: Any, reward: Any, *, at: Any = None, weight: float = 1.0) -> "BanditState":
        """The state after rewards came in, one or many, for decisions of any age.

        Args:
            context: as in `choose`.
            action: (m,).
            reward: (m,).
            at: (m,) the numbers of the decisions, as `PendingDecisions` counts them; matters with a discount alone. By
                default the rows are the next decisions in their order.
            weight: how many rows each of these is worth.

        Raises:
            InputError: shapes don't fit.
            UnknownAction: an action is outside 0..n_actions - 1.
            NotFinite: a context or reward is missing or infinite.
        """
        design = self._design(context)
        m = len(design)
        codes, rewards = self._answers(action, reward, m)
        if not (is_number(weight) and 0 < weight <= LARGEST):
            raise InputError(f"weight is {weight!r}; give a number above 0, at most {LARGEST:g}.")
        numbers = self.clock + 1 + np.arange(m) if at is None else _whole_numbers(at, m)
        rows = design[np.arange(m), codes] if self.bandit.shared else design
        group = np.zeros(m, dtype=np.int64) if self.bandit.shared else codes
        try:
            belief = self.belief.learn(rows, group, rewards, numbers, np.full(m, float(weight)))
        except np.linalg.LinAlgError:
            raise InputError(
                "The contexts' columns are on scales too far apart for a regression; bring each near 1, or raise reg."
            ) from None
        return replace(self, belief=belief)

    def warm_start(self, feedback: LoggedFeedback, *, weight: float = 1.0) -> "BanditState":
        """The state after a log of another policy, so that the first choices are no longer blind.

        Propensities are not used: given context and action, the reward is taken to follow the bandit's model whoever
        chose, which holds where that model is right and the log's choices rested on nothing that is not in the context.
        Its rows count as the decisions just before the next one, in their order: with a `discount` the latest are worth
        most, and the clock stays, so that decisions which wait for their rewards keep their age.

        Args:
            feedback: the log, oldest first; a `shared` bandit reads its context (n, n_actions * n_features), action by
                action.
            weight: below 1 the log counts for less than rows of the bandit's own, as it should where times changed.
        """
        if not isinstance(feedback, LoggedFeedback):
            raise InputError(f"A warm start takes a LoggedFeedback; got {type(feedback).__name__}.")
        if feedback.n_actions != self.n_actions:
            raise InputError(f"The log has {feedback.n_actions} actions, the bandit {self.n_actions}; give the same.")
        context = feedback.context
        if self.bandit.shared:
            if context.shape[1] != self.n_actions * self.n_features:
                raise InputError(
                    f"The log's context has {context.shape[1]} columns; give n_actions * n_features = "
                    f"{self.n_actions * self.n_features}."
                )
            context = context.reshape(feedback.n, self.n_actions, self.n_features)
        before = self.clock + 1 - feedback.n + np.arange(feedback.n)
        return self.learn(context, feedback.action, feedback.reward, at=before, weight=weight)

    def to_arrays(self) -> tuple[dict[str, AnyArray], dict[str, str]]:
        """Arrays and text metadata, for a store that keeps no code: `from_arrays` makes the same state of them."""
        from dorec.intervene.bandits.registry import registered_name

        metadata = {
            "bandit": registered_name(self.bandit),
            "settings": json.dumps(asdict(self.bandit), sort_keys=True),  # type: ignore[call-overload]
            "n_actions": str(self.n_actions),
            "n_features": str(self.n_features),
        }
        return self.belief.arrays(), metadata

    def _design(self, context: Any) -> FloatArray:
        x = as_numbers(context, "The context")
        middle = (self.n_actions,) if self.bandit.shared else ()
        if x.ndim != 2 + len(middle) or x.shape[1:] != (*middle, self.n_features):
            wanted = ("m", *map(str, middle), str(self.n_features))
            raise InputError(f"The context has shape {x.shape}; give ({', '.join(wanted)}).")
        finite = np.abs(x) <= LARGEST
        if not finite.all():
            row = int(np.argmin(finite.reshape(len(x), -1).all(axis=1)))
            raise NotFinite(
                f"the context of row {row} has a missing or infinite value, or one beyond {LARGEST:g}",
                remedy="fill it in, on a scale near 1",
            )
        if not self.bandit.intercept:
            return x
        return np.concatenate([np.ones((*x.shape[:-1], 1)), x], axis=-1)

    def _answers(self, action: Any, reward: Any, m: int) -> tuple[IntArray, FloatArray]:
        taken, rewards = as_numbers(action, "The actions"), as_numbers(reward, "The rewards")
        if taken.shape != (m,) or rewards.shape != (m,):
            raise InputError(f"{m} contexts, actions {taken.shape} and rewards {rewards.shape} don't fit; give (m,).")
        if not ((taken >= 0) & (taken < self.n_actions) & (taken == np.floor(taken))).all():
            raise UnknownAction(f"an action is outside 0..{self.n_actions - 1}", remedy="give codes of the actions")
        known = np.abs(rewards) <= LARGEST
        if not known.all():
            row = int(np.argmin(known))
            raise NotFinite(
                f"the reward of row {row} is {rewards[row]}",
                remedy=f"learn once the reward is known, in units in which it is below {LARGEST:g}",
            )
        low, high = self.bandit.reward_bounds
        if m and not (rewards.min() >= low and rewards.max() <= high):
            raise InputError(
                f"Rewards reach from {rewards.min():g} to {rewards.max():g}; {type(self.bandit).__name__} takes "
                f"{low:g} to {high:g}. Scale them, or use LinearThompson."
            )
        return taken.astype(np.int64), rewards

    def _allowed(self, eligible: Any, m: int) -> BoolArray:
        if eligible is None:
            return np.ones((m, self.n_actions), dtype=bool)
        given = np.asarray(eligible)
        if given.dtype != bool or given.shape not in {(self.n_actions,), (m, self.n_actions)}:
            raise InputError(
                f"eligible has shape {given.shape} and type {given.dtype}; give truth values (n_actions,) or "
                f"(m, n_actions) = {(m, self.n_actions)}."
            )
        allowed = np.broadcast_to(given, (m, self.n_actions))
        if m and not allowed.any(axis=1).all():
            row = int(np.argmin(allowed.any(axis=1)))
            raise InputError(f"Row {row} has no eligible action; leave it out, or make one eligible.")
        return allowed


def _whole_numbers(at: Any, m: int) -> IntArray:
    given = as_numbers(at, "at")
    if given.shape != (m,):
        raise InputError(f"at has shape {given.shape}; give one number for each of {m} rows.")
    if not (np.abs(given) < 2.0**53).all() or (given != np.floor(given)).any():
        raise InputError("at holds a value that is no whole number; give the number of each decision.")
    return given.astype(np.int64)


def check_settings(bandit: Bandit) -> None:
    """Refuse hyperparameters out of their bounds.

    Raises:
        ConfigError: one is.
    """
    for field in fields(bandit):  # type: ignore[arg-type]
        name, value = field.name, getattr(bandit, field.name)
        if name in SWITCHES and not isinstance(value, bool):
            raise ConfigError(f"{name} is {value!r}; give True or False.")
        if name == "n_draws" and not is_whole(value, 1):
            raise ConfigError(f"n_draws is {value!r}; give a whole number of 1 or more.")
        if name in SHARES and not (is_number(value) and 0 <= value <= 1):
            raise ConfigError(f"{name} is {value!r}; give a number from 0 to 1.")
        if (
            name in POSITIVE
            and not (value is None and name == "noise")
            and not (is_number(value) and 0 < value < np.inf)
        ):
            raise ConfigError(f"{name} is {value!r}; give a number above 0.")
        if name == "alpha" and not (is_number(value) and 0 <= value < np.inf):
            raise ConfigError(f"alpha is {value!r}; give a number of 0 or more.")


def best_of(score: FloatArray, allowed: BoolArray) -> FloatArray:
    """All probability on the largest allowed score of each row, evenly where several tie, (m, k).

    >>> best_of(np.array([[1.0, 1.0, 2.0]]), np.array([[True, True, False]])).tolist()
    [[0.5, 0.5, 0.0]]
    """
    open_score = np.where(allowed, score, -np.inf)
    top = open_score == open_score.max(axis=1, keepdims=True)
    return np.asarray(top / top.sum(axis=1, keepdims=True))
