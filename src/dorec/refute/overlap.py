"""Whether units of one arm have counterparts in the others."""

from dataclasses import dataclass

import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from dorec.domain.estimate import Estimate
from dorec.domain.protocols import EffectLearner
from dorec.domain.run import RunContext
from dorec.domain.study import Study
from dorec.domain.verdict import Verdict
from dorec.numeric.arrays import FloatArray, IntArray
from dorec.numeric.folds import content_keys, cross_predict, hash64, stratified_folds
from dorec.refute.attack import DEFAULT_CONTEXT, at_most


@dataclass(frozen=True, kw_only=True)
class Overlap:
    """Propensities near 0, and what the units of each arm are worth after weighting.

    The verdict of the estimator about its own propensities is taken where it gave one; else the known propensities of
    the study; else a cross-fitted logistic regression.

    Args:
        floor: a propensity below it, times the arm's share over an even one, counts as impossible.
        n_folds: of the logistic regression.
        max_units: larger studies are looked at on a random part of this size; None for all of it.

    Example:
        >>> import numpy as np
        >>> from dorec.estimate import AIPW
        >>> table = {"t": np.arange(400) % 2, "x": np.cos(np.arange(400.0)), "y": np.sin(np.arange(400.0) ** 2)}
        >>> study = Study.from_table(table, outcome="y", treatment="t", covariates=["x"])
        >>> learner = AIPW(n_folds=2)
        >>> Overlap().refute(study, learner, learner.fit(study).ate()).status
        'passed'
    """

    floor: float = 0.01
    n_folds: int = 5
    max_units: int | None = 20_000

    def refute(
        self, study: Study, learner: EffectLearner, estimate: Estimate, context: RunContext = DEFAULT_CONTEXT
    ) -> Verdict:
        """Passed where the arms are comparable; failed where an arm is worth less than a twentieth of its units."""
        del learner
        for verdict in estimate.verdicts:
            if verdict.check == "overlap":
                return verdict
        part = at_most(study, self.max_units, context)
        e = part.propensity if part.propensity is not None else propensities(part, self.n_folds)
        share = np.bincount(part.treatment, minlength=len(part.arms)) / part.n
        outside = float((e <= self.floor * np.minimum(1.0, share * len(share))).any(axis=1).mean())
        weight = 1.0 / e[np.arange(part.n), part.treatment]
        worth = [float(w.sum() ** 2 / (w**2).sum() / len(w)) for w in _by_arm(weight, part.treatment, len(share))]
        worst = min(worth)
        failed, poor = worst < 0.05 or outside > 0.1, worst < 0.3 or outside > 0.02
        return Verdict(
            check="overlap",
            status="failed" if failed else "warning" if poor else "passed",
            code="no_overlap" if failed else "poor_overlap" if poor else "",
            statistic=worst,
            meaning=f"{outside:.1%} of the units have an arm that is all but impossible for them; the smallest arm "
            f"after weighting is worth {worst:.0%} of its units",
            remedy="Ask about the units that could have been in every arm (population='overlap')." if poor else "",
            evidence={"share_outside": outside, "worth": dict(zip(map(str, part.arms), worth, strict=True))},
        )


def propensities(study: Study, n_folds: int) -> FloatArray:
    """Cross-fitted logistic propensities, (n, k)."""
    k = len(study.arms)
    if study.covariates.shape[1] == 0:
        return np.tile(np.bincount(study.treatment, minlength=k) / study.n, (study.n, 1))
    keys = (
        hash64(study.unit)
        if study.unit is not None
        else content_keys(study.covariates, study.covariate_names, study.outcome)
    )
    folds = stratified_folds(keys, study.treatment, n_folds)

    def fit(train: IntArray, test: IntArray) -> FloatArray:
        model = make_pipeline(StandardScaler(), LogisticRegression(C=10.0, max_iter=1_000))
        model.fit(study.covariates[train], study.treatment[train])
        out = np.zeros((len(test), k))
        out[:, model.classes_] = model.predict_proba(study.covariates[test])
        return out

    return np.maximum(cross_predict(fit, folds), 1e-12)


def _by_arm(values: FloatArray, arm: IntArray, k: int) -> list[FloatArray]:
    return [values[arm == a] for a in range(k)]
