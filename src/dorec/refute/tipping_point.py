"""How much a hidden confounder must explain to take the effect's interval to no effect, beside measured covariates."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from dorec.domain.errors import InputError, Refusal
from dorec.domain.estimate import Estimate
from dorec.domain.protocols import EffectLearner
from dorec.domain.run import RunContext
from dorec.domain.study import Study
from dorec.domain.verdict import Verdict
from dorec.refute.attack import DEFAULT_CONTEXT, at_most
from dorec.refute.hidden_confounding import hidden_confounding
from dorec.refute.sensitivity import strongest_covariate


@dataclass(frozen=True, kw_only=True)
class TippingPoint:
    """The robustness value of `hidden_confounding`, which holds for any nuisances, against the strongest covariate.

    The learner is fitted again (on a part of a large study, whose wider interval tips more easily). A confounder that
    explains this share of what is left of both treatment and outcome takes the effect, or the end of its interval
    nearest to 0, to 0.

    Args:
        level: of the two-sided interval.
        max_units: larger studies are attacked on a random part of this size; None for all of it.

    Example:
        >>> from dorec.estimate import AIPW
        >>> rng = np.random.default_rng(0)
        >>> x, t = rng.normal(size=400), np.arange(400) % 2
        >>> table = {"t": t, "x": x, "y": 2.0 * t + rng.normal(size=400)}
        >>> study = Study.from_table(table, outcome="y", treatment="t", covariates=["x"])
        >>> learner = AIPW(n_folds=2)
        >>> verdict = TippingPoint().refute(study, learner, learner.fit(study).ate())
        >>> verdict.status, 0.5 < verdict.statistic < 0.8
        ('passed', True)
    """

    level: float = 0.95
    max_units: int | None = 5_000

    def __post_init__(self) -> None:
        if not 0 < self.level < 1:
            raise InputError(f"level is {self.level}; give a probability between 0 and 1, as in 0.95.")

    def refute(
        self, study: Study, learner: EffectLearner, estimate: Estimate, context: RunContext = DEFAULT_CONTEXT
    ) -> Verdict:
        """A warning where a confounder like the strongest covariate would do; never failed."""
        del estimate
        if study.propensity is not None:
            return _told("passed", "", "The probability of treatment was known, so nothing hidden confounds it.")
        part = at_most(study, self.max_units, context)
        model: Any = learner.fit(part, context=context)
        try:
            found = [hidden_confounding(part, model, arm=arm) for arm in range(1, len(part.arms))]
        except (InputError, Refusal) as error:
            why = error.reason if isinstance(error, Refusal) else str(error)
            return _told("warning", "not_applicable", f"This check could not be run: {why.rstrip('.')}.")
        limits = [one.robustness_value(0.5 + self.level / 2) for one in found]
        weakest = int(np.argmin(limits))
        hidden, limit = found[weakest], limits[weakest]
        strongest = strongest_covariate(part)
        evidence = {
            "robustness_value": hidden.robustness_value(),
            "robustness_value_limit": limit,
            "strongest_covariate": strongest,
            "n_units": part.n,
        }
        if limit == 0.0:
            said = f"The {self.level:.0%} interval of {hidden.effect.name} includes 0: nothing is left to tip."
            return _told("warning", "interval_includes_zero", said, limit, evidence)
        weak = bool(strongest) and limit <= min(strongest["r2_treatment"], strongest["r2_outcome"])
        said = (
            f"A hidden confounder that explains {hidden.robustness_value():.1%} of what is left of treatment and "
            f"outcome takes {hidden.effect.name} to 0; {limit:.1%} takes its interval there."
        )
        if strongest:
            said += (
                f" The strongest covariate, {strongest['name']!r}, explains {strongest['r2_treatment']:.1%} of the "
                f"treatment and {strongest['r2_outcome']:.1%} of the outcome."
            )
        return _told("warning" if weak else "passed", "sensitive_to_confounding" if weak else "", said, limit, evidence)


def _told(
    status: Any, code: str, meaning: str, statistic: float | None = None, evidence: dict[str, Any] | None = None
) -> Verdict:
    remedies = {
        "sensitive_to_confounding": "Name what could confound and was not measured; measure it or run an experiment.",
        "interval_includes_zero": "Collect more units, or take the interval as the answer.",
        "not_applicable": "Fit AIPW or TMLE over all units to know it.",
    }
    return Verdict(
        check="tipping point",
        status=status,
        code=code,
        meaning=meaning,
        statistic=statistic,
        remedy=remedies.get(code, ""),
        evidence=evidence or {},
    )
