"""A shallow tree that says in a few rules what a model of effects has learned."""

from dataclasses import replace
from typing import Any

import numpy as np
from sklearn.tree import DecisionTreeRegressor

from dorec.domain.errors import InputError, NoHeterogeneity
from dorec.domain.run import RunContext
from dorec.estimate.calibration import calibration_test
from dorec.estimate.cross_fitting import Units
from dorec.estimate.effect_tree import EffectTree, honest_tree
from dorec.estimate.segment_effects import contrast_scores
from dorec.numeric.arrays import AnyArray, BoolArray, FloatArray, IntArray
from dorec.numeric.folds import mix64, stratified_folds
from dorec.numeric.tree_rules import LEAF, Branches, short

DEFAULT_CONTEXT = RunContext()
HALVES = 0x68616C76  # tells these halves from the folds of the same seed


def surrogate_tree(
    model: Any,
    *,
    max_leaves: int = 6,
    max_depth: int = 3,
    min_leaf: float = 0.05,
    min_units: int = 30,
    alpha: float = 0.05,
    context: RunContext = DEFAULT_CONTEXT,
) -> EffectTree:
    """A readable tree of a model's effects, honest in its leaves (Athey, Imbens 2016, doi:10.1073/pnas.1510489113).

    The learner is fitted again on one half of the units, and a regression tree of its out-of-fold effects gives the
    rules. The effect of each leaf is the mean of the model's orthogonal scores over the other half, whose outcomes had
    no say in the rules; so the leaves' intervals hold (the test that effects vary at all sees every unit, so they are a
    little too narrow where it barely passes). `fidelity` is the share of the variance of the given model's
    unit effects, in that other half, that the leaves tell.

    Args:
        model: a fitted AIPW, TMLE, CausalForest or meta-learner.
        max_leaves: 2 or more.
        max_depth: conditions on a path, at most.
        min_leaf: least share of the units in a leaf.
        min_units: held-out units that a leaf needs, with 5 of each arm; else its split is undone.
        alpha: level of the test that effects vary at all.

    Raises:
        NoHeterogeneity: the model's effects are not shown to differ between units, so rules would describe noise.
        InputError: the model has no effects of single units, or the study no covariates.

    Example:
        >>> from dorec.domain.study import Study
        >>> from dorec.estimate.aipw import AIPW
        >>> rng = np.random.default_rng(0)
        >>> x, t = rng.uniform(size=4000).round(2), rng.integers(0, 2, size=4000)
        >>> table = {"x": x, "t": t, "y": 2.0 * t * (x > 0.5) + rng.normal(size=4000)}
        >>> study = Study.from_table(table, outcome="y", treatment="t", covariates=["x"])
        >>> tree = surrogate_tree(AIPW(n_folds=2).fit(study), max_leaves=2)
        >>> [round(float(rule.effects[0].value)) for rule in tree.rules()], tree.fidelity > 0.7
        ([0, 2], True)
    """
    if max_leaves < 2 or max_depth < 1:
        raise InputError(f"max_leaves is {max_leaves}, max_depth {max_depth}; give 2 or more, and 1 or more.")
    if not 0 < min_leaf <= 0.5:
        raise InputError(f"min_leaf is {min_leaf}; give a share above 0 and up to 0.5.")
    scores = contrast_scores(model)
    study = scores.study
    if not study.covariate_names:
        raise InputError("The study has no covariates, so there is nothing to split by; name some.")
    _check_varied(model, alpha)
    growing = first_half(study.treatment, getattr(model, "average", model).units, context.seed)
    part = study.take(growing)
    again = model.learner.fit(part, context=context)
    regression = DecisionTreeRegressor(
        max_leaf_nodes=max_leaves,
        max_depth=max_depth,
        min_samples_leaf=max(min_units, int(np.ceil(min_leaf * part.n))),
        random_state=0,
    ).fit(part.covariates, np.asarray(again.unit_effects), sample_weight=part.weight)
    tree = honest_tree(branches_of(regression.tree_, study.covariates[growing]), scores, ~growing, min_units)
    effects = np.asarray(model.unit_effects).reshape(study.n, -1)
    fidelity = explained(effects[~growing], tree.leaf_of(study.covariates[~growing]), scores.weight[~growing])
    return replace(tree, fidelity=fidelity, fidelity_to=f"the unit effects of {scores.method}")


def first_half(arm: IntArray, units: Units, seed: int) -> BoolArray:
    """A half of the units (n,) that follows from who they are, whole groups together, arms evenly dealt."""
    keys = mix64(units.keys ^ mix64(np.array([seed]).astype(np.int64).view(np.uint64) ^ np.uint64(HALVES)))
    if units.groups is not None:  # a group's units must agree on their key
        smallest = np.full(int(units.groups.max()) + 1, np.iinfo(np.uint64).max, dtype=np.uint64)
        np.minimum.at(smallest, units.groups, keys)
        keys = smallest[units.groups]
    return np.asarray(stratified_folds(keys, arm, 2, units.groups) == 0)


def branches_of(tree: Any, X: FloatArray) -> Branches:
    """A fitted scikit-learn tree's nodes, its thresholds rounded to what separates the values of X (n, p)."""
    feature = np.where(tree.feature >= 0, tree.feature, LEAF)
    threshold = tree.threshold.copy()
    for i in np.flatnonzero(feature != LEAF):
        x = X[:, feature[i]]
        low, high = x[x <= threshold[i]].max(), x[x > threshold[i]].min()
        threshold[i] = round_between(float(low), float(high))
    return Branches(feature, threshold, tree.children_left.astype(np.int64), tree.children_right.astype(np.int64))


def round_between(low: float, high: float) -> float:
    """The number of fewest digits from `low` to below `high`, which cuts the same values.

    >>> round_between(0.4931, 0.5127), round_between(3.0, 4.0), round_between(0.0, 1.0)
    (0.5, 3.5, 0.5)
    """
    middle = (low + high) / 2.0
    for digits in range(1, 17):
        found = float(f"{middle:.{digits}g}")
        if low <= found < high and (found > low or low == high):
            return found
    return low


def explained(effects: FloatArray, leaf: IntArray, weight: AnyArray) -> float:
    """The share of the variance of effects (n, m) between leaves (n,): the R2 of the leaves' means."""
    total = np.average((effects - np.average(effects, axis=0, weights=weight)) ** 2, axis=0, weights=weight)
    mass = np.bincount(leaf, weights=weight)
    within = np.zeros(effects.shape[1])
    for a in range(effects.shape[1]):
        mean = np.bincount(leaf, weights=weight * effects[:, a], minlength=len(mass)) / np.maximum(mass, 1e-300)
        within[a] = np.average((effects[:, a] - mean[leaf]) ** 2, weights=weight)
    return float(1.0 - within.sum() / total.sum()) if total.sum() > 0 else 0.0


def _check_varied(model: Any, alpha: float) -> None:
    verdict = calibration_test(model, alpha=alpha)
    if verdict.code != "no_heterogeneity":
        return
    p = "" if verdict.p_value is None else f" (p {short(verdict.p_value, 2)})"
    raise NoHeterogeneity(
        f"the model's effects are not shown to differ between units{p}, so rules would describe noise",
        remedy="report the average effect, or ask for segments that were named beforehand (segment_effects)",
        evidence=dict(verdict.evidence),
    )
