"""Whether predicted effects are as large as they say, and whether they tell units apart at all."""

from typing import Any

import numpy as np

from dorec.domain.errors import InputError
from dorec.domain.estimate import Estimate
from dorec.domain.verdict import Verdict
from dorec.estimate.best_linear_projection import projection
from dorec.numeric.arrays import FloatArray

SAME = 1e-9  # spread of predictions, over their size, below which all are the same


def calibration_test(model: Any, *, alpha: float = 0.05) -> Verdict:
    """The best linear predictor of the effect from out-of-fold effects (Chernozhukov et al. 2018, arXiv:1712.04802).

    Doubly robust effects are regressed on the units' out-of-fold effects less their mean. A slope of 1 says that
    predicted differences are as large as the true ones, below 1 that they are exaggerated, above 1 that they are timid,
    0 that they are noise. With several arms the slopes are averaged.

    Args:
        model: a fitted estimator with `unit_effects` and doubly robust scores: AIPW, CausalForest, a meta-learner.
        alpha: level of both tests.

    Returns:
        `passed` where the slope is above 0 (one-sided, `p_value`) and may be 1; a `warning` with the code
        `no_heterogeneity` or `miscalibrated` otherwise. `statistic` is the slope, bounds are in the evidence.

    Example:
        >>> from dorec.domain.study import Study
        >>> from dorec.estimate.aipw import AIPW
        >>> rng = np.random.default_rng(0)
        >>> x, t = rng.normal(size=2000), rng.integers(0, 2, size=2000)
        >>> table = {"x": x, "t": t, "y": t * (1 + x) + rng.normal(size=2000)}
        >>> study = Study.from_table(table, outcome="y", treatment="t", covariates=["x"])
        >>> calibration_test(AIPW(n_folds=2).fit(study)).status
        'passed'
    """
    if not 0 < alpha < 1:
        raise InputError(f"alpha is {alpha}; give a probability between 0 and 1, as in 0.05.")
    average = getattr(model, "average", model)
    study = average.study
    effects = np.asarray(model.unit_effects).reshape(study.n, -1)
    contrasts = average.pseudo_outcomes[:, 1:] - average.pseudo_outcomes[:, :1]
    if (effects.std(axis=0) <= SAME * (np.abs(effects).max(axis=0) + contrasts.std(axis=0))).any():
        return Verdict(
            check="calibration of effects",
            status="warning",
            code="no_heterogeneity",
            meaning="Every unit is predicted to have the same effect, so there is nothing to calibrate.",
            remedy="Report the average effect alone.",
        )
    slope = _slope(effects, contrasts, average)
    lower, upper = slope.interval(1.0 - alpha)
    p = float(slope.p_value(alternative="greater"))
    evidence = {"slope": slope.value, "std_error": slope.std_error, "lower": lower, "upper": upper, "alpha": alpha}
    said = f"Where predicted effects differ by 1, effects differ by {slope.value:.2f} [{lower:.2f}, {upper:.2f}]"
    code, remedy = "", ""
    if p > alpha:
        code = "no_heterogeneity"
        said += ": the predictions are not shown to tell units apart."
        remedy = "Report the average effect; do not target by these predictions."
    elif not lower <= 1.0 <= upper:
        code = "miscalibrated"
        said += ": predicted differences are " + ("exaggerated." if slope.value < 1 else "timid.")
        remedy = "Trust the order of the units more than the size of their effects."
    else:
        said += ": as large as predicted."
    return Verdict(
        check="calibration of effects",
        status="warning" if code else "passed",
        code=code,
        meaning=said,
        statistic=float(slope.value),
        p_value=p,
        remedy=remedy,
        evidence=evidence,
    )


def _slope(effects: FloatArray, contrasts: FloatArray, average: Any) -> Estimate:
    """The slope of doubly robust effects on predicted ones, averaged over the arms."""
    study = average.study
    parts = [projection(effects[:, [a]], contrasts[:, [a]], study.weight) for a in range(contrasts.shape[1])]
    return Estimate(
        float(np.mean([value[1, 0] for value, _ in parts])),
        np.mean([influence[:, 1, 0] for _, influence in parts], axis=0),
        name="slope",
        method="best linear predictor",
        sample=study.sample,
        cluster=average.units.cluster,
    )
