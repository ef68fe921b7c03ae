"""What a policy did, with which probability, and what came of it."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from dorec.domain.errors import BadPropensity, InputError, NotFinite, Refusal, TooFewUnits, UnknownAction
from dorec.domain.estimate import fingerprint
from dorec.domain.table import column, to_arrow
from dorec.numeric.arrays import AnyArray, FloatArray, IntArray

if TYPE_CHECKING:
    import pyarrow as pa

BLOCK = 65_536  # rows of a policy looked at together


@dataclass(frozen=True, eq=False, kw_only=True)
class LoggedFeedback:
    """A bandit log: context, the action taken, its reward, and the propensity with which the action was taken.

    `logged_policy` is what is known beyond that: with which propensity each action could have been taken.

    Bad rows are refused by name; `from_table` sets them aside instead and hands them back.

    Example:
        >>> log = LoggedFeedback(action=np.array([0, 1]), reward=np.array([1.0, 0.0]),
        ...                      propensity=np.array([0.5, 0.5]), n_actions=2)
        >>> log.n, log.context.shape
        (2, (2, 0))
        >>> wrong = np.array([0.5, 1.7])
        >>> LoggedFeedback(action=log.action, reward=log.reward, propensity=wrong, n_actions=2)
        Traceback (most recent call last):
        ...
        dorec.domain.errors.BadPropensity: bad_propensity: 1 of 2 logged propensities are outside (0, 1], ...
    """

    action: IntArray  # (n,)
    reward: FloatArray  # (n,)
    propensity: FloatArray  # (n,)
    n_actions: int
    context: FloatArray = None  # type: ignore[assignment]  # (n, d); None becomes (n, 0)
    position: IntArray | None = None  # (n,) place in the slate, from 0
    cluster: AnyArray | None = None  # (n,) user, when one user has many rows
    action_labels: tuple[Any, ...] = ()
    sample: str = ""
    logged_policy: AnyArray | None = None  # (n, n_actions), of which `propensity` is the logged action's
    propensities_estimated: bool = False  # from the log itself, not written down by what acted

    def __post_init__(self) -> None:
        action, reward, propensity = (
            np.asarray(self.action),
            np.asarray(self.reward, float),
            np.asarray(self.propensity, float),
        )
        n = len(action)
        context = np.empty((n, 0)) if self.context is None else np.asarray(self.context, float)
        if not (reward.shape == propensity.shape == action.shape == (n,)) or context.ndim != 2 or len(context) != n:
            raise InputError(
                f"context {context.shape}, action {action.shape}, reward {reward.shape} and propensity "
                f"{propensity.shape} don't fit together; give (n, d), (n,), (n,) and (n,)."
            )
        if n < 2:
            raise TooFewUnits(f"the log has {n} row(s)", remedy="add rows")
        _check(
            ~((propensity > 0) & (propensity <= 1)), propensity, BadPropensity, "logged propensities are outside (0, 1]"
        )
        _check(~np.isfinite(reward), reward, NotFinite, "rewards are missing or infinite")
        _check(~np.isfinite(context).all(axis=1), context, NotFinite, "contexts are missing or infinite")
        _check(
            (action < 0) | (action >= self.n_actions) | (action != np.floor(action)),
            action,
            UnknownAction,
            f"actions are outside 0..{self.n_actions - 1}",
        )
        fields = {"action": action.astype(np.int64), "reward": reward, "propensity": propensity, "context": context}
        for name, value in fields.items():
            object.__setattr__(self, name, value)
        if not self.sample:
            object.__setattr__(self, "sample", fingerprint(action, reward, propensity))
        if self.logged_policy is not None:
            object.__setattr__(self, "logged_policy", self._check_logged_policy(self.logged_policy))

    @classmethod
    def from_table(
        cls,
        table: Any,
        *,
        action: str,
        reward: str,
        propensity: str,
        context: Sequence[str] = (),
        position: str | None = None,
        cluster: str | None = None,
        actions: Sequence[Any] | None = None,
    ) -> "tuple[LoggedFeedback, pa.Table]":
        """The log, and the rows that were set aside: propensity outside (0, 1], or anything missing or not finite.

        Args:
            table: any frame, one row a decision.
            action: what was done; ids of any kind.
            reward: a number.
            propensity: the probability with which the action was taken.
            context: numeric columns.
            position: place in the slate.
            cluster: the user, when one user has many rows.
            actions: everything that could have been done, in the order of a policy's columns; by default what occurs
                in the log. Rows with another action are set aside.

        >>> log, aside = LoggedFeedback.from_table(
        ...     {"a": ["x", "y", "x"], "r": [1, 0, 1], "p": [0.5, 0.5, 0.0]}, action="a", reward="r", propensity="p")
        >>> log.n, log.action_labels, aside.num_rows
        (2, ('x', 'y'), 1)
        """
        import pyarrow as pa

        arrow = to_arrow(table)
        p = column(arrow, propensity).astype(float)
        r = column(arrow, reward).astype(float)
        good = (p > 0) & (p <= 1) & np.isfinite(r)
        for name in (action, position, cluster):
            if name is not None:
                good &= ~np.asarray(arrow.column(name).combine_chunks().is_null())
        for name in context:
            good &= np.isfinite(column(arrow, name).astype(float))
        if actions is not None:
            allowed = set(actions)
            good &= np.array([a in allowed for a in column(arrow, action).tolist()], dtype=bool)
        kept = arrow.filter(pa.array(good))
        labels, codes = _codes(column(kept, action), actions)
        x = np.stack([column(kept, c).astype(float) for c in context], axis=1) if context else None
        log = cls(
            action=codes,
            reward=r[good],
            propensity=p[good],
            n_actions=len(labels),
            context=x,  # type: ignore[arg-type]
            position=column(kept, position).astype(np.int64) if position else None,
            cluster=column(kept, cluster) if cluster else None,
            action_labels=labels,
        )
        return log, arrow.filter(pa.array(~good))

    @property
    def n(self) -> int:
        """Number of logged decisions."""
        return len(self.action)

    def take(self, rows: AnyArray) -> "LoggedFeedback":
        """The log of some rows, by position (m,), as a sample of its own.

        >>> log = LoggedFeedback(action=np.array([0, 1, 1]), reward=np.ones(3), propensity=np.ones(3), n_actions=2)
        >>> log.take(np.array([1, 2])).action.tolist()
        [1, 1]
        """
        parts: dict[str, Any] = {
            name: None if getattr(self, name) is None else getattr(self, name)[rows]
            for name in ("action", "reward", "propensity", "context", "position", "cluster", "logged_policy")
        }
        return replace(self, **parts, sample="")

    def check_policy(self, propensities: AnyArray) -> AnyArray:
        """The policy that is judged, (n, n_actions); refused unless each row is a probability distribution.

        Single precision stays single, so that nothing is copied; its rows may miss one by 1e-5 instead of 1e-6.
        """
        policy = np.asarray(propensities)
        if policy.dtype not in (np.float32, np.float64):
            policy = policy.astype(np.float64)
        if policy.shape != (self.n, self.n_actions):
            raise InputError(f"The policy has shape {policy.shape}; give (n, n_actions) = {(self.n, self.n_actions)}.")
        bad = no_distribution(policy)
        if len(bad):
            row = int(bad[0])
            raise BadPropensity(
                f"{len(bad):,} row(s) of the policy are no probability distribution, the first row {row}, "
                f"which sums to {policy[row].sum():.6g} (least entry {policy[row].min():.6g})",
                remedy="divide each row by its sum, with no entry below 0",
                evidence={"rows": bad[:10].tolist()},
            )
        return policy

    def _check_logged_policy(self, propensities: AnyArray) -> AnyArray:
        policy = self.check_policy(propensities)
        apart = np.abs(policy[np.arange(self.n), self.action] - self.propensity)
        _check(
            apart > 1e-5 * np.maximum(self.propensity, 1e-3),
            self.propensity,
            BadPropensity,
            "logged propensities are not those that logged_policy gives the logged action",
        )
        return policy


def no_distribution(policy: AnyArray) -> IntArray:
    """The rows of a policy (n, n_actions) that are no probability distribution, in blocks of rows.

    >>> no_distribution(np.array([[0.5, 0.5], [0.7, 0.5], [1.5, -0.5], [np.nan, 1.0]])).tolist()
    [1, 2, 3]
    """
    slack = 1e-6 if policy.dtype == np.float64 else 1e-5
    bad = []
    ones = np.ones(policy.shape[1], dtype=policy.dtype)
    for start in range(0, len(policy), BLOCK):
        part = policy[start : start + BLOCK]
        # a product with ones is a sum at the speed of memory; a NaN fails both comparisons
        fine = np.abs(part @ ones - 1) <= slack
        if not (fine.all() and part.min() >= 0):
            bad.append(start + np.flatnonzero(~(fine & (part >= 0).all(axis=1))))
    return np.concatenate(bad).astype(np.int64) if bad else np.empty(0, dtype=np.int64)


def _codes(values: AnyArray, actions: Sequence[Any] | None) -> tuple[tuple[Any, ...], IntArray]:
    found, codes = np.unique(values, return_inverse=True)
    labels = found.tolist()
    if actions is None:
        return tuple(labels), codes.astype(np.int64)
    place = {label: i for i, label in enumerate(actions)}
    if len(place) != len(actions):
        raise InputError("actions names an action twice; name each once.")
    return tuple(actions), np.array([place[label] for label in labels], dtype=np.int64)[codes]


def _check(bad: AnyArray, values: AnyArray, refusal: type[Refusal], what: str) -> None:
    if bad.any():
        row = int(bad.argmax())
        raise refusal(
            f"{int(bad.sum()):,} of {len(bad):,} {what}, the first in row {row}: {values[row]}",
            remedy="repair these rows, or use LoggedFeedback.from_table, which sets them aside",
            evidence={"rows": np.flatnonzero(bad)[:10].tolist()},
        )
