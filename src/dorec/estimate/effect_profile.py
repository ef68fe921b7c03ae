"""How the effect goes with one or two covariates: a curve with a band, a map of cells, and what a model draws."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.interpolate import BSpline

from dorec.domain.errors import ColumnNotFound, InputError, TooFewUnits
from dorec.domain.estimate import Estimate
from dorec.domain.study import Study
from dorec.estimate.average_effect import few_clusters_dof
from dorec.estimate.best_linear_projection import projection
from dorec.estimate.column_levels import levels_of
from dorec.estimate.segment_effects import MIN_PER_ARM, contrast_scores, effects_within, enough
from dorec.numeric.arrays import BoolArray, FloatArray

MOST_UNITS = 2_000  # over which a model's partial dependence is averaged
TAIL = 0.05  # share of the units beyond each end of a curve


@dataclass(frozen=True, kw_only=True, eq=False)
class EffectCurve:
    """The effect of one arm along a covariate; `effect.interval(joint=True)` is a band that holds everywhere at once.

    Example:
        >>> curve = EffectCurve(column="age", at=np.array([20.0, 40.0]), effect=Estimate(np.zeros(2), np.ones((9, 2))))
        >>> curve.at.tolist(), curve.contrast
        ([20.0, 40.0], '')
    """

    column: str
    at: FloatArray  # (m,) values of the covariate
    effect: Estimate  # (m,) average effect among units with that value
    partial: FloatArray | None = None  # (m,) what the model draws where only this covariate moves
    contrast: str = ""


@dataclass(frozen=True, kw_only=True, eq=False)
class EffectMap:
    """Average effects over the levels of two covariates; cells with too few units are masked.

    Example:
        >>> one = Estimate.of_mean(np.array([1.0, 2.0, 3.0]), name="cell")
        >>> EffectMap(rows=("a",), columns=("b",), cell=np.array([[0]]), effects=one).grid().tolist()
        [[2.0]]
    """

    rows: tuple[str, ...]
    columns: tuple[str, ...]
    cell: FloatArray  # (rows, columns) position in `effects`, -1 where units are too few
    effects: Estimate  # of the cells that have enough
    contrast: str = ""
    left_out: int = 0  # units in masked cells

    def grid(self) -> FloatArray:
        """Effects (rows, columns), NaN where units are too few."""
        values = np.append(np.atleast_1d(self.effects.value), np.nan)
        return np.asarray(values[self.cell.astype(np.int64)])


def effect_curve(
    model: Any, column: str, *, arm: int = 1, n_points: int = 41, n_terms: int = 5, partial: bool = True
) -> EffectCurve:
    """The average effect among units with each value of a covariate, by a spline of orthogonal scores.

    Semenova, Chernozhukov 2021 (doi:10.1093/ectj/utaa027): the doubly robust effects of the units are regressed on a
    cubic spline of the covariate; the band holds for the best spline of that size whatever learned the nuisances. Other
    covariates go along with this one as they do in the data; `partial` moves it alone, in the model's own effects, and
    has no interval. Drawn from the 5% to the 95% quantile.

    Args:
        model: fitted, with scores: AIPW, TMLE, CausalForest, a meta-learner.
        column: a covariate with 10 or more values.
        arm: which arm is compared with the first.
        n_points: values at which the curve is told.
        n_terms: size of the spline, 2 or more; 2 is a straight line.
        partial: also tell what the model draws where only this covariate moves.

    Raises:
        ColumnNotFound, InputError, TooFewUnits, Collinear.

    Example:
        >>> from dorec.estimate.aipw import AIPW
        >>> rng = np.random.default_rng(0)
        >>> x, t = rng.uniform(0, 2, size=4000), rng.integers(0, 2, size=4000)
        >>> table = {"x": x, "t": t, "y": t * (1 + 2 * x) + rng.normal(size=4000)}
        >>> study = Study.from_table(table, outcome="y", treatment="t", covariates=["x"])
        >>> curve = effect_curve(AIPW(n_folds=2).fit(study), "x", n_points=3)
        >>> curve.at.round(1).tolist(), curve.effect.value.round().tolist()
        ([0.1, 1.0, 1.9], [1.0, 3.0, 5.0])
    """
    scores, a = contrast_scores(model), _arm(contrast_scores(model).names, arm)
    study = scores.study
    x = study.covariates[:, _position(study, column)]
    if n_terms < 2 or n_points < 2:
        raise InputError(f"n_terms is {n_terms}, n_points {n_points}; give 2 or more of each.")
    if len(np.unique(x)) < 10:
        raise InputError(f"{column!r} has {len(np.unique(x))} values, too few for a curve; ask segment_effects.")
    if study.n < 20 * n_terms:
        raise TooFewUnits(f"{study.n} units are too few for a spline of {n_terms} terms", remedy="give fewer terms")
    low, high = np.quantile(x, [TAIL, 1 - TAIL])
    at = np.linspace(low, high, n_points)
    basis = spline_basis(x, n_terms)
    value, influence = projection(basis(x), scores.value[:, [a]], study.weight)
    design = np.column_stack([np.ones(n_points), basis(at)])
    effect = Estimate(
        design @ value[:, 0],
        influence[:, :, 0] @ design.T,
        name=tuple(f"{scores.names[a]} at {column} {v:.4g}" for v in at),
        method=f"{scores.method}, spline of scores",
        estimand=scores.estimand,
        sample=study.sample,
        cluster=scores.cluster,
        dof=few_clusters_dof(scores.cluster),
        no_interval=scores.no_interval,
    )
    return EffectCurve(
        column=column,
        at=at,
        effect=effect,
        partial=partial_dependence(model, column, at, arm=arm) if partial else None,
        contrast=scores.names[a],
    )


def partial_dependence(model: Any, column: str, at: Sequence[float] | FloatArray, *, arm: int = 1) -> FloatArray:
    """The model's effect, averaged over up to 2,000 units whose one covariate is set to each of the values, (m,).

    Friedman 2001 (doi:10.1214/aos/1013203451), of the effect in the place of the outcome. It says what the model has
    learned, not how sure that is, and it may ask the model about units that don't exist.

    Example:
        >>> from dorec.estimate.aipw import AIPW
        >>> rng = np.random.default_rng(0)
        >>> x, t = rng.normal(size=4000), rng.integers(0, 2, size=4000)
        >>> table = {"x": x, "t": t, "y": t * (1 + 2 * x) + rng.normal(size=4000)}
        >>> study = Study.from_table(table, outcome="y", treatment="t", covariates=["x"])
        >>> partial_dependence(AIPW(n_folds=2).fit(study), "x", [0.0, 1.0]).round().tolist()
        [1.0, 3.0]
    """
    study = model.study
    j = _position(study, column)
    values = np.asarray(at, dtype=np.float64)
    rows = np.linspace(0, study.n - 1, min(study.n, MOST_UNITS)).astype(np.int64)
    X = np.tile(study.covariates[rows], (len(values), 1))
    X[:, j] = np.repeat(values, len(rows))
    found = np.asarray(model.effect(X)).reshape(len(X), -1)[:, arm - 1]
    return np.asarray(found.reshape(len(values), -1).mean(axis=1))


def effect_map(model: Any, rows: str, columns: str, *, arm: int = 1, n_bins: int = 4, min_units: int = 30) -> EffectMap:
    """The average effect in each cell of two covariates' levels, from orthogonal scores; jointly valid intervals.

    Args:
        model: fitted, with scores: AIPW, TMLE, CausalForest, a meta-learner.
        rows: a covariate; a number with many values is cut at its quantiles.
        columns: another.
        arm: which arm is compared with the first.
        n_bins: of a number.
        min_units: cells with fewer, or with fewer than 5 of an arm, are masked.

    Raises:
        ColumnNotFound, InputError, TooFewUnits: no cell has enough units.

    Example:
        >>> from dorec.estimate.aipw import AIPW
        >>> rng = np.random.default_rng(0)
        >>> a, b, t = rng.integers(0, 2, size=(3, 4000))
        >>> table = {"a": a, "b": b, "t": t, "y": t * (a + 2.0 * b) + rng.normal(size=4000)}
        >>> study = Study.from_table(table, outcome="y", treatment="t", covariates=["a", "b"])
        >>> effect_map(AIPW(n_folds=2).fit(study), "a", "b").grid().round().tolist()
        [[0.0, 2.0], [1.0, 3.0]]
    """
    if rows == columns:
        raise InputError(f"rows and columns are both {rows!r}; name two covariates.")
    scores = contrast_scores(model)
    a = _arm(scores.names, arm)
    down, across = levels_of(scores.study, rows, n_bins), levels_of(scores.study, columns, n_bins)
    cell = np.full((len(down.names), len(across.names)), -1.0)
    masks: dict[str, BoolArray] = {}
    for i, name in enumerate(down.names):
        for j, other in enumerate(across.names):
            mask = (down.code == i) & (across.code == j)
            if enough(scores.study, mask, max(min_units, 2 * MIN_PER_ARM)):
                cell[i, j] = len(masks)
                masks[f"{name}, {other}"] = mask
    if not masks:
        raise TooFewUnits(f"no cell of {rows!r} and {columns!r} has {min_units} units", remedy="use fewer bins")
    every, k = effects_within(scores, masks), len(scores.names)
    parts = [every[i * k + a] for i in range(len(masks))]
    return EffectMap(
        rows=down.names,
        columns=across.names,
        cell=cell,
        effects=Estimate.concat(parts),
        contrast=scores.names[a],
        left_out=int(scores.study.n - sum(int(mask.sum()) for mask in masks.values())),
    )


def spline_basis(x: FloatArray, n_terms: int) -> Any:
    """A function of values (m,) to `n_terms - 1` columns that, with a constant, span a spline with knots at quantiles.

    Cubic where there are terms enough, of a lower degree below; beyond the outer knots it is held.

    >>> spline_basis(np.arange(100.0), 5)(np.array([0.0, 50.0])).shape
    (2, 4)
    """
    degree = min(3, n_terms - 1)
    inner = n_terms - degree - 1
    low, high = np.quantile(x, [0.01, 0.99])
    low, high = (low, high) if high > low else (float(x.min()), float(x.max()))
    knots = np.unique(np.quantile(x, np.arange(1, inner + 1) / (inner + 1)))
    knots = knots[(knots > low) & (knots < high)]
    whole = np.r_[[low] * (degree + 1), knots, [high] * (degree + 1)]

    def basis(values: FloatArray) -> FloatArray:
        columns = BSpline.design_matrix(np.clip(values, low, high), whole, degree).toarray()
        return np.asarray(columns[:, 1:])

    return basis


def _position(study: Study, column: str) -> int:
    if column not in study.covariate_names:
        raise ColumnNotFound(column, study.covariate_names, where="the covariates of the study")
    return study.covariate_names.index(column)


def _arm(names: Sequence[str], arm: int) -> int:
    if not 1 <= arm <= len(names):
        raise InputError(f"arm is {arm}; the arms besides the first are 1 to {len(names)}.")
    return arm - 1
