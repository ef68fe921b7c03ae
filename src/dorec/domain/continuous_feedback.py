"""Continuous actions, as doses and prices, the density at which each was drawn, and what came of it."""

from dataclasses import dataclass, field

import numpy as np

from dorec.domain.errors import BadPropensity, InputError, NotFinite
from dorec.domain.estimate import fingerprint
from dorec.numeric.arrays import AnyArray, FloatArray


@dataclass(frozen=True, eq=False, kw_only=True)
class ContinuousFeedback:
    """A log of continuous actions, each with the density at which the logging policy drew it.

    Example:
        >>> log = ContinuousFeedback(action=np.array([0.1, 0.7]), reward=np.ones(2), density=np.ones(2))
        >>> log.n
        2
    """

    action: FloatArray  # (n,)
    reward: FloatArray  # (n,)
    density: FloatArray  # (n,), of the logged action in its context
    cluster: AnyArray | None = field(default=None)  # (n,)
    sample: str = ""

    def __post_init__(self) -> None:
        parts = {name: np.asarray(getattr(self, name), dtype=np.float64) for name in ("action", "reward", "density")}
        n = len(parts["action"])
        if any(part.shape != (n,) for part in parts.values()) or n < 2:
            raise InputError("action, reward and density must have one number a row, and two rows or more.")
        for name, part in parts.items():
            bad = ~np.isfinite(part) if name != "density" else ~(np.isfinite(part) & (part > 0))
            if bad.any():
                refusal = BadPropensity if name == "density" else NotFinite
                raise refusal(
                    f"{int(bad.sum()):,} {name}s can't be used, the first in row {int(bad.argmax())}",
                    remedy="repair or drop these rows; a density is finite and above 0",
                    evidence={"rows": np.flatnonzero(bad)[:10].tolist()},
                )
            object.__setattr__(self, name, part)
        if not self.sample:
            object.__setattr__(self, "sample", fingerprint(*parts.values()))

    @property
    def n(self) -> int:
        """Number of logged decisions."""
        return len(self.action)
