"""What a causal forest is grown on, the centred units of each arm or of a dose, and the forest of one of them."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from dorec.domain.run import RunContext
from dorec.estimate.aipw import AIPWModel
from dorec.estimate.average_effect import weight_of
from dorec.estimate.centred import Centred, centred, in_order
from dorec.estimate.double_ml import PartiallyLinearModel, treatment_columns
from dorec.numeric.arrays import FloatArray, IntArray
from dorec.numeric.compiled import ranges, run_parts
from dorec.numeric.honest_forest import Codes, HonestForest, bin_edges, grow_forest, half_samples, to_codes
from dorec.numeric.smooth_effect import Floats, SmoothEffect, fit_smooth_effect

PILOT = 12  # one bag in so many is grown with and without the smooth part, to see whether it does harm


@dataclass(frozen=True, kw_only=True, eq=False)
class ForestUnits:
    """Units in the order of their keys and columns in the order of their names, and the questions asked of them."""

    X: FloatArray  # (n, p)
    codes: Codes  # (p, n)
    edges: tuple[FloatArray, ...]  # (p,)
    mass: FloatArray  # (n,) weights
    group: IntArray  # (n,) codes from 0 of units that are drawn together
    parts: tuple[Centred, ...]  # one for each arm but the first, or one for a dose
    arms: bool  # rather than a dose


def forest_units(average: "AIPWModel | PartiallyLinearModel") -> ForestUnits:
    """The units of a fitted average effect, centred by its nuisances."""
    arms = isinstance(average, AIPWModel)
    if isinstance(average, AIPWModel):
        units = in_order(average)
        X, mass, group = units.X, units.mass, units.group
        parts = tuple(centred(units, arm) for arm in range(1, len(average.arms)))
    else:
        X, mass, group, parts = _dose_units(average)
    edges = bin_edges(X)
    return ForestUnits(X=X, codes=to_codes(X, edges), edges=edges, mass=mass, group=group, parts=parts, arms=arms)


def _dose_units(average: PartiallyLinearModel) -> tuple[FloatArray, FloatArray, IntArray, tuple[Centred, ...]]:
    study, units, nuisances = average.study, average.units, average.nuisances
    order = np.argsort(units.keys, kind="stable")
    columns = np.argsort(np.array(study.covariate_names), kind="stable")
    group = np.arange(study.n) if units.groups is None else dense(units.groups[order])
    w = (treatment_columns(study) - nuisances.treatment)[order, 0]
    part = Centred(rows=np.arange(study.n), w=w, y=(study.outcome - nuisances.outcome)[order])
    return np.ascontiguousarray(study.covariates[order][:, columns]), weight_of(study)[order], group, (part,)


@dataclass(frozen=True, kw_only=True)
class Growth:
    """How trees are grown."""

    mtry: int
    min_leaf: int
    fraction: float
    balance: float
    smooth: bool


@dataclass(frozen=True, kw_only=True, eq=False)
class ArmForest:
    """The forest of one arm against the reference, or of a dose."""

    forest: HonestForest
    scale: float  # of an effect
    group: IntArray  # (n,) of the ordered units, -1 for those of other arms
    smooth: SmoothEffect | None
    design: Floats | None = field(repr=False)  # (n, q) the smooth part's basis at the ordered units

    def predict(self, X: FloatArray, threads: int) -> tuple[FloatArray, FloatArray]:
        """Effects and their variances at X (n, p), (n,) each."""
        if self.smooth is None:
            effect, variance = self.forest.predict(X, threads)
            return self.scale * effect, self.scale**2 * variance
        smooth = self.smooth

        def part(rows: FloatArray) -> FloatArray:  # einsum, since BLAS rounds by how many rows it is given
            return np.asarray(np.einsum("nq,bq->nb", smooth.design(rows), smooth.copies))

        effect, variance = self.forest.predict(X, threads, part)
        return self.scale * effect, self.scale**2 * (variance + smooth.bias_variance(smooth.design(X)))

    def out_of_bag(self, codes: Codes) -> FloatArray:
        """Effects of the ordered units from the trees that did not draw them, (n,)."""
        taken = None
        if self.smooth is not None and self.design is not None:
            taken = _taken(self.design, self.smooth.copies)
        found = self.scale * self.forest.predict_out_of_bag(codes, self.group, smooth=taken)
        return np.where(np.isfinite(found), found, np.nanmean(found))  # every tree drew a unit


def grow_arm(units: ForestUnits, part: Centred, growth: Growth, n_bags: int, words: IntArray, each: Any) -> ArmForest:
    """The forest of one question; the first of the random words are the trees', the others the bags'.

    The smooth part is left out where a few trees without it predict better, out of bag, as where effects jump.
    """
    rows = part.rows
    y_scale = float(part.y.std()) or 1.0
    w_scale = 1.0 if units.arms else float(part.w.std()) or 1.0
    w, y, mass = part.w / w_scale, part.y / y_scale, units.mass[rows]
    group = np.full(len(units.mass), -1, dtype=np.int64)
    group[rows] = dense(units.group[rows])
    seeds = (words[len(words) - n_bags :], words[: len(words) - n_bags])
    smooth, design = None, None
    if growth.smooth:
        signs = half_samples(int(group.max()) + 1, seeds[0])[:, group[rows]]
        smooth = fit_smooth_effect(units.X[rows], w, y, mass, signs)
        design = smooth.design(units.X)
    whole = len(rows) == len(units.mass)
    codes = units.codes if whole else np.ascontiguousarray(units.codes[:, rows])

    def grown(bags: int, taken: Callable[[int], FloatArray] | None) -> HonestForest:
        size = len(seeds[1]) // n_bags
        return grow_forest(
            codes,
            units.edges,
            w,
            y,
            mass,
            group[rows],
            seeds=(seeds[0][:bags], seeds[1][: bags * size]),
            fraction=growth.fraction,
            mtry=growth.mtry,
            min_leaf=growth.min_leaf,
            balance=growth.balance,
            each=each,
            smooth=taken,
        )

    taken = None
    if smooth is not None and design is not None:
        taken = _taken(design if whole else design[rows], smooth.copies)
        few = max(2, n_bags // PILOT)
        losses = [
            mass * (y - w * grown(few, part).predict_out_of_bag(codes, group[rows], smooth=part)) ** 2
            for part in (taken, None)
        ]
        if np.nansum(losses[0] - losses[1]) > 0:
            smooth, design, taken = None, None, None
    forest = grown(n_bags, taken)
    return ArmForest(forest=forest, scale=y_scale / w_scale, group=group, smooth=smooth, design=design)


def _taken(design: Floats, copies: FloatArray) -> Callable[[int], FloatArray]:
    single = copies.astype(np.float32)
    return lambda bag: np.asarray(design @ single[bag], dtype=np.float64)


def mapped(context: RunContext, label: str) -> Callable[[Callable[[int], Any], int], list[Any]]:
    """Maps a function over numbers from 0 on the context's threads, with its progress."""

    def each(function: Callable[[int], Any], count: int) -> list[Any]:
        out: list[Any] = [None] * count

        def work(start: int, stop: int) -> None:
            for i in range(start, stop):
                out[i] = function(i)

        batch = 4 * max(1, context.threads)
        starts = range(0, count, batch)
        for start in context.track(starts, label, len(starts)):
            here = list(ranges(min(batch, count - start), context.threads))
            run_parts(work, [(start + a, start + b) for a, b in here], context.threads)
        return out

    return each


def dense(group: IntArray) -> IntArray:
    """Codes from 0 in the order in which groups appear.

    >>> dense(np.array([7, 3, 7])).tolist()
    [0, 1, 0]
    """
    _, first, code = np.unique(group, return_index=True, return_inverse=True)
    return np.asarray(np.argsort(np.argsort(first))[code], dtype=np.int64)
