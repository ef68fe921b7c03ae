"""What was shown in each place of a slate, with which probability, and what came of each place."""

from dataclasses import dataclass

import numpy as np

from dorec.domain.errors import BadPropensity, InputError, NotFinite, TooFewUnits, UnknownAction
from dorec.domain.estimate import fingerprint
from dorec.numeric.arrays import AnyArray, FloatArray, IntArray


@dataclass(frozen=True, eq=False, kw_only=True)
class SlateFeedback:
    """A log of slates, or of short sequences of decisions: context, items by place, reward and propensity of each.

    `propensity` is that of the item at its place given the items before it; where places are filled independently,
    that is also its marginal propensity.

    Example:
        >>> log = SlateFeedback(action=np.array([[0, 1], [1, 0]]), reward=np.array([[0.0, 1.0], [0.0, 0.0]]),
        ...                     propensity=np.full((2, 2), 0.5), n_actions=2)
        >>> log.n, log.n_places
        (2, 2)
    """

    action: IntArray  # (n, L)
    reward: FloatArray  # (n, L)
    propensity: FloatArray  # (n, L), given the places before
    n_actions: int
    context: FloatArray = None  # type: ignore[assignment]  # (n, d); None becomes (n, 0)
    cluster: AnyArray | None = None  # (n,) user, when one user has many slates
    sample: str = ""

    def __post_init__(self) -> None:
        action, reward = np.asarray(self.action), np.asarray(self.reward, dtype=np.float64)
        propensity = np.asarray(self.propensity, dtype=np.float64)
        n = len(action)
        context = np.empty((n, 0)) if self.context is None else np.asarray(self.context, dtype=np.float64)
        if action.ndim != 2 or not action.shape == reward.shape == propensity.shape or context.shape[:1] != (n,):
            raise InputError(
                f"action {action.shape}, reward {reward.shape}, propensity {propensity.shape} and context "
                f"{context.shape} don't fit together; give (n, places) three times, and (n, d)."
            )
        if n < 2:
            raise TooFewUnits(f"the log has {n} slate(s)", remedy="add slates")
        checks = (
            (~((propensity > 0) & (propensity <= 1)), BadPropensity, "propensities outside (0, 1]"),
            (~np.isfinite(reward), NotFinite, "missing or infinite rewards"),
            (~np.isfinite(context), NotFinite, "missing or infinite contexts"),
            (
                (action < 0) | (action >= self.n_actions) | (action != np.floor(action)),
                UnknownAction,
                "unknown actions",
            ),
        )
        for bad, refusal, what in checks:
            if bad.any():
                rows = np.flatnonzero(bad.any(axis=1))
                raise refusal(
                    f"{len(rows):,} slate(s) have {what}, the first in row {rows[0]}",
                    remedy="repair or drop these slates",
                    evidence={"rows": rows[:10].tolist()},
                )
        fields = {"action": action.astype(np.int64), "reward": reward, "propensity": propensity, "context": context}
        for name, value in fields.items():
            object.__setattr__(self, name, value)
        if not self.sample:
            object.__setattr__(self, "sample", fingerprint(action, reward, propensity))

    @property
    def n(self) -> int:
        """Number of slates."""
        return len(self.action)

    @property
    def n_places(self) -> int:
        """Number of places in a slate."""
        return int(self.action.shape[1])
