"""What a bandit did, with which propensities, and which of it still waits for its reward."""

from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np

from dorec.domain.errors import InputError
from dorec.domain.plain_numbers import as_numbers
from dorec.numeric.arrays import AnyArray, FloatArray, IntArray


@dataclass(frozen=True, eq=False)
class Decisions:
    """Actions, drawn from the very propensities that stand beside them.

    Example:
        >>> made = draw(np.array([[0.5, 0.5], [0.0, 1.0]]), np.random.default_rng(0))
        >>> made.action.tolist(), made.propensity.tolist()
        ([1, 1], [0.5, 1.0])
    """

    action: IntArray  # (m,)
    propensity: FloatArray  # (m,) of the action
    propensities: FloatArray  # (m, n_actions) of every action


def draw(propensities: FloatArray, rng: np.random.Generator) -> Decisions:
    """One action for each row of propensities (m, n_actions).

    >>> draw(np.array([[0.0, 1.0]]), np.random.default_rng(0)).action.tolist()
    [1]
    """
    up_to = propensities.cumsum(axis=1)
    at = rng.random(len(up_to)) * up_to[:, -1]
    action = (up_to <= at[:, None]).sum(axis=1)
    return Decisions(action, propensities[np.arange(len(action)), action], propensities)


class Arrival(NamedTuple):
    """Decisions whose rewards came in; what `learn` takes, with the number of each decision as `at`."""

    context: FloatArray
    action: IntArray
    reward: FloatArray
    at: IntArray
    propensity: FloatArray


@dataclass(frozen=True, eq=False)
class PendingDecisions:
    """Decisions by id that wait for their rewards, which may come in any order, late, or never.

    Decisions are numbered as they are made, so that with a `discount` a late reward counts by the age of its decision.
    A state that has learned from decisions before, without `at`, has counted them: begin with `made=state.clock + 1`.
    An operation takes time in proportion to what is waiting; hand in many at once.

    Example:
        >>> from dorec.intervene.bandits import LinUCB
        >>> state, rng = LinUCB().start(n_actions=2, n_features=1), np.random.default_rng(0)
        >>> context = np.array([[0.1], [0.2], [0.3]])
        >>> pending = PendingDecisions().add(["a", "b", "c"], context, state.choose(context, rng))
        >>> pending, arrived = pending.arrive(["c", "a"], [1.0, 0.0])
        >>> state = state.learn(arrived.context, arrived.action, arrived.reward, at=arrived.at)
        >>> pending.ids, arrived.at.tolist()
        (('b',), [2, 0])
    """

    ids: tuple[object, ...] = ()
    context: FloatArray | None = None  # (w, d), or (w, k, d) where actions have features of their own
    action: IntArray | None = None  # (w,)
    propensity: FloatArray | None = None  # (w,)
    at: IntArray | None = None  # (w,) the number of each decision
    made: int = 0  # decisions ever added

    def add(self, ids: AnyArray | list[object], context: AnyArray, decisions: Decisions) -> "PendingDecisions":
        """With more decisions; their ids are new ones.

        Raises:
            InputError: an id is waiting already or stands twice, or the lengths differ.
        """
        new = tuple(_plain(ids))
        if not isinstance(decisions, Decisions):
            raise InputError(f"add takes the Decisions that `choose` made; got {type(decisions).__name__}.")
        if len(set(new) | set(self.ids)) != len(new) + len(self.ids):
            raise InputError("An id is waiting already, or stands twice; give each decision an id of its own.")
        values: dict[str, AnyArray] = {
            "context": as_numbers(context, "The context"),
            "action": decisions.action,
            "propensity": decisions.propensity,
            "at": self.made + np.arange(len(new)),
        }
        if any(len(value) != len(new) for value in values.values()):
            raise InputError(
                f"{len(new)} ids, {len(context)} contexts and {len(decisions.action)} decisions don't fit."
            )
        if self.context is not None and self.context.shape[1:] != values["context"].shape[1:]:
            raise InputError(
                f"The context has rows of shape {values['context'].shape[1:]}, those that wait "
                f"{self.context.shape[1:]}; give the same features."
            )
        joined: dict[str, Any] = {
            name: value if getattr(self, name) is None else np.concatenate([getattr(self, name), value])
            for name, value in values.items()
        }
        return replace(self, ids=self.ids + new, made=self.made + len(new), **joined)

    def arrive(
        self, ids: AnyArray | list[object], reward: AnyArray | list[float]
    ) -> "tuple[PendingDecisions, Arrival]":
        """What still waits, and what these rewards teach.

        Raises:
            InputError: an id isn't waiting (never decided, or answered before), stands twice, or the lengths differ.
        """
        came = _plain(ids)
        place = {name: row for row, name in enumerate(self.ids)}
        unknown = [name for name in came if name not in place]
        if unknown or len(set(came)) != len(came):
            what = f"id {unknown[0]!r} is not waiting" if unknown else "an id stands twice"
            raise InputError(f"{what}; hand in one reward for each decision that was added and has none.")
        rewards = as_numbers(reward, "The rewards")
        if rewards.shape != (len(came),):
            raise InputError(f"There are {len(came)} ids and rewards of shape {rewards.shape}; give one for each.")
        if self.context is None or self.action is None or self.propensity is None or self.at is None:
            return self, Arrival(np.empty((0, 0)), np.empty(0, np.int64), rewards, np.empty(0, np.int64), np.empty(0))
        rows = np.array([place[name] for name in came], dtype=np.int64)
        arrived = Arrival(self.context[rows], self.action[rows], rewards, self.at[rows], self.propensity[rows])
        stay = np.ones(len(self.ids), dtype=bool)
        stay[rows] = False
        kept = np.flatnonzero(stay)
        left = replace(
            self,
            ids=tuple(self.ids[i] for i in kept),
            context=self.context[kept],
            action=self.action[kept],
            propensity=self.propensity[kept],
            at=self.at[kept],
        )
        return left, arrived

    def older_than(self, age: int) -> tuple[object, ...]:
        """Ids that have waited for more than `age` further decisions: to be given up, as `arrive(ids, zeros)`, say.

        >>> PendingDecisions().older_than(100)
        ()
        """
        if self.at is None:
            return ()
        return tuple(self.ids[i] for i in np.flatnonzero(self.made - 1 - self.at > age))


def _plain(ids: AnyArray | list[object]) -> list[object]:
    try:
        plain = ids.tolist() if isinstance(ids, np.ndarray) else list(ids)
        hash(tuple(plain))
    except TypeError:
        raise InputError(f"ids are {ids!r}; give a list of numbers or text.") from None
    return plain
