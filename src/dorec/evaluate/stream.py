"""The value of a policy from a log that streams by in batches: one pass, and nothing kept but sums."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeAlias

import numpy as np

from dorec.domain.errors import ConfigError, NoSupport, TooFewUnits
from dorec.domain.estimate import Estimate, fingerprint
from dorec.domain.logged_feedback import LoggedFeedback
from dorec.domain.protocols import Policy
from dorec.domain.table import column
from dorec.domain.verdict import Verdict
from dorec.evaluate.off_policy import FEW_EFFECTIVE_ROWS, importance_weights, mean_weight_verdict, rows_that_speak
from dorec.numeric.action_ridge import ridge_from_moments
from dorec.numeric.arrays import AnyArray, FloatArray
from dorec.numeric.cell_moments import cell_moments
from dorec.numeric.folds import hash64

if TYPE_CHECKING:
    import pyarrow as pa

Asked: TypeAlias = "Callable[[FloatArray], AnyArray] | Policy"
NAMES = ("IPS", "SNIPS", "DoublyRobust", "SNDR")
GROUPS = 65_536  # of clusters


def evaluate_stream(
    batches: "Iterable[pa.RecordBatch | pa.Table]",
    target: Asked,
    *,
    action: str,
    reward: str,
    propensity: str,
    n_actions: int,
    context: Sequence[str] = (),
    cluster: str = "",
    reg: float = 10.0,
    max_unsupported: float = 0.01,
) -> Estimate:
    """The value by IPS, SNIPS, DoublyRobust and SNDR, (4,), from one pass over batches of rows.

    Each batch is predicted by a ridge for each action that was fitted on the batches before it, so that no row is
    predicted by itself and the scores' deviations are a martingale's. Rows with a propensity outside (0, 1], with an
    action outside 0..n_actions-1 or with anything missing are set aside and counted. Memory is that of one batch by
    n_actions. The influence is that of a few made-up units with the covariance of the four values, so the estimate
    can't be paired with others.

    With `cluster`, errors are robust to dependence within clusters, in whatever order their rows come. Clusters are
    dealt by a hash into 65,536 groups, of which sums are kept: where clusters are more, several share a group, which
    is as independent of the others as they are, so that the errors stay right.

    Args:
        batches: Arrow record batches or tables, as from `pyarrow.parquet.ParquetFile(path).iter_batches()`.
        target: the judged policy: contexts (m, d) to propensities (m, n_actions), or a Policy.
        action: column of the actions, 0..n_actions-1.
        reward: column.
        propensity: column.
        n_actions: how many there are.
        context: numeric columns.
        cluster: column of the user, when one user has many rows.
        reg: of the ridge.
        max_unsupported: share of the policy that may lie on actions never logged.

    Raises:
        NoSupport: more than `max_unsupported` of the policy lies on actions that the log never took.
        BadPropensity: a row of the policy is no probability distribution, or the weights refute the log.
        TooFewUnits: fewer than two rows or clusters.

    Example:
        >>> import pyarrow as pa
        >>> rng = np.random.default_rng(0)
        >>> a = rng.integers(2, size=6000)
        >>> table = pa.table({"a": a, "r": 1.0 + a, "p": np.full(6000, 0.5)})
        >>> made = evaluate_stream(table.to_batches(1000), lambda x: np.tile([0.1, 0.9], (len(x), 1)),
        ...                        action="a", reward="r", propensity="p", n_actions=2)
        >>> made["SNIPS"].name, round(made["SNIPS"].value, 1)
        ('SNIPS', 1.9)
    """
    if n_actions < 1 or not reg >= 0:
        raise ConfigError(f"n_actions is {n_actions} and reg {reg}; give 1 action or more and a ridge of 0 or more.")
    state = _State.empty(n_actions, len(context), reg, clustered=bool(cluster))
    for batch in batches:
        # a log of a single row is none: the next batch may bring what it lacks
        if batch.num_rows < 2:
            state.aside += batch.num_rows
            continue
        log, aside = _log_of(batch, (action, reward, propensity, cluster), n_actions, context)
        state.aside += aside
        if log is not None:
            state.add(log, target)
    return _estimate(state, max_unsupported)


def _log_of(
    batch: "pa.RecordBatch | pa.Table", names: tuple[str, str, str, str], n_actions: int, context: Sequence[str]
) -> tuple[LoggedFeedback | None, int]:
    """The good rows of a batch as a log, if there are two of them, and how many rows are set aside."""
    import pyarrow as pa

    table = batch if isinstance(batch, pa.Table) else pa.Table.from_batches([batch])
    a, r, p = (column(table, name).astype(np.float64) for name in names[:3])
    x = (
        np.stack([column(table, name).astype(np.float64) for name in context], axis=1)
        if context
        else np.empty((len(a), 0))
    )
    good = (p > 0) & (p <= 1) & np.isfinite(r) & (a >= 0) & (a < n_actions) & (a == np.floor(a))
    good &= np.isfinite(x).all(axis=1)
    user = column(table, names[3]) if names[3] else None
    if user is not None:
        good &= ~np.asarray(table.column(names[3]).combine_chunks().is_null())
    if good.sum() < 2:
        return None, len(a)
    log = LoggedFeedback(
        action=a[good].astype(np.int64),
        reward=r[good],
        propensity=p[good],
        n_actions=n_actions,
        context=x[good],
        cluster=None if user is None else user[good],
        sample="stream",
    )
    return log, int((~good).sum())


@dataclass
class _State:
    """Sums over the rows seen: of the scores and their products, of the weights, and of what the ridge is fitted on."""

    gram: FloatArray  # (n_actions, d, d)
    cross: FloatArray  # (n_actions, d)
    taken: FloatArray  # (n_actions,), rows of each action
    asked: FloatArray  # (n_actions,), the policy's propensities added up
    reg: float
    centre: FloatArray | None = None  # (d - 1,), of the first batch
    scale: FloatArray | None = None
    n: int = 0
    aside: int = 0
    mean: FloatArray = field(default_factory=lambda: np.zeros(4))  # of w r, w, q(policy), w (r - q(logged))
    scatter: FloatArray = field(default_factory=lambda: np.zeros((4, 4)))
    cubes: float = 0.0  # of the weights
    largest: float = 0.0
    groups: FloatArray | None = None  # (GROUPS, 5), the same four added up by group of clusters, and rows

    @classmethod
    def empty(cls, n_actions: int, width: int, reg: float, *, clustered: bool) -> "_State":
        d = width + 1
        groups = np.zeros((GROUPS, 5)) if clustered else None
        moments = (np.zeros((n_actions, d, d)), np.zeros((n_actions, d)), np.zeros(n_actions), np.zeros(n_actions))
        return cls(*moments, reg, groups=groups)

    def add(self, log: LoggedFeedback, target: Asked) -> None:
        """Score a batch by the model of the batches before it, then let the model learn from it."""
        policy = log.check_policy(
            np.asarray(target.propensities(log.context) if isinstance(target, Policy) else target(log.context))
        )
        weights = importance_weights(log, policy)
        x = self._scaled(log.context)
        of_policy = of_logged = np.zeros(log.n)
        if self.n:
            coefficients = ridge_from_moments(self.gram, self.cross, self.reg)
            of_policy = np.einsum("ij,ij->i", x, policy @ coefficients.astype(policy.dtype))
            of_logged = np.einsum("ij,ij->i", x, coefficients[log.action])
        columns = np.stack([weights * log.reward, weights, of_policy, weights * (log.reward - of_logged)], axis=1)
        self._merge(log.n, columns.mean(axis=0), np.cov(columns, rowvar=False) * (log.n - 1))
        if self.groups is not None:
            group = (hash64(np.asarray(log.cluster)) % np.uint64(GROUPS)).astype(np.int64)
            for j, values in enumerate((*columns.T, np.ones(log.n))):
                self.groups[:, j] += np.bincount(group, values, GROUPS)
        self.cubes += float((weights**3).sum())
        self.largest = max(self.largest, float(weights.max()))
        self.taken += np.bincount(log.action, minlength=len(self.taken))
        self.asked += policy.sum(axis=0, dtype=np.float64)
        gram, cross = cell_moments(x, log.reward, np.ones(1), log.action, len(self.taken))
        self.gram += gram
        self.cross += cross

    def _scaled(self, context: FloatArray) -> FloatArray:
        if self.centre is None or self.scale is None:
            spread = context.std(axis=0)
            self.centre, self.scale = context.mean(axis=0), np.where(spread > 0, spread, 1.0)
        return np.concatenate([np.ones((len(context), 1)), (context - self.centre) / self.scale], axis=1)

    def spread(self) -> tuple[FloatArray, float, int]:
        """Covariance of the four means, (4, 4), skewness of the mean weight, and number of independent units."""
        n, mean = self.n, float(self.mean[1])
        if self.groups is None:
            squares = float(self.scatter[1, 1])
            third = self.cubes - 3 * mean * (squares + n * mean**2) + 2 * n * mean**3
            return self.scatter / (n - 1) / n, third / squares**1.5 if squares > 0 else 0.0, n
        sums = self.groups[self.groups[:, 4] > 0]
        g = len(sums)
        if g < 2:
            raise TooFewUnits(f"{g} independent cluster(s) give no standard error", remedy="add clusters")
        centred = sums[:, :4] - sums[:, 4:] * self.mean
        squares, third = float((centred[:, 1] ** 2).sum()), float((centred[:, 1] ** 3).sum())
        return centred.T @ centred * (g / (g - 1) / n**2), third / squares**1.5 if squares > 0 else 0.0, g

    def _merge(self, n: int, mean: FloatArray, scatter: FloatArray) -> None:
        """Moments of both parts together (Chan, Golub and LeVeque 1979)."""
        total = self.n + n
        gap = mean - self.mean
        self.scatter = self.scatter + scatter + np.outer(gap, gap) * (self.n * n / total)
        self.mean = self.mean + gap * (n / total)
        self.n = total


def _estimate(state: _State, max_unsupported: float) -> Estimate:
    n = state.n
    if n < 2:
        raise TooFewUnits(
            f"the stream has {n} good row(s), {state.aside:,} were set aside", remedy="look at the columns' roles"
        )
    reward, weight, predicted, residual = state.mean.tolist()
    spread, skewness, units = state.spread()
    verdicts = _verdicts(state, float(np.sqrt(spread[1, 1])), skewness, max_unsupported)
    if weight == 0:
        raise NoSupport(
            f"none of the {n:,} logged actions is one that the policy takes",
            remedy="judge a policy that stays within the logged actions",
        )
    values = np.array([reward, reward / weight, predicted + residual, predicted + residual / weight])
    slopes = np.array(
        [
            [1.0, 0.0, 0.0, 0.0],
            [1 / weight, -reward / weight**2, 0.0, 0.0],
            [0.0, 0.0, 1.0, 1.0],
            [0.0, -residual / weight**2, 1.0, 1 / weight],
        ]
    )
    covariance = slopes @ spread @ slopes.T
    speak = float(next(v.statistic or 0.0 for v in verdicts if v.code == "effective_sample_size"))
    return Estimate(
        values,
        units_of(covariance),
        name=NAMES,
        method="evaluate_stream",
        estimand="expected reward of the policy on the logged contexts",
        sample=fingerprint(values, covariance),
        dof=float(units - 1) if units < 200 else None,
        no_interval=f"only {speak:.1f} effective rows speak for this policy" if speak < FEW_EFFECTIVE_ROWS else "",
        verdicts=verdicts,
    )


def units_of(covariance: FloatArray) -> FloatArray:
    """Influences (2 k, k) of made-up units whose estimates have this covariance (k, k).

    Example:
        >>> made = Estimate(np.zeros(2), units_of(np.array([[4.0, 1.0], [1.0, 1.0]])), no_interval="")
        >>> made.covariance.round(9).tolist()
        [[4.0, 1.0], [1.0, 1.0]]
    """
    value, vector = np.linalg.eigh(covariance)
    root = (vector * np.sqrt(np.clip(value, 0.0, None))).T
    units = 2 * len(covariance)
    return np.concatenate([root, -root]) * np.sqrt(units * (units - 1) / 2)


def _verdicts(state: _State, error: float, skewness: float, max_unsupported: float) -> tuple[Verdict, ...]:
    n, mean = state.n, float(state.mean[1])
    never = np.flatnonzero(state.taken == 0)
    mass = float(state.asked[never].sum()) / n
    told = f"{mass:.2%} of the policy lies on {len(never):,} action(s) that the log never took"
    evidence = {"unsupported_mass": mass, "actions_never_logged": len(never), "examples": never[:10].tolist()}
    if mass > max_unsupported:
        raise NoSupport(
            f"{told}, of which {max_unsupported:.2%} are allowed",
            remedy="judge a policy that stays within the logged actions, or log these actions with some probability",
            evidence=evidence,
        )
    support = Verdict(
        check="support", status="passed", code="supported", statistic=mass, meaning=told + ".", evidence=evidence
    )
    squares = float(state.scatter[1, 1])
    top = state.largest / max(n * mean, 1e-300)
    ess = (n * mean) ** 2 / max(squares + n * mean**2, 1e-300)
    aside = Verdict(
        check="rows set aside",
        status="passed" if not state.aside else "warning",
        code="rows_aside",
        statistic=float(state.aside),
        meaning=f"{state.aside:,} of {n + state.aside:,} rows were set aside as unusable.",
    )
    return (
        support,
        mean_weight_verdict(mean, error, skewness, top, max_unsupported),
        rows_that_speak(ess, n, state.largest),
        aside,
    )
