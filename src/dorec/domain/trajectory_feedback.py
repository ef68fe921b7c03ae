"""Several decisions in a row for each unit: what was done at each step, with which probability, what came of it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from dorec.domain.errors import BadPropensity, InputError, NotFinite, TooFewUnits, UnknownAction
from dorec.domain.estimate import fingerprint
from dorec.domain.logged_feedback import no_distribution
from dorec.domain.table import column, to_arrow
from dorec.numeric.arrays import AnyArray, BoolArray, FloatArray, IntArray

if TYPE_CHECKING:
    import pyarrow as pa


@dataclass(frozen=True, eq=False, kw_only=True)
class TrajectoryFeedback:
    """A log of short sequences of decisions, one row a step, the rows of a unit together and in order from step 0.

    `propensity` is that of the action given all that came before it. Sequences may be of different lengths: after its
    last step a unit earns nothing. `context` must hold what both policies look at, and what the reward model may.

    Example:
        >>> log = TrajectoryFeedback(unit=np.array([7, 7, 9]), step=np.array([0, 1, 0]), action=np.array([0, 1, 1]),
        ...                          reward=np.array([0.0, 1.0, 0.5]), propensity=np.full(3, 0.5), n_actions=2)
        >>> log.n, log.n_steps, log.length.tolist()
        (2, 2, [2, 1])
        >>> log.padded(log.reward).tolist()
        [[0.0, 1.0], [0.5, 0.0]]
    """

    unit: AnyArray  # (m,)
    step: IntArray  # (m,), from 0 in each unit
    action: IntArray  # (m,)
    reward: FloatArray  # (m,)
    propensity: FloatArray  # (m,)
    n_actions: int
    context: FloatArray = None  # type: ignore[assignment]  # (m, d); None becomes (m, 0)
    cluster: AnyArray | None = None  # (n,), when several sequences belong to one user
    action_labels: tuple[Any, ...] = ()
    sample: str = ""

    def __post_init__(self) -> None:
        unit, step, action = np.asarray(self.unit), np.asarray(self.step), np.asarray(self.action)
        reward, propensity = np.asarray(self.reward, dtype=np.float64), np.asarray(self.propensity, dtype=np.float64)
        m = len(action)
        context = np.empty((m, 0)) if self.context is None else np.asarray(self.context, dtype=np.float64)
        shapes = {unit.shape, step.shape, action.shape, reward.shape, propensity.shape}
        if shapes != {(m,)} or context.ndim != 2 or len(context) != m:
            raise InputError(
                f"unit {unit.shape}, step {step.shape}, action {action.shape}, reward {reward.shape}, propensity "
                f"{propensity.shape} and context {context.shape} don't fit together; give (m,) five times, and (m, d)."
            )
        _check_order(unit, step)
        unknown = (action < 0) | (action >= self.n_actions) | (action != np.floor(action))
        checks = (
            (~((propensity > 0) & (propensity <= 1)), BadPropensity, "propensities outside (0, 1]"),
            (~np.isfinite(reward), NotFinite, "missing or infinite rewards"),
            (~np.isfinite(context).all(axis=1), NotFinite, "missing or infinite contexts"),
            (unknown, UnknownAction, f"actions outside 0..{self.n_actions - 1}"),
        )
        for bad, refusal, what in checks:
            if bad.any():
                rows = np.flatnonzero(bad)
                raise refusal(
                    f"{len(rows):,} of {m:,} steps have {what}, the first in row {rows[0]}",
                    remedy="repair them, or use TrajectoryFeedback.from_table, which sets their sequences aside",
                    evidence={"rows": rows[:10].tolist()},
                )
        fields = {"unit": unit, "step": step.astype(np.int64), "action": action.astype(np.int64)}
        fields |= {"reward": reward, "propensity": propensity, "context": context}
        for name, value in fields.items():
            object.__setattr__(self, name, value)
        if self.n < 2:
            raise TooFewUnits(f"the log has {self.n} sequence(s)", remedy="add sequences")
        if self.cluster is not None and len(self.cluster) != self.n:
            raise InputError(f"cluster has {len(self.cluster)} entries; give one a sequence, ({self.n},).")
        if not self.sample:
            object.__setattr__(self, "sample", fingerprint(step, action, reward, propensity))

    @classmethod
    def from_table(
        cls,
        table: Any,
        *,
        unit: str,
        step: str,
        action: str,
        reward: str,
        propensity: str,
        context: Sequence[str] = (),
        actions: Sequence[Any] | None = None,
    ) -> "tuple[TrajectoryFeedback, pa.Table]":
        """The log, sorted by unit and step, and the rows that were set aside.

        A sequence that lacks a step is another sequence: with one bad row (propensity outside (0, 1], anything missing
        or not finite, an unknown action) or one gap, all rows of the unit are set aside.

        Args:
            table: any frame, one row a decision.
            unit: whose sequence it is; ids of any kind.
            step: whole numbers from 0 in each unit.
            action: what was done; ids of any kind.
            reward: a number.
            propensity: the probability with which the action was taken, given all before.
            context: numeric columns.
            actions: everything that could have been done, in the order of a policy's columns; by default what occurs.

        >>> log, aside = TrajectoryFeedback.from_table(
        ...     {"u": ["a", "b", "a", "c"], "t": [1, 0, 0, 1], "a": ["x", "y", "y", "x"], "r": [1, 0, 1, 1],
        ...      "p": [0.5] * 4}, unit="u", step="t", action="a", reward="r", propensity="p")
        >>> log.unit.tolist(), log.action_labels, aside.num_rows
        (['a', 'a', 'b'], ('x', 'y'), 1)
        """
        import pyarrow as pa

        arrow = to_arrow(table)
        numbers = {name: column(arrow, name).astype(np.float64) for name in (step, reward, propensity, *context)}
        ids, labels = column(arrow, unit), column(arrow, action)
        wrong = ~((numbers[propensity] > 0) & (numbers[propensity] <= 1))
        for name in (unit, action):
            wrong |= np.asarray(arrow.column(name).combine_chunks().is_null())
        for value in numbers.values():
            wrong |= ~np.isfinite(value)
        known = sorted(set(labels[~wrong].tolist())) if actions is None else list(actions)
        place = {label: i for i, label in enumerate(known)}
        codes = np.array([place.get(label, -1) for label in labels.tolist()], dtype=np.int64)
        order, broken = _whole_sequences(ids, numbers[step], wrong | (codes < 0))
        x = np.stack([numbers[name][order] for name in context], axis=1) if context else None
        log = cls(
            unit=ids[order],
            step=numbers[step][order].astype(np.int64),
            action=codes[order],
            reward=numbers[reward][order],
            propensity=numbers[propensity][order],
            n_actions=len(known),
            context=x,  # type: ignore[arg-type]
            action_labels=tuple(known),
        )
        return log, arrow.filter(pa.array(broken))

    @property
    def n(self) -> int:
        """Number of sequences."""
        return int((self.step == 0).sum())

    @property
    def n_steps(self) -> int:
        """Steps of the longest sequence."""
        return int(self.step.max()) + 1

    @property
    def length(self) -> IntArray:
        """Steps of each sequence, (n,)."""
        return np.diff(np.append(np.flatnonzero(self.step == 0), len(self.step)))

    @property
    def sequence(self) -> IntArray:
        """Which sequence each row belongs to, (m,), from 0."""
        return np.cumsum(self.step == 0) - 1

    def padded(self, values: FloatArray, fill: float = 0.0) -> FloatArray:
        """What rows hold (m,) as (n, n_steps), with `fill` after the end of a sequence.

        >>> log = TrajectoryFeedback(unit=np.array([0, 0, 1]), step=np.array([0, 1, 0]), action=np.zeros(3, int),
        ...                          reward=np.ones(3), propensity=np.ones(3), n_actions=1)
        >>> log.padded(np.array([1.0, 2.0, 3.0]), fill=-1.0).tolist()
        [[1.0, 2.0], [3.0, -1.0]]
        """
        out = np.full((self.n, self.n_steps), fill)
        out[self.sequence, self.step] = values
        return out

    def check_policy(self, propensities: AnyArray) -> FloatArray:
        """The judged policy at each step, (m, n_actions); refused unless each row is a probability distribution."""
        policy = np.asarray(propensities, dtype=np.float64)
        shape = (len(self.action), self.n_actions)
        if policy.shape != shape:
            raise InputError(f"The policy has shape {policy.shape}; give a row for each step, {shape}.")
        if len(rows := no_distribution(policy)):
            raise BadPropensity(
                f"{len(rows):,} row(s) of the policy are no probability distribution, the first in row {rows[0]}",
                remedy="divide each row by its sum, with no entry below 0",
                evidence={"rows": rows[:10].tolist()},
            )
        return policy


def _whole_sequences(ids: AnyArray, step: FloatArray, wrong: BoolArray) -> tuple[IntArray, BoolArray]:
    """The rows of sequences without a wrong row or a gap, in order, and whether each row is set aside, (m,)."""
    units = np.unique(ids.astype(str), return_inverse=True)[1]
    order = np.lexsort((step, units))
    wrong = wrong.copy()
    wrong[order] |= ~_in_order(units[order], step[order])
    broken = (np.bincount(units, weights=wrong) > 0)[units]
    return order[~broken[order]], broken


def _in_order(unit: AnyArray, step: AnyArray) -> BoolArray:
    """Whether each row is step 0 of its unit or follows the step before it, (m,)."""
    first = np.append(True, unit[1:] != unit[:-1])
    return np.where(first, step == 0, step == np.append(0, step[:-1]) + 1)


def _check_order(unit: AnyArray, step: AnyArray) -> None:
    if not len(step):
        raise TooFewUnits("the log has no rows", remedy="add sequences")
    wrong = np.flatnonzero(~_in_order(unit, step))
    if len(wrong):
        raise InputError(
            f"Row {wrong[0]} has step {step[wrong[0]]} of unit {unit[wrong[0]]} out of order; give the rows of a "
            "unit together, steps 0, 1, 2, ..., or use TrajectoryFeedback.from_table, which sorts them."
        )
    starts = unit[step == 0]
    if len(np.unique(starts)) != len(starts):
        raise InputError("A unit has two sequences; give each sequence an id of its own, and the user as cluster.")
