"""All attacks in a row."""

from collections.abc import Sequence

from dorec.domain.errors import Refusal
from dorec.domain.estimate import Estimate
from dorec.domain.protocols import EffectLearner, Refuter
from dorec.domain.run import RunContext
from dorec.domain.study import Study
from dorec.domain.verdict import Verdict
from dorec.refute.attack import DEFAULT_CONTEXT
from dorec.refute.data_subset import DataSubset
from dorec.refute.overlap import Overlap
from dorec.refute.placebo import PlaceboTreatment
from dorec.refute.random_common_cause import RandomCommonCause
from dorec.refute.sensitivity import Sensitivity

DEFAULT_REFUTERS: tuple[Refuter, ...] = (
    PlaceboTreatment(),
    RandomCommonCause(),
    DataSubset(),
    Overlap(),
    Sensitivity(),
)


def refute_all(
    study: Study,
    learner: EffectLearner,
    estimate: Estimate,
    *,
    refuters: Sequence[Refuter] = DEFAULT_REFUTERS,
    context: RunContext = DEFAULT_CONTEXT,
) -> list[Verdict]:
    """One verdict for each attack on an estimate, in the order of `refuters`.

    An attack that the data don't allow (a part with too small an arm, for example) is a warning with the reason.
    By default: placebo treatment, random common cause, data subset, overlap and sensitivity, about ten refits of the
    learner on at most 10,000 units.

    Example:
        >>> import numpy as np
        >>> from dorec.estimate import AIPW
        >>> table = {"t": np.arange(400) % 2, "x": np.cos(np.arange(400.0)), "y": np.sin(np.arange(400.0) ** 2)}
        >>> study = Study.from_table(table, outcome="y", treatment="t", covariates=["x"])
        >>> learner = AIPW(n_folds=2)
        >>> [v.check for v in refute_all(study, learner, learner.fit(study).ate(), refuters=[Sensitivity(), Overlap()])]
        ['sensitivity', 'overlap']
    """
    verdicts = []
    for refuter in context.track(refuters, "refuting", len(refuters)):
        try:
            verdicts.append(refuter.refute(study, learner, estimate, context))
        except Refusal as refusal:
            verdicts.append(
                Verdict(
                    check=_name(refuter),
                    status="warning",
                    code=refusal.code,
                    meaning=f"this check could not be run: {refusal.reason}",
                    remedy=refusal.remedy,
                    evidence=refusal.evidence,
                )
            )
    return verdicts


def _name(refuter: Refuter) -> str:
    letters = "".join(f" {c.lower()}" if c.isupper() else c for c in type(refuter).__name__)
    return letters.strip()
