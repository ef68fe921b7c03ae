"""Which covariates the effect goes with: what is lost when each is shuffled, and what each adds to a unit's effect."""

import math
from collections.abc import Callable, Mapping, Sequence
from itertools import combinations
from typing import Any

import numpy as np

from dorec.domain.errors import InputError
from dorec.domain.estimate import Estimate
from dorec.domain.explanation import Explanation, Figure
from dorec.domain.run import RunContext
from dorec.domain.study import Study
from dorec.estimate.average_effect import few_clusters_dof
from dorec.estimate.segment_effects import contrast_scores
from dorec.estimate.surrogate_tree import first_half
from dorec.numeric.arrays import FloatArray, IntArray
from dorec.numeric.tree_rules import short

DEFAULT_CONTEXT = RunContext()
EXACT = 8  # features up to which every subset is asked


def permutation_importance(model: Any, *, n_repeats: int = 5, context: RunContext = DEFAULT_CONTEXT) -> Estimate:
    """How much worse effects fit when a covariate is shuffled, for each column of the study, with intervals.

    The fit is that of the doubly robust loss, the mean of (score - effect)^2, whose expectation is least at the true
    effect (Kennedy 2023); shuffling a column of no use costs nothing. The model is fitted again on each half of the
    units and judged on the other, so no unit judges what it taught. Columns made from one column of text are shuffled
    together. In squares of the outcome's unit; with several arms, the mean over them.

    Args:
        model: fitted, with scores: AIPW, TMLE, CausalForest, a meta-learner.
        n_repeats: shuffles of each column, averaged.
        context: seeds the shuffles.

    Returns:
        One value for each column, in the study's order; `interval(joint=True)` holds for all of them.

    Example:
        >>> from dorec.estimate.aipw import AIPW
        >>> rng = np.random.default_rng(0)
        >>> x, z, t = rng.normal(size=4000), rng.normal(size=4000), rng.integers(0, 2, size=4000)
        >>> table = {"x": x, "z": z, "t": t, "y": t * (1 + x) + z + rng.normal(size=4000)}
        >>> study = Study.from_table(table, outcome="y", treatment="t", covariates=["x", "z"])
        >>> found = permutation_importance(AIPW(n_folds=2).fit(study))
        >>> found.name, found.value.round().tolist(), bool(found["x"].interval().lower > 1)
        (('x', 'z'), [2.0, 0.0], True)
    """
    scores = contrast_scores(model)
    study = scores.study
    groups = column_groups(study)
    if not groups:
        raise InputError("The study has no covariates, so none matters; name some.")
    if n_repeats < 1:
        raise InputError(f"n_repeats is {n_repeats}; give 1 or more.")
    half = first_half(study.treatment, getattr(model, "average", model).units, context.seed)
    loss, lent = np.zeros((study.n, len(groups))), np.zeros((study.n, len(groups)))
    for side, judged in enumerate((half, ~half)):
        again = model.learner.fit(study.take(~judged), context=context)
        X, target = study.covariates[judged], scores.value[judged]

        def squared(columns: FloatArray, again: Any = again, target: FloatArray = target) -> FloatArray:
            effects = np.asarray(again.effect(columns)).reshape(target.shape)
            return np.asarray(((target - effects) ** 2).mean(axis=1))

        base = squared(X)
        for g, (name, columns) in enumerate(groups.items()):
            for repeat in range(n_repeats):
                order = context.rng("permutation importance", name, side, repeat).permutation(len(X))
                shuffled = X.copy()
                shuffled[:, columns] = X[order][:, columns]
                rows, cost = np.flatnonzero(judged), (squared(shuffled) - base) / n_repeats
                loss[rows, g] += cost
                lent[rows[order], g] += cost
    value = np.average(loss, axis=0, weights=scores.weight)
    # the mean over pairs is a U-statistic: a unit counts where it is judged and where its values are lent to another
    influence = scores.weight[:, None] * (loss - value) + (lent - lent.mean(axis=0))
    return Estimate(
        value,
        influence,
        name=tuple(groups),
        method=f"{scores.method}, permutation importance",
        sample=study.sample,
        cluster=scores.cluster,
        dof=few_clusters_dof(scores.cluster),
        no_interval=scores.no_interval,
    )


def explain_effect(
    model: Any,
    covariates: Any,
    *,
    arm: int = 1,
    n_background: int = 100,
    n_permutations: int = 200,
    context: RunContext = DEFAULT_CONTEXT,
) -> Explanation:
    """Why the effect of one unit is what it is: Shapley values that add up to it (Lundberg, Lee 2017).

    arXiv:1705.07874. The parts are the average effect over a background sample of the study's units, and what each
    column's value adds to it, averaged over the orders in which the columns could become known. With up to 8 columns
    every subset is asked; beyond, orders are sampled in antithetic pairs, and the details hold each part's standard
    error of that sampling.
    The parts explain the model; they are no causes.

    Args:
        model: fitted, with `effect` and `study`.
        covariates: of the unit, (p,), in the study's column order.
        arm: which arm is compared with the first.
        n_background: units of the study that stand in for what is not known.
        n_permutations: orders that are sampled with more than 8 columns.
        context: seeds the background and the orders.

    Example:
        >>> from sklearn.linear_model import LinearRegression
        >>> from dorec.estimate.meta_learners import TLearner
        >>> rng = np.random.default_rng(0)
        >>> a, b, t = rng.normal(size=1000), rng.normal(size=1000), rng.integers(0, 2, size=1000)
        >>> table = {"a": a, "b": b, "t": t, "y": t * (1 + 2 * a + b)}
        >>> study = Study.from_table(table, outcome="y", treatment="t", covariates=["a", "b"])
        >>> why = explain_effect(TLearner(outcome_model=LinearRegression()).fit(study), [1.0, 0.0])
        >>> round(sum(why.parts.values()), 6), why.summary
        (3.0, 'The effect of 1 - 0 is 3, 1.9 above the average of 1.1, most of all because of a = 1.')
    """
    study = model.study
    x = np.asarray(covariates, dtype=np.float64)
    if x.shape != (study.covariates.shape[1],) or not np.isfinite(x).all():
        raise InputError(
            f"covariates have shape {x.shape}; give one unit's {study.covariates.shape[1]} finite numbers, the columns "
            f"{', '.join(study.covariate_names[:20])}."
        )
    contrasts = [f"{other} - {study.arms[0]}" for other in study.arms[1:]]
    if not 1 <= arm <= len(contrasts):
        raise InputError(f"arm is {arm}; the arms besides the first are 1 to {len(contrasts)}.")
    if n_background < 1 or n_permutations < 2:
        raise InputError(f"n_background is {n_background}, n_permutations {n_permutations}; give 1, and 2, or more.")
    rows = context.rng("background").permutation(study.n)[:n_background]
    groups = column_groups(study)
    ask = _asked(model, study.covariates[np.sort(rows)], x, list(groups.values()), arm)
    if len(groups) <= EXACT:
        parts, errors = exact_shapley(ask, len(groups)), np.zeros(len(groups))
    else:
        parts, errors = sampled_shapley(ask, len(groups), n_permutations, context.rng("orders"))
    average = float(ask([frozenset()])[0])
    named = {_told(name, x, columns, study): float(v) for (name, columns), v in zip(groups.items(), parts, strict=True)}
    contrast = contrasts[arm - 1]
    return Explanation(
        summary=_summary(contrast, average, named),
        parts={"average effect": average, **named},
        figures=(_bars(contrast, named, errors),),
        details={"std_error": dict(zip(named, errors.tolist(), strict=True)), "background": len(rows)},
    )


def column_groups(study: Study) -> dict[str, IntArray]:
    """Positions of the covariates by the column that they were made from, in the study's order.

    >>> table = {"t": [0, 1] * 3, "y": range(6), "city": ["Oslo", "Rome", "Bari"] * 2, "age": range(6)}
    >>> study = Study.from_table(table, outcome="y", treatment="t", covariates=["city", "age"])
    >>> {name: columns.tolist() for name, columns in column_groups(study).items()}
    {'city': [0, 1], 'age': [2]}
    """
    sources = [study.source_of.get(name, name) for name in study.covariate_names]
    return {
        source: np.array([j for j, other in enumerate(sources) if other == source]) for source in dict.fromkeys(sources)
    }


Ask = Callable[[Sequence[frozenset[int]]], FloatArray]  # sets of known columns -> the mean effect given each


def exact_shapley(ask: Ask, p: int) -> FloatArray:
    """Shapley values (p,) of a game of p players from all 2^p subsets (Shapley 1953).

    >>> exact_shapley(lambda sets: np.array([len(s) ** 2.0 for s in sets]), 2).tolist()
    [2.0, 2.0]
    """
    subsets = [frozenset(s) for size in range(p + 1) for s in combinations(range(p), size)]
    worth = dict(zip(subsets, ask(subsets).tolist(), strict=True))
    weight = [math.factorial(s) * math.factorial(p - s - 1) / math.factorial(p) for s in range(p)]
    return np.array(
        [sum(weight[len(s)] * (worth[s | {j}] - worth[s]) for s in subsets if j not in s) for j in range(p)]
    )


def sampled_shapley(ask: Ask, p: int, n_permutations: int, rng: np.random.Generator) -> tuple[FloatArray, FloatArray]:
    """Shapley values (p,) from sampled orders and their reverses, and their standard errors (p,).

    Castro, Gomez, Tejada 2009 (doi:10.1016/j.cor.2008.04.004), in antithetic pairs (Mitchell et al. 2022). Each order's
    parts add up to the whole, so their mean does.
    """
    pairs = max(1, n_permutations // 2)
    orders = [o for _ in range(pairs) for order in [rng.permutation(p).tolist()] for o in (order, order[::-1])]
    found = np.empty((len(orders), p))
    for i, order in enumerate(orders):
        worth = ask([frozenset(order[:j]) for j in range(p + 1)])
        found[i, order] = np.diff(worth)
    each = found.reshape(pairs, 2, p).mean(axis=1)
    error = each.std(axis=0, ddof=1) / math.sqrt(pairs) if pairs > 1 else np.full(p, np.inf)
    return each.mean(axis=0), error


def _asked(model: Any, background: FloatArray, x: FloatArray, groups: Sequence[IntArray], arm: int) -> Ask:
    def ask(sets: Sequence[frozenset[int]]) -> FloatArray:
        X = np.tile(background, (len(sets), 1))
        for i, known in enumerate(sets):
            columns = [int(j) for g in known for j in groups[g]]
            X[i * len(background) : (i + 1) * len(background), columns] = x[columns]
        effects = np.asarray(model.effect(X)).reshape(len(X), -1)[:, arm - 1]
        return np.asarray(effects.reshape(len(sets), -1).mean(axis=1))

    return ask


def _told(name: str, x: FloatArray, columns: IntArray, study: Study) -> str:
    """A column with the unit's value, as in `city = Rome`."""
    if len(columns) == 1 and study.covariate_names[columns[0]] == name:
        return f"{name} = {short(float(x[columns[0]]))}"
    on = [study.covariate_names[j] for j in columns if x[j] == 1.0 and study.covariate_names[j].startswith(f"{name}=")]
    if on:
        return f"{name} = {on[0].removeprefix(name + '=')}"
    return f"{name} = another" if name not in study.covariate_names else f"{name} = {short(float(x[columns[0]]))}"


def _summary(contrast: str, average: float, parts: Mapping[str, float]) -> str:
    away = sum(parts.values())
    said = f"The effect of {contrast} is {average + away:.2g}"
    if not parts or not away:
        return f"{said}, the average."
    first = max(parts, key=lambda name: math.copysign(1.0, away) * parts[name])
    side = "above" if away > 0 else "below"
    return f"{said}, {abs(away):.2g} {side} the average of {average:.2g}, most of all because of {first}."


def _bars(contrast: str, parts: Mapping[str, float], errors: FloatArray) -> Figure:
    order = sorted(range(len(parts)), key=lambda j: -abs(list(parts.values())[j]))
    names, values = list(parts), list(parts.values())
    data: dict[str, Any] = {"labels": [names[j] for j in order], "values": [values[j] for j in order]}
    if errors.any():
        data["lower"] = [values[j] - 1.96 * float(errors[j]) for j in order]
        data["upper"] = [values[j] + 1.96 * float(errors[j]) for j in order]
    return Figure(kind="bars", title=f"What moves the effect of {contrast} away from the average", data=data)
