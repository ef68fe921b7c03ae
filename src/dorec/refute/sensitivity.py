"""How strong a confounder that nobody measured would have to be to explain the effect away."""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import stats

from dorec.domain.estimate import Estimate
from dorec.domain.protocols import EffectLearner
from dorec.domain.run import RunContext
from dorec.domain.study import Study
from dorec.domain.verdict import Verdict
from dorec.numeric.arrays import FloatArray
from dorec.refute.attack import DEFAULT_CONTEXT


def e_value(risk_ratio: float) -> float:
    """The E-value of a risk ratio (VanderWeele, Ding 2017, doi:10.7326/M16-2607).

    A confounder would have to be associated with treatment and outcome by risk ratios of at least this much each.

    >>> round(e_value(3.9), 2), round(e_value(1 / 3.9), 2), e_value(1.0)
    (7.26, 7.26, 1.0)
    """
    ratio = max(risk_ratio, 1.0 / risk_ratio)
    return ratio + math.sqrt(ratio * (ratio - 1.0))


def robustness_value(t: float, dof: float, level: float | None = None) -> float:
    """The share of the leftover variance of treatment and of outcome that a confounder must explain to explain it away.

    Cinelli, Hazlett 2020 (doi:10.1111/rssb.12348). With `level`, to make the interval of that level reach 0.

    >>> round(robustness_value(4.18, 783), 3), round(robustness_value(4.18, 783, 0.95), 3)
    (0.139, 0.076)
    """
    f = abs(t) / math.sqrt(dof)
    if level is not None:
        f -= float(stats.t.ppf(0.5 + level / 2, dof - 1)) / math.sqrt(dof - 1)
    if f <= 0:
        return 0.0
    return 0.5 * (math.sqrt(f**4 + 4 * f**2) - f**2)


@dataclass(frozen=True, kw_only=True)
class Sensitivity:
    """E-value and robustness value of the estimate and of the end of its interval nearest to no effect.

    The E-value uses risk ratios where the outcome is 0 or 1, and the standardised mean difference d by
    RR = exp(0.91 d) elsewhere. The robustness value uses the estimate's own t and is compared with the strongest
    measured covariate: a hidden one of that strength is imaginable.

    Args:
        level: of the interval.

    Example:
        >>> import numpy as np
        >>> from dorec.estimate import AIPW
        >>> table = {"t": np.arange(400) % 2, "x": np.cos(np.arange(400.0)), "y": np.sin(np.arange(400.0) ** 2)}
        >>> study = Study.from_table(table, outcome="y", treatment="t", covariates=["x"])
        >>> learner = AIPW(n_folds=2)
        >>> Sensitivity().refute(study, learner, learner.fit(study).ate()).status
        'warning'
    """

    level: float = 0.95

    def refute(
        self, study: Study, learner: EffectLearner, estimate: Estimate, context: RunContext = DEFAULT_CONTEXT
    ) -> Verdict:
        """A warning where a confounder as strong as the strongest covariate would do; never failed."""
        del learner, context
        rows = [self._contrast(study, estimate, i) for i in range(np.size(estimate.value))]
        weakest = min(rows, key=lambda row: (row["e_value_limit"], row["e_value"]))
        benchmark = strongest_covariate(study)
        if study.propensity is not None:
            status, code, told = "passed", "", "the probability of treatment was known, so nothing hidden confounds it"
        elif weakest["e_value_limit"] <= 1.0:
            status, code = "warning", "interval_includes_zero"
            told = f"the {self.level:.0%} interval of {weakest['name']} includes 0: nothing is left to explain away"
        else:
            explained = min(benchmark.get("r2_treatment", 0.0), benchmark.get("r2_outcome", 0.0))
            weak = weakest["robustness_value_limit"] <= explained
            status, code = ("warning", "sensitive_to_confounding") if weak else ("passed", "")
            told = (
                f"a hidden confounder would have to multiply the risk of treatment and of outcome by "
                f"{weakest['e_value']:.2f} each to explain {weakest['name']} away, by "
                f"{weakest['e_value_limit']:.2f} to make its interval reach no effect"
            )
            if weak:
                told += f"; a covariate like {benchmark['name']!r} would be strong enough"
        return Verdict(
            check="sensitivity",
            status=status,  # type: ignore[arg-type]
            code=code,
            statistic=weakest["e_value_limit"],
            meaning=told,
            remedy="Name what could confound and was not measured; measure it or run an experiment."
            if status == "warning"
            else "",
            evidence={"contrasts": rows, "strongest_covariate": benchmark},
        )

    def _contrast(self, study: Study, estimate: Estimate, which: int) -> dict[str, Any]:
        one = estimate[which] if np.ndim(estimate.value) else estimate
        lower, upper = one.interval(self.level)
        nearest = 0.0 if lower <= 0 <= upper else lower if lower > 0 else upper
        to_ratio, scale = _risk_ratio(study, estimate, which)
        dof = max(study.n - study.covariates.shape[1] - 2, 2)
        t = one.value / one.std_error if one.std_error > 0 else 0.0
        return {
            "name": one.name,
            "scale": scale,
            "risk_ratio": to_ratio(one.value),
            "e_value": e_value(to_ratio(one.value)),
            "e_value_limit": e_value(to_ratio(nearest)),
            "robustness_value": robustness_value(t, dof),
            "robustness_value_limit": robustness_value(t, dof, self.level),
        }


def strongest_covariate(study: Study) -> dict[str, Any]:
    """The covariate that leaves the biggest trace in both treatment and outcome, by partial R² given the others."""
    best: dict[str, Any] = {}
    names = [study.source_of.get(name, name) for name in study.covariate_names]
    treated = (study.treatment > 0).astype(np.float64)
    if not names or study.n <= len(names) + 5:
        return best
    others_treated = _residual_ss(study.covariates, treated)
    with_treatment = np.column_stack([study.covariates, treated])
    others_outcome = _residual_ss(with_treatment, study.outcome)
    for name in dict.fromkeys(names):
        keep = [j for j, source in enumerate(names) if source != name]
        r2_t = 1.0 - others_treated / max(_residual_ss(study.covariates[:, keep], treated), 1e-300)
        r2_y = 1.0 - others_outcome / max(_residual_ss(with_treatment[:, [*keep, -1]], study.outcome), 1e-300)
        if not best or min(r2_t, r2_y) > min(best["r2_treatment"], best["r2_outcome"]):
            best = {"name": name, "r2_treatment": float(r2_t), "r2_outcome": float(r2_y)}
    return best


def _residual_ss(X: FloatArray, y: FloatArray) -> float:
    A = np.column_stack([np.ones(len(y)), (X - X.mean(axis=0)) / np.where((sd := X.std(axis=0)) > 0, sd, 1.0)])
    solution = np.linalg.lstsq(A, y - y.mean(), rcond=1e-10)[0]
    return float(((y - y.mean() - A @ solution) ** 2).sum())


def _risk_ratio(study: Study, estimate: Estimate, which: int) -> tuple[Any, str]:
    """A function from an effect to a risk ratio: exact for a 0/1 outcome, by the standardised difference elsewhere."""
    y = study.outcome
    levels = np.unique(y[:1_000])
    if len(levels) <= 2 and set(np.unique(y).tolist()) == {0.0, 1.0}:
        share = np.bincount(study.treatment, minlength=len(study.arms)) / study.n
        base = float(y.mean() - share[1:] @ np.atleast_1d(estimate.value))
        if 0 < base < 1 and 0 < base + np.atleast_1d(estimate.value)[which] < 1:
            return lambda effect: max(base + effect, 1e-9) / base, "risk ratio"
    spread = float(y.std()) or 1.0
    return lambda effect: math.exp(float(np.clip(0.91 * effect / spread, -50, 50))), "standardised difference"
