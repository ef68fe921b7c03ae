"""What rewards of 0 and 1 teach: logistic regressions with normal posteriors by Laplace's approximation, online."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from math import exp

import numpy as np
from scipy.special import expit

from dorec.intervene.bandits.linear_belief import check_symmetric, same_shapes, whole_number
from dorec.numeric.arrays import AnyArray, FloatArray, IntArray
from dorec.numeric.triangular_roots import inverse_roots, widths

STEPS = 50
ENOUGH = 1e-9
BISECTIONS = 50


@dataclass(frozen=True, eq=False, kw_only=True)
class LogisticBelief:
    """Coefficients ~ normal(mean, precision^-1) of the log odds; each batch starts from what the last one left.

    The mode given a batch is exact (Newton), its curvature the new precision. Hence batches and single rows, or another
    order, lead to nearly the same, not to the same bits.

    Example:
        >>> belief = LogisticBelief.empty(n_groups=1, n_columns=1, reg=1.0)
        >>> rows = np.ones((30, 1)), np.zeros(30, int), np.arange(30) % 3 == 0, np.arange(30), np.ones(30)
        >>> belief.learn(*rows).mode.round(2).tolist()
        [[-0.6]]
    """

    mode: FloatArray  # (g, p)
    information: FloatArray  # (g, p, p) what the rows brought; with reg I it is the precision
    root: FloatArray  # (g, p, p) inverse Cholesky factors of the precision
    clock: int
    reg: float
    discount: float

    @classmethod
    def empty(cls, *, n_groups: int, n_columns: int, reg: float, discount: float = 1.0) -> "LogisticBelief":
        """The prior."""
        zeros = np.zeros((n_groups, n_columns, n_columns))
        return cls(
            mode=zeros[:, 0].copy(),
            information=zeros,
            root=inverse_roots(zeros, reg),
            clock=-1,
            reg=reg,
            discount=discount,
        )

    def learn(
        self, design: FloatArray, group: IntArray, reward: FloatArray, at: IntArray, weight: FloatArray
    ) -> "LogisticBelief":
        """The posterior after more rows: design (m, p), group (m,), reward (m,) from 0 to 1, at (m,), weight (m,)."""
        if not len(design):
            return self
        clock = max(self.clock, int(at.max()))
        fade = self.discount ** (clock - self.clock)
        weight = weight * self.discount ** (clock - at).astype(float)
        mode, information, root = self.mode.copy(), fade * self.information, self.root.copy()
        touched = np.unique(group)
        ridge = self.reg * np.eye(design.shape[1])
        for g in touched:
            rows = np.flatnonzero(group == g)
            if len(rows) == 1 and fade == 1.0:
                found = laplace_row(design[rows[0]], reward[rows[0]], weight[rows[0]], mode[g], root[g])
            else:
                found = laplace(design[rows], reward[rows], weight[rows], mode[g], information[g] + ridge)
            mode[g] = found[0]
            information[g] += found[1]
        changed = touched if fade == 1.0 else np.arange(len(mode))
        root[changed] = inverse_roots(information[changed], self.reg)
        return replace(self, mode=mode, information=information, root=root, clock=clock)

    def mean(self, design: FloatArray) -> FloatArray:
        """Log odds, (m, k): of design (m, p) in each group, or of design (m, k, p) in one."""
        return np.asarray(design @ self.mode[0] if design.ndim == 3 else design @ self.mode.T)

    def width(self, design: FloatArray) -> FloatArray:
        """Standard deviations of the log odds, shaped as `mean`."""
        return widths(self.root, design)

    def arrays(self) -> dict[str, AnyArray]:
        """What `restored` needs."""
        return {"mode": self.mode, "information": self.information, "clock": np.array([self.clock])}

    def restored(self, arrays: Mapping[str, AnyArray]) -> "LogisticBelief":
        """The belief of these arrays under this one's settings."""
        kept = same_shapes(self.arrays(), arrays)
        clock = whole_number(kept.pop("clock"), "clock", -1)
        check_symmetric(kept["information"], "information")
        return replace(self, **kept, root=inverse_roots(kept["information"], self.reg), clock=clock)


def laplace(
    X: FloatArray, y: FloatArray, weight: FloatArray, center: FloatArray, precision: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """The mode of a logistic likelihood under a normal(center, precision^-1) prior, and the information of the rows.

    Args:
        X: (m, p).
        y: (m,) from 0 to 1.
        weight: (m,).
        center: (p,).
        precision: (p, p), positive definite.

    Example:
        >>> mode, gained = laplace(np.ones((2, 1)), np.array([1.0, 0.0]), np.ones(2), np.zeros(1), np.eye(1))
        >>> mode.tolist(), gained.tolist()
        ([0.0], [[0.5]])
    """

    def loss(w: FloatArray) -> float:
        eta, apart = X @ w, w - center
        return float(weight @ (np.logaddexp(0.0, eta) - y * eta) + apart @ precision @ apart / 2)

    w, value = center, loss(center)
    for _ in range(STEPS):
        p = expit(X @ w)
        gained = X.T @ ((weight * p * (1 - p))[:, None] * X)
        step = np.linalg.solve(precision + gained, X.T @ (weight * (y - p)) - precision @ (w - center))
        for _ in range(30):  # full steps overshoot where the odds are extreme
            moved = loss(w + step)
            if moved <= value + 1e-12 * abs(value):
                break
            step = step / 2
        w, value = w + step, moved
        if np.abs(step).max() < ENOUGH:
            break
    p = expit(X @ w)
    return w, X.T @ ((weight * p * (1 - p))[:, None] * X)


def laplace_row(
    x: FloatArray, y: float, weight: float, center: FloatArray, root: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """As `laplace` for one row (p,), under normal(center, root' root): the mode lies on one line, found by bisection.

    >>> mode, gained = laplace_row(np.ones(1), 1.0, 1.0, np.zeros(1), np.eye(1))
    >>> both = laplace(np.ones((1, 1)), np.ones(1), np.ones(1), np.zeros(1), np.eye(1))
    >>> bool(abs(mode[0] - both[0][0]) < 1e-9), bool(abs(gained - both[1])[0, 0] < 1e-9)
    (True, True)
    """
    along = root.T @ (root @ x)
    odds, spread = float(x @ center), float(x @ along)
    # the move a solves a = weight * (y - sigmoid(odds + a * spread)), whose right side falls in a
    low, high = weight * (y - 1.0), weight * y
    for _ in range(BISECTIONS):
        a = (low + high) / 2
        if weight * (y - 1.0 / (1.0 + exp(-max(odds + a * spread, -700.0)))) > a:
            low = a
        else:
            high = a
    p = 1.0 / (1.0 + exp(-max(odds + a * spread, -700.0)))
    return center + a * along, weight * p * (1 - p) * np.outer(x, x)
