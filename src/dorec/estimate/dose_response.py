"""Dose-response curves: the mean outcome had everyone had each dose, with a band."""

from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
from sklearn.linear_model import RidgeCV
from sklearn.pipeline import make_pipeline

from dorec.domain.errors import ConfigError, InputError, NoOverlap, TooFewUnits
from dorec.domain.estimate import Estimate
from dorec.domain.explanation import Figure
from dorec.domain.run import RunContext
from dorec.domain.study import Study
from dorec.domain.verdict import Verdict
from dorec.estimate.additive_basis import RIDGE_GRID, AdditiveBasis
from dorec.estimate.average_effect import few_clusters_dof, weight_of
from dorec.estimate.checks import check_finite, check_outcome_leak
from dorec.estimate.cross_fitting import Canonical, Units, canonical, units_of
from dorec.estimate.diagnostics import influence_verdict, repeated_verdicts
from dorec.estimate.nuisance import CrossFit, candidates, default_regressors, fit_model, threads_for
from dorec.estimate.nuisance import Pooled as OnAllArms
from dorec.numeric.arrays import FloatArray, IntArray
from dorec.numeric.local_linear import cross_validated_bandwidth, local_weights

DEFAULT_CONTEXT = RunContext()
GRID = 60  # doses at which the outcome model is asked; between them it is interpolated
LEAST = 100  # units
FEWEST_VALUES = 20  # of the dose
NEAR = 30.0  # units, after weighting, that a window must hold
RARE = 0.1  # of a dose's mean density given the covariates: a unit below it could hardly have had the dose
FEW = 0.2  # share of units that may be such at a dose
CAP = 20.0  # of the stabilised weights
BANDWIDTHS = 12


class Curve(NamedTuple):
    """What the curve is smoothed from."""

    pseudo: FloatArray  # (n,) doubly robust outcome of each unit at its own dose
    grid: FloatArray  # (g,) doses
    mu: FloatArray  # (n, g) predicted outcome of each unit at each dose of the grid
    density: FloatArray  # (n, g) density of each dose of the grid given the covariates of each unit


@dataclass(frozen=True, kw_only=True)
class DoseResponse:
    """The mean outcome had everyone had each dose of a continuous treatment, doubly robust (Kennedy, Ma, McHugh, Small
    2017, doi:10.1111/rssb.12212).

    Outcome and dose are predicted out of fold; a pseudo-outcome for each unit is smoothed over the dose. The bandwidth
    of the local line has the least cross-validated error; the curve is the local quadratic with it, which takes out the
    line's bias (Calonico, Cattaneo, Farrell 2018, doi:10.1080/01621459.2017.1285776), so that the band is centred. The
    density of the dose given the covariates has a mean and a spread that depend on them, and a common shape.

    Args:
        n_folds: folds of the cross-fitting, 2 or more.
        outcome_model: regressor of the outcome on covariates and dose (the last column); a list is blended.
        treatment_model: regressor of the dose on the covariates; a list is blended.
        bandwidth: in units of the dose; by default cross-validated.

    Example:
        >>> rng = np.random.default_rng(0)
        >>> x = rng.normal(size=800)
        >>> price = 0.5 * x + rng.normal(size=800)
        >>> table = {"x": x, "price": price, "sold": x - price**2 + rng.normal(size=800)}
        >>> study = Study.from_table(table, outcome="sold", treatment="price", covariates=["x"], continuous=True)
        >>> curve = DoseResponse(n_folds=2).fit(study).curve([-1.0, 0.0, 1.0])
        >>> lower, upper = curve.interval(joint=True)
        >>> bool((lower < [-1.0, 0.0, -1.0]).all() and (upper > [-1.0, 0.0, -1.0]).all())
        True
    """

    n_folds: int = 5
    outcome_model: Any = None
    treatment_model: Any = None
    bandwidth: float | None = None

    def __post_init__(self) -> None:
        if self.n_folds < 2:
            raise InputError(f"n_folds is {self.n_folds}; give 2 or more.")
        if self.bandwidth is not None and not self.bandwidth > 0:
            raise ConfigError(f"bandwidth is {self.bandwidth}; give a number above 0, in units of the dose.")

    def fit(self, study: Study, *, context: RunContext = DEFAULT_CONTEXT) -> "DoseResponseModel":
        """Nuisances and the bandwidth; `curve` then evaluates.

        Raises:
            InputError: the treatment has arms.
            NotFinite, TooFewUnits, LeakedOutcome: the table can't be used.
            NoOverlap: the covariates tell the dose all but exactly.
        """
        if study.dose is None:
            raise InputError(
                f"The treatment {study.treatment_name!r} has arms and no dose; take AIPW, or continuous=True in the "
                "study."
            )
        check_finite(study)
        units = units_of(study)
        groups = study.n if units.groups is None else int(units.groups.max()) + 1
        if groups < LEAST:
            raise TooFewUnits(
                f"{groups} units or clusters are too few for a curve",
                remedy=f"give {LEAST} or more, or take DoubleML for one slope",
                evidence={"units": groups, "least": LEAST},
            )
        values = len(np.unique(study.dose))
        if values < FEWEST_VALUES:
            raise InputError(
                f"{study.treatment_name!r} has {values} different values, too few for a curve; take them as arms."
            )
        check_outcome_leak(study)
        with threads_for(study.n, context):
            at = canonical(study, units, n_folds=self.n_folds, repeat=0, context=context)
            found = self._pseudo_outcomes(study, at)
        bandwidth = self.bandwidth or _bandwidth(study, found.pseudo)
        return DoseResponseModel(learner=self, study=study, units=units, found=found, bandwidth=bandwidth)

    def _pseudo_outcomes(self, study: Study, at: Canonical) -> Curve:
        dose, y = at.of(np.asarray(study.dose)), at.of(study.outcome)
        weight = np.ones(study.n) if study.weight is None else at.of(weight_of(study))
        grid = np.linspace(dose.min(), dose.max(), GRID)
        scale = float(y.std()) or 1.0
        mu = y.mean() + scale * _outcome_at(at.fit, (y - y.mean()) / scale, dose, grid, self.outcome_model)
        density = _density_at(at.fit, dose, grid, weight, self.treatment_model, study.treatment_name)
        own_mu, own_density = _at_own(mu, grid, dose), _at_own(density, grid, dose)
        mean_mu = np.interp(dose, grid, np.average(mu, axis=0, weights=weight))
        marginal = np.interp(dose, grid, np.average(density, axis=0, weights=weight))
        ratio = np.minimum(marginal / np.maximum(own_density, marginal / CAP), CAP)
        pseudo = ratio / np.average(ratio, weights=weight) * (y - own_mu) + mean_mu
        return Curve(at.restored(pseudo), grid, at.restored(mu), at.restored(density))


@dataclass(frozen=True, kw_only=True, eq=False)
class DoseResponseModel:
    """A fitted dose-response: evaluate it with `curve`.

    Example:
        >>> rng = np.random.default_rng(0)
        >>> d = rng.uniform(0, 4, 500)
        >>> table = {"d": d, "y": np.sqrt(d) + 0.1 * rng.normal(size=500)}
        >>> study = Study.from_table(table, outcome="y", treatment="d", continuous=True)
        >>> model = DoseResponse(n_folds=2).fit(study)
        >>> round(model.contrast(3.0, 1.0).value, 1), model.support[1] > 3
        (0.7, True)
    """

    learner: DoseResponse
    study: Study
    units: Units
    found: Curve = field(repr=False)
    bandwidth: float
    estimand: str = field(default="")

    @cached_property
    def support(self) -> tuple[float, float]:
        """The smallest and largest dose of the widest run of doses at which the curve can be asked for."""
        fine = np.array([not self._unsupported(float(dose)) for dose in self.found.grid])
        if not fine.any():
            raise NoOverlap(
                f"no value of {self.study.treatment_name!r} could have been had by enough of the units",
                remedy="leave out covariates that only predict the treatment, or take DoubleML for one slope",
            )
        edges = np.flatnonzero(np.diff(np.concatenate(([False], fine, [False])).astype(int)))
        starts, ends = edges[::2], edges[1::2] - 1
        best = int((ends - starts).argmax())
        return float(self.found.grid[starts[best]]), float(self.found.grid[ends[best]])

    def curve(self, doses: Any) -> Estimate:
        """Mean outcome had everyone had each dose, (m,); `interval(joint=True)` is a simultaneous band.

        Raises:
            NoOverlap: a dose that too few of the units could have had, or with too few units near it.
        """
        levels = np.atleast_1d(np.asarray(doses, dtype=np.float64))
        for dose in levels:
            reason = self._unsupported(float(dose))
            if reason:
                low, high = self.support
                raise NoOverlap(
                    f"at {self.study.treatment_name} = {dose:g} {reason}",
                    remedy=f"ask within {low:.4g} to {high:.4g}, or leave out covariates that only predict the "
                    "treatment",
                    evidence={"dose": float(dose), "support": [low, high]},
                )
        values, influence = zip(*(self._point(float(dose)) for dose in levels), strict=True)
        return Estimate(
            np.array(values),
            np.stack(influence, axis=1),
            name=tuple(f"mean at {dose:g}" for dose in levels),
            method="DoseResponse",
            estimand=self.estimand or "the mean outcome had everyone had the dose",
            sample=self.study.sample,
            cluster=self.units.cluster,
            dof=few_clusters_dof(self.units.cluster),
            verdicts=self.verdicts,
        )

    def ate(self) -> Estimate:
        """The effect of the upper quartile of doses against the lower one, for all units.

        Raises:
            NoOverlap: one of the two is outside the support.
        """
        low, high = np.quantile(np.asarray(self.study.dose), [0.25, 0.75])
        return self.contrast(float(high), float(low))

    def contrast(self, dose: float, reference: float) -> Estimate:
        """Mean outcome at a dose less that at another one, with the error of the difference."""
        both = self.curve([dose, reference])
        return both[0] - both[1]

    @cached_property
    def verdicts(self) -> tuple[Verdict, ...]:
        """Units that dominate the pseudo-outcomes, repeated units."""
        spread = self.found.pseudo - np.interp(np.asarray(self.study.dose), self.found.grid, self.found.mu.mean(axis=0))
        found = (
            influence_verdict(spread[:, None], self.units.groups),
            *repeated_verdicts(self.study, self.units),
        )
        return tuple(verdict for verdict in found if verdict is not None)

    def figure(self, points: int = 40, level: float = 0.95) -> Figure:
        """The curve over its support with its simultaneous band, as data."""
        doses = np.linspace(*self.support, points)[1:-1]
        found = self.curve([dose for dose in doses if not self._unsupported(float(dose))])
        at = [float(name.removeprefix("mean at ")) for name in found.name]
        lower, upper = found.interval(level, joint=True)
        lines = [("mean", found.value), ("lower", lower), ("upper", upper)]
        return Figure(
            kind="curve",
            title=f"{self.study.outcome_name} by {self.study.treatment_name}",
            data={"lines": [{"name": name, "x": at, "y": np.asarray(y).tolist()} for name, y in lines]},
            x_label=self.study.treatment_name,
            y_label=f"mean {self.study.outcome_name}",
            caption=f"Band: {level:.0%} at all doses at once. Bandwidth {self.bandwidth:.3g}.",
        )

    def _unsupported(self, dose: float) -> str:
        """Why the curve can't be known at a dose, or nothing."""
        held = np.asarray(self.study.dose)
        if not held.min() <= dose <= held.max():
            return f"no unit was there (from {held.min():.4g} to {held.max():.4g})"
        w = local_weights(held, dose, self.bandwidth, 1, weight_of(self.study))
        worth = float(np.abs(w).sum() ** 2 / (w**2).sum()) if (w != 0).any() else 0.0
        if worth < NEAR:
            return f"the window of width {self.bandwidth:.3g} is worth {worth:.0f} units, fewer than {NEAR:.0f}"
        if not held.min() + self.bandwidth / 4 <= dose <= held.max() - self.bandwidth / 4:
            return "the dose is at the edge of those that were seen"
        given = _column_at(self.found.density, self.found.grid, dose)
        rare = float(np.mean(given < RARE * np.average(given, weights=weight_of(self.study))))
        if rare > FEW:
            return f"{rare:.0%} of the units could hardly have had it, given their covariates"
        return ""

    def _point(self, dose: float) -> tuple[float, FloatArray]:
        """The local quadratic at a dose, and each unit's influence, by its own value and in everyone's mean."""
        held, weight, n = np.asarray(self.study.dose), weight_of(self.study), self.study.n
        w = local_weights(held, dose, self.bandwidth, 2, weight)
        value = float(w @ self.found.pseudo)
        near = w != 0
        u = held[near] - dose
        powers = u[:, None] ** np.arange(3)
        root = np.sqrt(np.maximum(weight[near] * (1 - (u / self.bandwidth) ** 2), 0.0))
        bent = np.linalg.lstsq(powers * root[:, None], self.found.pseudo[near] * root, rcond=None)[0]
        residual = self.found.pseudo[near] - powers @ bent
        leverage = np.clip(w[near] * 1.0, 0.0, 0.9)  # of the fit at its centre, an upper bound of the others
        own = np.zeros(n)
        own[near] = n * w[near] * residual / np.sqrt(1 - leverage)
        smoothed = self.found.mu @ _spread(w, held, self.found.grid)
        shared = weight * (smoothed - np.average(smoothed, weights=weight))
        return value, own + shared


def _outcome_at(fit: CrossFit, y: FloatArray, dose: FloatArray, grid: FloatArray, models: Any) -> FloatArray:
    """Out-of-fold outcome of each unit at each dose of the grid, (n, g), of blended models."""
    defaults = (make_pipeline(AdditiveBasis(), RidgeCV(RIDGE_GRID)), *_plain(default_regressors(len(y)))[-1:])
    chosen = _plain(candidates(models, defaults))
    X = np.column_stack([fit.X, dose])
    tables = []
    for model in chosen:
        out = np.empty((len(y), len(grid)))
        for fold in range(int(fit.folds.max()) + 1):
            train, test = np.flatnonzero(fit.folds != fold), np.flatnonzero(fit.folds == fold)
            fitted = fit_model(model, X[train], y[train], None if fit.weight is None else fit.weight[train])
            wide = np.repeat(fit.X[test], len(grid), axis=0)
            asked = np.column_stack([wide, np.tile(grid, len(test))])
            out[test] = np.asarray(fitted.predict(asked), dtype=np.float64).reshape(len(test), len(grid))
        tables.append(out)
    weights = fit.blend_weights([_at_own(table, grid, dose) for table in tables], y)
    return np.asarray(sum(w * table for w, table in zip(weights, tables, strict=True)))


def _density_at(
    fit: CrossFit, dose: FloatArray, grid: FloatArray, weight: FloatArray, models: Any, name: str
) -> FloatArray:
    """Density of each dose of the grid given each unit's covariates, (n, g): a mean, a spread and a common shape."""
    scale = float(dose.std())
    z = (dose - dose.mean()) / scale
    chosen = _plain(candidates(models, default_regressors(len(z))))
    middle = fit.mean(z, chosen)
    left = z - middle
    if np.var(left) < 0.01:
        raise NoOverlap(
            f"the covariates tell {name!r} all but exactly: they leave {np.var(left):.2%} of its variance",
            remedy="leave out covariates that only predict the treatment",
            evidence={"variance_left": float(np.var(left))},
        )
    log_size = np.log(np.abs(left) + 0.05 * left.std())
    spread = np.exp(fit.mean(log_size, [make_pipeline(AdditiveBasis(), RidgeCV(RIDGE_GRID))]))
    unit = left / spread
    unit_scale = float(np.sqrt(np.average(unit**2, weights=weight)))
    unit, spread = unit / unit_scale, spread * unit_scale
    shape_grid, shape = _kernel_density(unit, weight)
    asked = ((grid - dose.mean()) / scale - middle[:, None]) / spread[:, None]
    return np.asarray(np.interp(asked, shape_grid, shape, left=0.0, right=0.0) / spread[:, None] / scale)


def _kernel_density(x: FloatArray, weight: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Density of residuals on a grid, by a normal kernel with Silverman's bandwidth on binned values."""
    low, high = float(x.min()) - 1.0, float(x.max()) + 1.0
    edges = np.linspace(low, high, 1_025)
    mass = np.histogram(x, bins=edges, weights=weight)[0] / weight.sum()
    middle = (edges[1:] + edges[:-1]) / 2
    iqr = float(np.subtract(*np.quantile(x, [0.75, 0.25]))) / 1.349
    width = 0.9 * (min(float(x.std()), iqr) or float(x.std())) * len(x) ** -0.2
    reach = (middle - middle[len(middle) // 2]) / width
    kernel = np.exp(-0.5 * reach**2) / (width * np.sqrt(2 * np.pi))
    return middle, np.asarray(np.convolve(mass, kernel, mode="same"))


def _plain(models: Any) -> list[Any]:
    return [m.model if isinstance(m, OnAllArms) else m for m in models]


def _at_own(table: FloatArray, grid: FloatArray, dose: FloatArray) -> FloatArray:
    """Values (n, g) at each unit's own dose, (n,), between the points of the grid."""
    low, share = _between(grid, dose)
    rows = np.arange(len(dose))
    return np.asarray((1 - share) * table[rows, low] + share * table[rows, low + 1])


def _column_at(table: FloatArray, grid: FloatArray, dose: float) -> FloatArray:
    low, share = _between(grid, np.array([dose]))
    return np.asarray((1 - share) * table[:, low[0]] + share * table[:, low[0] + 1])


def _spread(w: FloatArray, dose: FloatArray, grid: FloatArray) -> FloatArray:
    """What units at their doses count (n,), dealt to the points of the grid on both sides of each, (g,)."""
    low, share = _between(grid, dose)
    out = np.bincount(low, weights=w * (1 - share), minlength=len(grid))
    return np.asarray(out + np.bincount(low + 1, weights=w * share, minlength=len(grid)))


def _between(grid: FloatArray, dose: FloatArray) -> tuple[IntArray, FloatArray]:
    low = np.clip(np.searchsorted(grid, dose, side="right") - 1, 0, len(grid) - 2)
    return low, (dose - grid[low]) / (grid[low + 1] - grid[low])


def _bandwidth(study: Study, pseudo: FloatArray) -> float:
    """By cross-validation over a range around the normal reference, on at most 2,000 units."""
    held, weight = np.asarray(study.dose), weight_of(study)
    order = np.argsort(held, kind="stable")
    some = order[:: max(1, len(order) // 2_000)]
    size = min(float(held.std()), float(np.subtract(*np.quantile(held, [0.75, 0.25]))) / 1.349) or float(held.std())
    reference = 2.34 * size * study.n**-0.2
    candidate = reference * np.geomspace(0.6, 6.0, BANDWIDTHS)
    found = cross_validated_bandwidth(held[some], pseudo[some], candidate, weight[some])
    # a part of the units chooses a wider window than all of them would
    return float(found * (len(some) / study.n) ** 0.2)
