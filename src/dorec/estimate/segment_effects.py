"""Effects by segment, from orthogonal scores: all at once with simultaneous intervals."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal, TypeAlias

import numpy as np
from scipy import stats

from dorec.domain.errors import InputError, TooFewUnits
from dorec.domain.estimate import SMALL, Estimate
from dorec.domain.study import Study
from dorec.domain.verdict import Verdict
from dorec.estimate.aipw import AIPWModel
from dorec.estimate.average_effect import AverageEffectModel, few_clusters_dof, weight_of
from dorec.estimate.column_levels import crossed_levels
from dorec.numeric.arrays import AnyArray, BoolArray, FloatArray

By: TypeAlias = str | Sequence[str] | Mapping[str, Any] | AnyArray
MIN_PER_ARM = 5


@dataclass(frozen=True, kw_only=True, eq=False)
class ContrastScores:
    """Each unit's score of the effect of each arm after the first: its mean over any units is their effect."""

    study: Study
    value: FloatArray  # (n, k - 1)
    weight: FloatArray  # (n,), averaging one
    cluster: AnyArray | None
    names: tuple[str, ...]  # (k - 1,)
    method: str
    no_interval: str = ""
    estimand: str = ""


def contrast_scores(model: Any) -> ContrastScores:
    """The scores that a fitted model holds for effects among some of its units.

    Doubly robust ones (AIPW, TMLE, interactive DoubleML, CausalForest, the meta-learners), and those of weighting by
    known propensities, have intervals in any segment; other estimators give values alone.

    Raises:
        InputError: the model says nothing of effects that differ between units.

    Example:
        >>> from dorec.estimate.aipw import AIPW
        >>> table = {"t": np.arange(200) % 2, "y": np.arange(200) % 2 + np.sin(np.arange(200.0))}
        >>> model = AIPW(n_folds=2).fit(Study.from_table(table, outcome="y", treatment="t"))
        >>> scores = contrast_scores(model)
        >>> scores.value.shape, bool(np.isclose(scores.value.mean(), model.ate().value))
        ((200, 1), True)
    """
    average = getattr(model, "average", model)
    if not isinstance(average, AIPWModel | AverageEffectModel):
        raise InputError(
            f"{type(model).__name__} has no scores of single units' effects; fit AIPW, TMLE, CausalForest or a "
            "meta-learner."
        )
    study, withheld = average.study, ""
    if isinstance(average, AverageEffectModel):
        withheld = average.no_interval
        if not average.varies:
            raise InputError(f"The {average.method} estimator has one effect for all units; fit AIPW or CausalForest.")
        weighted = average.method.startswith("IPW") and study.propensity is not None
        if average.method != "TMLE" and not weighted and not withheld:
            withheld = f"{average.method} has no doubly robust scores, so only its average has an interval"
    outcomes = average.pseudo_outcomes
    return ContrastScores(
        study=study,
        value=outcomes[:, 1:] - outcomes[:, :1],
        weight=weight_of(study),
        cluster=average.units.cluster,
        names=tuple(f"{arm} - {study.arms[0]}" for arm in study.arms[1:]),
        method=getattr(model, "method", "") or type(model).__name__.removesuffix("Model"),
        no_interval=withheld,
        estimand=model.estimand,
    )


def segment_effects(
    model: Any,
    by: By,
    *,
    n_bins: int = 4,
    min_units: int = 30,
    small: Literal["pool", "refuse"] = "pool",
) -> Estimate:
    """The average effect in each segment of a fitted model's study; `interval(joint=True)` holds for all at once.

    Segments must be named before the effects are looked at; those of a tree that was grown on the same scores
    are chosen by them (`surrogate_tree` keeps the two apart). The verdicts tell whether the segments differ at
    all, and which were pooled.

    Args:
        model: fitted, with scores: AIPW, TMLE, CausalForest, a meta-learner.
        by: one or several covariates (a number is cut at its quantiles, several are crossed), labels (n,), or masks
            (or positions) by name, which may overlap.
        n_bins: of a number with many values.
        min_units: a segment with fewer, or with fewer than 5 of an arm, is small.
        small: segments are pooled into one named "others", or refused.

    Returns:
        One value for each segment and arm after the first, segment by segment.

    Raises:
        ColumnNotFound, InputError, TooFewUnits.

    Example:
        >>> from dorec.estimate.aipw import AIPW
        >>> rng = np.random.default_rng(0)
        >>> x, t = rng.integers(0, 2, size=2000), rng.integers(0, 2, size=2000)
        >>> table = {"new": x, "t": t, "y": t * (1.0 + x) + rng.normal(size=2000)}
        >>> study = Study.from_table(table, outcome="y", treatment="t", covariates=["new"])
        >>> effects = segment_effects(AIPW(n_folds=2).fit(study), "new")
        >>> effects.name, effects.value.round().tolist(), [v.status for v in effects.verdicts]
        (('new = 0', 'new = 1'), [1.0, 2.0], ['passed'])
    """
    scores = contrast_scores(model)
    masks, pooled = _large_enough(_masks(scores.study, by, n_bins), scores.study, min_units, small)
    effects = effects_within(scores, masks)
    verdicts = [v for v in (pooled, differ(effects, len(scores.names))) if v is not None]
    return replace(effects, verdicts=tuple(verdicts))


def effects_within(scores: ContrastScores, masks: Mapping[str, BoolArray]) -> Estimate:
    """Mean scores within masks (n,) by name, as one vector estimate: segment by segment, and arm by arm within."""
    n, values, influences = len(scores.value), [], []
    for mask in masks.values():
        mass = scores.weight * mask
        value = mass @ scores.value / mass.sum()
        units = int(mask.sum())
        # the mean of a few units costs a degree of freedom
        stretch = n / mass.sum() * np.sqrt(units / max(1, units - 1))
        values.append(value)
        influences.append(stretch * mass[:, None] * (scores.value - value))
    several = len(scores.names) > 1
    names = [f"{segment}: {arm}" if several else segment for segment in masks for arm in scores.names]
    least = min(int(mask.sum()) for mask in masks.values())
    dofs = [d for d in (few_clusters_dof(scores.cluster), least - 1.0 if least < SMALL else None) if d is not None]
    return Estimate(
        np.concatenate(values),
        np.concatenate(influences, axis=1),
        name=tuple(names),
        method=f"{scores.method}, mean score",
        estimand=scores.estimand,
        sample=scores.study.sample,
        cluster=scores.cluster,
        dof=min(dofs) if dofs else None,
        no_interval=scores.no_interval,
    )


def _masks(study: Study, by: By, n_bins: int) -> dict[str, BoolArray]:
    if isinstance(by, Mapping):
        return {str(name): _mask(study, str(name), rows) for name, rows in by.items()}
    if isinstance(by, str):
        by = [by]
    if isinstance(by, np.ndarray):
        if by.shape != (study.n,):
            raise InputError(f"by has shape {by.shape}; give one label for each of {study.n:,} units.")
        found, code = np.unique(by.astype(str) if by.dtype == object else by, return_inverse=True)
        return {str(name): code == i for i, name in enumerate(found.tolist())}
    levels = crossed_levels(study, list(by), n_bins)
    return {name: levels.code == i for i, name in enumerate(levels.names)}


def _mask(study: Study, name: str, rows: Any) -> BoolArray:
    rows = np.asarray(rows)
    if rows.dtype == bool:
        if rows.shape != (study.n,):
            raise InputError(f"The mask of segment {name!r} has shape {rows.shape}; give ({study.n:,},).")
        return rows
    mask = np.zeros(study.n, dtype=bool)
    if rows.size and not (np.issubdtype(rows.dtype, np.integer) and rows.min() >= 0 and rows.max() < study.n):
        raise InputError(f"Segment {name!r} holds positions outside 0 to {study.n - 1:,}; give a mask, or positions.")
    mask[rows.astype(np.int64)] = True
    return mask


def enough(study: Study, mask: BoolArray, min_units: int) -> bool:
    """Whether the units of a mask (n,) that have weight are `min_units`, and 5 of each arm."""
    present = mask if study.weight is None else mask & (study.weight > 0)
    arms = np.bincount(study.treatment[present], minlength=len(study.arms))
    return bool(arms.sum() >= min_units and arms.min() >= MIN_PER_ARM)


def _large_enough(
    masks: dict[str, BoolArray], study: Study, min_units: int, small: str
) -> tuple[dict[str, BoolArray], Verdict | None]:
    """Segments that are large enough, the others pooled; and what was pooled or left out."""
    if small not in ("pool", "refuse"):
        raise InputError(f"small is {small!r}; allowed: 'pool', 'refuse'.")
    if min_units < 2 * MIN_PER_ARM:
        raise InputError(f"min_units is {min_units}; give {2 * MIN_PER_ARM} or more.")
    if not masks:
        raise InputError("by names no segment; give columns, labels, or masks by name.")
    tiny = {name: mask for name, mask in masks.items() if not enough(study, mask, min_units)}
    if not tiny:
        return masks, None
    told = ", ".join(f"{name!r} ({int(mask.sum()):,})" for name, mask in list(tiny.items())[:10])
    told += f" and {len(tiny) - 10} more" if len(tiny) > 10 else ""
    rule = f"fewer than {min_units} units, or than {MIN_PER_ARM} of an arm"
    evidence = {"units": {name: int(mask.sum()) for name, mask in tiny.items()}, "min_units": min_units}
    kept = {name: mask for name, mask in masks.items() if name not in tiny}
    rest = np.logical_or.reduce(list(tiny.values()))
    # one small segment alone would be as small under another name
    together = len(tiny) > 1 and enough(study, rest, min_units)
    if small == "refuse" or (not kept and not together):
        remedy = "use fewer bins, merge segments, or collect more units"
        raise TooFewUnits(f"segments have {rule}: {told}", remedy=remedy, evidence=evidence)
    if together:
        kept["others"] = rest
    done = "were pooled as 'others'" if together else "were left out"
    return kept, Verdict(
        check="small segments",
        status="warning",
        code="small_segments",
        statistic=float(len(tiny)),
        meaning=f"Segments with {rule} {done}: {told}.",
        remedy="Use fewer bins or merge segments to see them.",
        evidence=evidence,
    )


def differ(effects: Estimate, k: int, alpha: float = 0.05) -> Verdict | None:
    """Whether the segments' effects are told apart from one another: a Wald test, arm by arm at once."""
    m = len(effects.value) // k
    if m < 2 or effects.no_interval:
        return None
    contrast = (np.eye(m)[1:] - np.eye(m)[:1])[:, :, None, None] * np.eye(k)
    contrast = contrast.transpose(0, 2, 1, 3).reshape((m - 1) * k, m * k)
    away, covariance = contrast @ effects.value, contrast @ effects.covariance @ contrast.T
    rank = int(np.linalg.matrix_rank(covariance, hermitian=True))
    if not rank:
        return None
    statistic = float(away @ np.linalg.pinv(covariance, hermitian=True) @ away)
    p = float(
        stats.chi2.sf(statistic, rank) if effects.dof is None else stats.f.sf(statistic / rank, rank, effects.dof)
    )
    told = "differ" if p < alpha else "are not shown to differ"
    return Verdict(
        check="segments differ",
        status="passed" if p < alpha else "warning",
        code="" if p < alpha else "no_heterogeneity",
        statistic=statistic,
        p_value=p,
        meaning=f"The effects of the {m} segments {told} by more than chance (p {p:.2g}).",
        remedy="" if p < alpha else "Report the average effect; a difference between segments may be noise.",
        evidence={"dof": rank, "alpha": alpha},
    )
