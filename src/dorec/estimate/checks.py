"""Refusals before any number: what a study must be for an adjusted effect to mean something."""

from itertools import pairwise
from typing import Any

import numpy as np
from scipy import stats

from dorec.domain.errors import (
    ArmTooSmall,
    BadPropensity,
    InputError,
    LeakedOutcome,
    LeakedTreatment,
    NoOverlap,
    NotFinite,
    TooFewUnits,
)
from dorec.domain.study import Study
from dorec.domain.verdict import Verdict
from dorec.numeric.arrays import AnyArray, BoolArray, FloatArray, IntArray

LEAK_R2 = 0.999  # a covariate that explains this much of the outcome is the outcome
SUSPECT_R2 = 0.95  # within arms: possible for a past value of the outcome, but more often a part or a copy of it
SCREEN = 5_000  # rows on which columns are looked over before all rows are ranked
NEAR = 0.9  # of a column in these rows that may be the outcome in disguise
COPY_R2 = 0.95  # of a covariate that separates the arms: above it is a copy of the treatment, below it a rule


def check_study(study: Study, *, n_folds: int, min_per_fold: int, groups: IntArray | None = None) -> None:
    """Refuse what can be seen in the table alone: values, arms, leaks, known propensities.

    Raises:
        NotFinite, OneArm, ArmTooSmall, TooFewUnits, LeakedOutcome, LeakedTreatment, NoOverlap, BadPropensity.
    """
    check_finite(study)
    _check_arms(study, n_folds, min_per_fold)
    if groups is not None and int(groups.max()) + 1 < 2 * n_folds:
        raise TooFewUnits(
            f"there are {int(groups.max()) + 1} clusters for {n_folds} folds",
            remedy="use fewer folds, or collect more clusters",
            evidence={"clusters": int(groups.max()) + 1, "n_folds": n_folds},
        )
    check_outcome_leak(study)
    check_treatment_leak(study)
    if study.propensity is not None:
        check_known_propensity(study, groups)


def check_outcome_and_arms(study: Study) -> None:
    """Refuse a study with values that are not finite, one arm, or an arm of fewer than two units."""
    check_finite(study)
    _check_arms(study, 1, 2)


def check_overlap(e: FloatArray, arm: IntArray, arms: tuple[Any, ...], floor: FloatArray, trimmed: bool) -> None:
    """Refuse where estimated propensities (n, k) leave too few comparable units.

    Refused when more than a tenth of the units have an arm that is all but impossible for them, or when the weights of
    an arm are worth fewer than 5 units. `trimmed` says that the population asked about already
    counts such units less: then only a separation of the arms is refused.
    """
    outside = float((e <= floor).any(axis=1).mean())
    e = np.maximum(e, 1e-12)
    ess = effective_sizes(e, arm)
    count = np.bincount(arm, minlength=e.shape[1])
    # the mean overlap weight, as a share of what it would be if the propensities were the same for everyone
    comparable = float((1.0 / (1.0 / e).sum(axis=1)).mean() * (len(arm) / count).sum())
    starved = ess < np.minimum(5, count / 10)
    if (comparable < 0.02) or (not trimmed and (outside > 0.1 or starved.any())):
        worst = int(ess.argmin() if starved.any() else e.min(axis=0).argmin())
        raise NoOverlap(
            f"{outside:.0%} of the units have an arm of less than {floor.min():.2g} probability given their covariates "
            f"and arm {arms[worst]!r} ({count[worst]:,} units) is worth {ess[worst]:.0f} units after weighting",
            remedy="ask about the units that could have been in every arm (population='overlap'), trim the study to "
            "them, or leave out covariates that only predict the treatment",
            evidence={
                "share_outside": outside,
                "floor": floor.tolist(),
                "effective_units": dict(zip(map(str, arms), ess.round(1).tolist(), strict=True)),
                "units": dict(zip(map(str, arms), count.tolist(), strict=True)),
            },
        )


def effective_sizes(e: FloatArray, arm: IntArray) -> FloatArray:
    """Effective number of units of each arm under inverse-propensity weights, (k,) (Kish 1965).

    >>> effective_sizes(np.array([[0.5, 0.5], [0.5, 0.5], [0.9, 0.1]]), np.array([0, 1, 1])).round(2).tolist()
    [1.0, 1.38]
    """
    sizes = []
    for a in range(e.shape[1]):
        w = 1.0 / e[arm == a, a]
        sizes.append(w.sum() ** 2 / (w**2).sum() if len(w) else 0.0)
    return np.array(sizes)


def is_binary(y: FloatArray) -> bool:
    """Whether the outcome takes exactly two values."""
    return len(np.unique(y[:1_000])) <= 2 and len(np.unique(y)) == 2


def check_outcome_leak(study: Study) -> None:
    """Refuse covariates that are the outcome, a function of it, or determine it together."""
    y, X = study.outcome, study.covariates
    if np.ptp(y) == 0 or X.shape[1] == 0 or study.n < 10:
        return
    r2 = correlations(X, y) ** 2
    if is_binary(y):
        high = y == y.max()
        if high.sum() >= 5 and (~high).sum() >= 5:
            r2 = np.where([_separated(x[high], x[~high]) for x in X.T], 1.0, r2)
    elif len(np.unique(y)) >= 20:
        near = np.flatnonzero(_rank_r2(X[:: 1 + study.n // SCREEN], y[:: 1 + study.n // SCREEN]) > NEAR)
        r2[near] = np.maximum(r2[near], np.where(_varied(X[:, near]), _rank_r2(X[:, near], y), 0.0))
    leaks = np.flatnonzero(r2 > LEAK_R2)
    told: dict[str, float] = {study.covariate_names[j]: float(r2[j]) for j in leaks}
    if not len(leaks) and study.n > 5 * X.shape[1] + 10:
        told = _joint_leak(study)
    if told:
        listed = ", ".join(f"{name!r} (R2 {value:.4f})" for name, value in told.items())
        raise LeakedOutcome(
            f"the outcome {study.outcome_name!r} can be read off the covariate(s) {listed}",
            remedy="leave these columns out: what is known only together with the outcome can't be adjusted for",
            evidence={"columns": told},
        )


def suspected_leak(study: Study) -> Verdict | None:
    """A warning where a single covariate explains 95 % or more of the outcome within the arms, but not all of it."""
    if study.n < 10 or not study.covariate_names:
        return None
    indicator = np.eye(len(study.arms))[study.treatment]
    share = indicator / indicator.sum(axis=0)
    X = study.covariates - (share.T @ study.covariates)[study.treatment]
    X = np.where(X.std(axis=0) > 1e-12 * np.abs(study.covariates).max(axis=0), X, 0.0)  # what rounding leaves is 0
    r2 = correlations(X, study.outcome - (share.T @ study.outcome)[study.treatment]) ** 2
    suspects = {study.covariate_names[j]: float(r2[j]) for j in np.flatnonzero(r2 >= SUSPECT_R2)}
    if not suspects:
        return None
    listed = ", ".join(f"{name!r} (R2 {value:.3f})" for name, value in suspects.items())
    return Verdict(
        check="outcome leak",
        status="warning",
        code="suspected_leak",
        statistic=max(suspects.values()),
        meaning=f"Within the arms, {listed} nearly tells the outcome {study.outcome_name!r}: if it was measured after "
        "the treatment, the effect is adjusted away.",
        remedy="Make sure that it was known before the treatment, or leave it out.",
        evidence={"columns": suspects},
    )


def check_treatment_leak(study: Study) -> None:
    """Refuse a covariate that alone tells the arm of every unit: a copy of the treatment, or the rule that gave it."""
    indicator = np.eye(len(study.arms))[study.treatment]
    for name, x in zip(study.covariate_names, study.covariates.T, strict=True):
        if np.ptp(x) == 0 or not _tells_apart(x, study.treatment, len(study.arms)):
            continue
        means = (indicator * x[:, None]).sum(axis=0) / indicator.sum(axis=0)
        r2 = float(np.var(means[study.treatment]) / np.var(x))
        evidence = {"column": name, "R2": r2, "arms": {str(a): n for a, n in study.arm_counts.items()}}
        if r2 > COPY_R2:
            raise LeakedTreatment(
                f"the covariate {name!r} tells the {study.treatment_name} of every unit (R2 {r2:.4f})",
                remedy=f"leave {name!r} out of the covariates",
                evidence=evidence,
            )
        raise NoOverlap(
            f"{study.treatment_name} follows from {name!r} by a rule without exception, so that no unit in one arm is "
            "comparable with a unit in another (0% of the units could have been in every arm)",
            remedy=f"leave {name!r} out if it is no cause of the outcome, or use a regression discontinuity at the "
            "threshold; neither trimming nor weighting helps here",
            evidence=evidence | {"share_outside": 1.0, "effective_units": 0.0},
        )


def check_known_propensity(study: Study, groups: IntArray | None) -> None:
    """Refuse propensities that are said to be known, but contradict who was treated (p < 1e-6)."""
    e = np.asarray(study.propensity)
    if e.shape != (study.n, len(study.arms)) or not ((e > 0) & (e < 1)).all() or np.abs(e.sum(axis=1) - 1).max() > 1e-6:
        raise BadPropensity(
            f"the known propensities have shape {e.shape} or values that are no probabilities",
            remedy=f"give (n, arms) = {(study.n, len(study.arms))} values in (0, 1), each row summing to one",
        )
    surprise = np.eye(len(study.arms))[study.treatment] - e
    X = study.covariates
    spread = X.std(axis=0)
    Z = np.hstack([np.ones((study.n, 1)), (X[:, spread > 0] - X[:, spread > 0].mean(axis=0)) / spread[spread > 0]])
    for a in range(1, len(study.arms)):
        z = _score_statistics(Z, surprise[:, a], groups)
        p = float(2 * stats.norm.sf(np.abs(z).max()) * len(z))
        if p < 1e-6:
            arm = study.arms[a]
            raise BadPropensity(
                f"the known propensities of arm {arm!r} average {e[:, a].mean():.3f}, its share is "
                f"{(study.treatment == a).mean():.3f}, and who was treated contradicts them (p {p:.1g})",
                remedy="correct the propensity column, or leave it out and let it be estimated",
                evidence={"arm": str(arm), "z": float(np.abs(z).max()), "p_value": p},
            )


def correlations(X: FloatArray, y: FloatArray) -> FloatArray:
    """Correlation of each column of X with y, (p,); 0 for constant columns."""
    A, b = X - X.mean(axis=0), y - y.mean()
    A = A / np.where((top := np.abs(A).max(axis=0)) > 0, top, 1.0)
    b = b / (np.abs(b).max() or 1.0)
    norm = np.sqrt((A**2).sum(axis=0) * (b**2).sum())
    return np.divide(A.T @ b, norm, out=np.zeros(X.shape[1]), where=norm > 0)


def check_finite(study: Study) -> None:
    """Refuse columns of other lengths, and values that are missing or infinite."""
    n = study.n
    if study.covariates.shape != (n, len(study.covariate_names)) or study.treatment.shape != (n,):
        raise InputError(
            f"outcome {study.outcome.shape}, treatment {study.treatment.shape}, covariates {study.covariates.shape} "
            f"and {len(study.covariate_names)} covariate names don't fit together; give (n,), (n,), (n, p) and p names."
        )
    columns: list[tuple[str, AnyArray]] = [(study.outcome_name, study.outcome)]
    columns += list(zip(study.covariate_names, study.covariates.T, strict=True))
    columns += [] if study.weight is None else [("weight", study.weight)]
    columns += [] if study.dose is None else [(study.treatment_name, study.dose)]
    if study.instruments is not None:
        named = study.instrument_names or tuple(f"instrument {j}" for j in range(study.instruments.shape[1]))
        columns += list(zip(named, study.instruments.T, strict=True))
    for name, values in columns:
        bad = np.flatnonzero(~np.isfinite(values))
        if len(bad):
            raise NotFinite(
                f"column {name!r} has {len(bad):,} missing or infinite value(s), the first in row {bad[0]}",
                remedy="drop or repair these rows",
                evidence={"column": name, "rows": bad[:10].tolist()},
            )
    if study.weight is not None and ((study.weight < 0).any() or study.weight.sum() <= 0):
        raise InputError("The weights of the study hold a negative value, or are all 0; give weights of 0 or more.")


def _check_arms(study: Study, n_folds: int, min_per_fold: int) -> None:
    study.check_arms(1)
    needed = n_folds * min_per_fold
    counts = study.arm_counts
    if study.weight is not None:  # a unit without weight is not there
        present = np.bincount(study.treatment[study.weight > 0], minlength=len(study.arms))
        counts = dict(zip(study.arms, present.tolist(), strict=True))
    if min(counts.values()) < needed:
        told = ", ".join(f"{arm}: {count:,}" for arm, count in counts.items())
        raise ArmTooSmall(
            f"an arm of {study.treatment_name} has fewer than {needed} units ({told}); cross-fitting in {n_folds} "
            f"folds needs {min_per_fold} per arm and fold",
            remedy="merge or drop the small arm, use fewer folds, or collect more units",
            evidence={
                "arms": {str(arm): count for arm, count in counts.items()},
                "min_per_arm": needed,
                "min_per_arm_and_fold": min_per_fold,
                "n_folds": n_folds,
            },
        )


def _joint_leak(study: Study) -> dict[str, float]:
    y, X = study.outcome, study.covariates
    A = np.hstack([np.ones((len(y), 1)), X / np.where((top := np.abs(X).max(axis=0)) > 0, top, 1.0)])
    b = (y - y.mean()) / np.abs(y - y.mean()).max()
    solution, *_ = np.linalg.lstsq(A, b, rcond=1e-12)
    r2 = 1.0 - ((b - A @ solution) ** 2).sum() / (b**2).sum()
    if r2 < 0.99999:
        return {}
    part = np.abs(solution[1:]) * A[:, 1:].std(axis=0)
    return {study.covariate_names[j]: float(r2) for j in np.flatnonzero(part > 0.01 * part.max())[:10]}


def _separated(a: FloatArray, b: FloatArray) -> bool:
    return bool(a.max() < b.min() or b.max() < a.min())


def _tells_apart(x: FloatArray, arm: IntArray, k: int) -> bool:
    """Whether x takes no value range of one arm in another: arms lie in intervals that do not meet."""
    bounds = sorted((float(x[arm == a].min()), float(x[arm == a].max())) for a in range(k))
    return all(lower[1] < upper[0] for lower, upper in pairwise(bounds))


def _rank_r2(X: FloatArray, y: FloatArray) -> FloatArray:
    """Squared rank correlation of each column of X with y, (p,)."""
    if X.shape[1] == 0:
        return np.empty(0)
    return np.asarray(correlations(stats.rankdata(X, axis=0), stats.rankdata(y)) ** 2)


def _varied(X: FloatArray) -> BoolArray:
    return np.array([len(np.unique(x)) >= 20 for x in X.T], dtype=bool)


def _score_statistics(Z: FloatArray, surprise: FloatArray, groups: IntArray | None) -> FloatArray:
    terms = Z * surprise[:, None]
    if groups is not None:
        terms = np.stack([np.bincount(groups, weights=column) for column in terms.T], axis=1)
    variance = (terms**2).sum(axis=0)
    return np.divide(terms.sum(axis=0), np.sqrt(variance), out=np.zeros(Z.shape[1]), where=variance > 0)
