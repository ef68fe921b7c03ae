"""What can be said of a surrogate index's assumptions: overlap of the samples, and surrogacy where data can tell."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from scipy import special

from dorec.domain.errors import ConstantColumn, NoOverlap, TooFewUnits
from dorec.domain.verdict import Status, Verdict
from dorec.estimate.average_effect import weight_of
from dorec.estimate.cross_fitting import Canonical
from dorec.estimate.two_samples import Samples
from dorec.numeric.arrays import FloatArray

LEAST = 10  # units of the history for each fold
SCARCE = 0.02  # density of such surrogates in the history, over that in the experiment: below it a unit has no match
MANY = 0.1  # share of units without a match that is refused
FEWEST = 30.0  # units that the history must be worth after weighting
POOR = 0.1  # share of its units that the history should be worth


def check_surrogates(samples: Samples, n_folds: int) -> None:
    """Refuse surrogates that do not vary, and a history that can't be cut into folds or has other surrogates.

    Raises:
        ConstantColumn, TooFewUnits, NoOverlap.
    """
    p, past = samples.experiment.covariates.shape[1], samples.history.covariates
    if samples.history.n < LEAST * n_folds:
        raise TooFewUnits(
            f"the history has {samples.history.n} units for {n_folds} folds",
            remedy=f"give {LEAST * n_folds} or more, or use fewer folds",
        )
    for j, name in enumerate(samples.surrogates, start=p):
        here, there = samples.seen[:, j], past[:, j]
        if np.ptp(there) == 0:
            raise ConstantColumn(
                f"the surrogate {name!r} is {there[0]:g} for all units of the history, which tells nothing of the "
                "outcome",
                remedy=f"leave {name!r} out, or add units with other values",
            )
        beyond = float(((here < there.min()) | (here > there.max())).mean())
        if beyond > MANY:
            raise NoOverlap(
                f"{beyond:.0%} of the experiment's units have {name} beyond the history's "
                f"({there.min():.4g} to {there.max():.4g}), so what follows from it was never seen",
                remedy="take a history with such values, or ask about the units within them",
                evidence={"surrogate": name, "share_beyond": beyond, "range": [float(there.min()), float(there.max())]},
            )


def comparability_verdict(samples: Samples, ratio: FloatArray, chance: FloatArray) -> Verdict:
    """Whether the history has units like the experiment's in surrogates and covariates.

    Args:
        samples: both.
        ratio: density of the experiment's columns over the history's, (n_o,), of the history's units.
        chance: of the history and of each arm, (n_e, 1 + k), of the experiment's units.

    Raises:
        NoOverlap: more than a tenth of the experiment's units have no match, or the history is worth too little.
    """
    w = ratio * weight_of(samples.history)
    worth = float(w.sum() ** 2 / (w**2).sum())
    density = chance[:, 0] / chance[:, 1:].sum(axis=1) * (samples.experiment.n / samples.history.n)
    alone = float(np.average(density < SCARCE, weights=weight_of(samples.experiment)))
    name, apart = _farthest(samples)
    evidence = {"effective_units": worth, "units": samples.history.n, "share_without_match": alone, "farthest": name}
    told = (
        f"{alone:.1%} of the experiment's units have surrogates and covariates that hardly occur in the history, whose "
        f"{samples.history.n:,} units are worth {worth:,.0f} units of the experiment's kind; {name} differs most, by "
        f"{apart:.2f} standard deviations"
    )
    if alone > MANY or worth < FEWEST:
        raise NoOverlap(
            told,
            remedy="take a history of such units, or leave out covariates that tell the samples apart",
            evidence=evidence,
        )
    poor = alone > SCARCE or worth < POOR * samples.history.n
    return Verdict(
        check="comparability",
        status="warning" if poor else "passed",
        code="poor_overlap" if poor else "",
        statistic=worth,
        meaning=f"{told}. That such units have the same mean {samples.history.outcome_name} in both is assumed.",
        remedy="Take a history that is closer to the experiment in time and in its units." if poor else "",
        evidence=evidence,
    )


def surrogacy_verdict(samples: Samples, residual: FloatArray, there: Canonical, models: Sequence[Any]) -> Verdict:
    """Whether the treatment tells the outcome beyond the surrogates, in a history that knows the treatment.

    The mean product of what surrogates and covariates leave of the outcome and of each arm; chi-squared.
    """
    history = samples.history
    listed = ", ".join(samples.surrogates[:5]) + (", ..." if len(samples.surrogates) > 5 else "")
    remedy = (
        "Add short-term outcomes through which it could work; read `sensitivity` and `robustness` beside the effect."
    )
    if not samples.treated:
        return Verdict(
            check="surrogacy",
            status="warning",
            code="assumption_untested",
            meaning=f"That all of the effect on {history.outcome_name} passes through {listed} is assumed: the history "
            f"does not hold {history.treatment_name}, so it can't be tested.",
            remedy=remedy,
        )
    fit = replace(there.fit, X=there.of(history.covariates))
    chance = there.restored(fit.probability(there.of(history.treatment), models))
    left = (np.eye(len(history.arms))[history.treatment] - chance)[:, 1:]
    product = weight_of(history)[:, None] * left * residual[:, None]
    mean = product.mean(axis=0)
    spread = np.atleast_2d(np.cov(product.T)) / history.n
    statistic = float(mean @ np.linalg.pinv(spread, hermitian=True) @ mean)
    p = float(special.chdtrc(len(mean), statistic))
    direct = mean / np.maximum((weight_of(history)[:, None] * left**2).mean(axis=0), 1e-12)
    status: Status = "passed" if p > 0.05 else "warning" if p > 0.01 else "failed"
    found = f"In the history, {history.treatment_name} tells {history.outcome_name} beyond {listed}"
    doubt = "either not all of its effect passes through them, or it was given to units that differ"
    return Verdict(
        check="surrogacy",
        status=status,
        code="" if status == "passed" else "surrogacy_violated",
        statistic=statistic,
        p_value=p,
        meaning=f"{found} no more than chance does (p {p:.2g})."
        if status == "passed"
        else f"{found} (p {p:.2g}; directly {', '.join(f'{d:.3g}' for d in direct)}): {doubt}.",
        remedy="" if status == "passed" else remedy,
        evidence={"direct": direct.tolist(), "arms": [str(a) for a in history.arms[1:]]},
    )


def _farthest(samples: Samples) -> tuple[str, float]:
    """The column whose mean differs most between the samples, and by how many standard deviations of the history."""
    past = samples.history.covariates
    spread = np.where((s := past.std(axis=0)) > 0, s, 1.0)
    apart = np.abs(samples.seen.mean(axis=0) - past.mean(axis=0)) / spread
    return samples.history.covariate_names[int(apart.argmax())], float(apart.max())
