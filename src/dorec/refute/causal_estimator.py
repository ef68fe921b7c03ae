"""Whether an estimator may ship an interval: coverage, honest error, size, refusals, and what must not matter."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from dorec.domain.errors import ConfigError, DorecError, Refusal
from dorec.domain.estimate import Estimate
from dorec.domain.protocols import EffectLearner
from dorec.domain.query import Population
from dorec.domain.run import RunContext
from dorec.domain.study import Study
from dorec.domain.verdict import Verdict
from dorec.numeric.memo import Memo
from dorec.refute.coverage import DEFAULT_CONTEXT, LEVEL, Coverage, coverage_of
from dorec.refute.worlds import NULL, WORLDS, spoiled

USUAL = 0.9  # an estimator that gives fewer intervals than this is judged by how often it misleads
SAME = 1e-9  # of the estimate or its standard error, whichever is larger


class EstimatorReport(list[Verdict]):
    """The verdicts of `check_causal_estimator`, in order; printed, a table of them.

    Example:
        >>> print(EstimatorReport([Verdict(check="size, no effect", status="passed", meaning="4% find an effect")]))
        1 of 1 checks passed
        passed   size, no effect   4% find an effect
    """

    @property
    def passed(self) -> bool:
        """Whether no check failed: the estimator may ship its interval."""
        return all(self)

    def __str__(self) -> str:
        wide = max((len(v.check) for v in self), default=0)
        lines = [f"{sum(map(bool, self))} of {len(self)} checks passed"]
        lines += [f"{v.status:<7}  {v.check:<{wide}}   {v.meaning}" for v in self]
        return "\n".join([*lines, *(f"{v.check}: {v.remedy}" for v in self if v.remedy)])


def check_causal_estimator(
    learner: EffectLearner,
    *,
    n: int = 1000,
    repetitions: int = 100,
    population: Population = "all",
    worlds: Sequence[str] = tuple(WORLDS),
    context: RunContext = DEFAULT_CONTEXT,
) -> EstimatorReport:
    """Hold an estimator of average effects against worlds whose effect is known; any learner with `fit` will do.

    - Coverage: the 95% interval holds the truth in .92 to .98 of the samples of a linear, a nonlinear and a
      rare-outcome world (wider by Monte-Carlo error where there are few repetitions). An estimator that withholds its
      interval where it sees that its model is wrong may do so: then at most .08 of all samples may mislead, with an
      interval that does not hold the truth.
    - Honest error: the mean standard error is within 5% of the spread of the estimates, likewise.
    - Size: in an experiment without an effect, 5% of the samples reject.
    - Refusals: one arm, missing and infinite values, the outcome or the treatment among the covariates, a tiny arm, and
      arms that share no ground raise a `Refusal`, never give a number.
    - What must not matter: the order of rows and columns, a shift and a scale of the outcome, the names of the arms,
      the global random state, and what was fitted before. Which arm is the reference is tried where the population
      stays the same without it ("all" and "overlap"): the treated are others when the arms swap.

    An estimator that says `no valid interval` is not asked for coverage: it only has to be right about the rest.

    Args:
        learner: what is checked: `fit(study, context=...)` gives a model with `ate()`, an `Estimate`.
        n: units of a sample.
        repetitions: samples of each world; 100 find a gross fault, 400 and more settle the level.
        population: whose effect the learner estimates.
        worlds: which of "linear", "nonlinear", "5% binary".
        context: seed of the samples, progress, and the engine that runs them.

    Returns:
        One verdict for each world, check of size, refusal and invariance: a list that prints as a table.

    Example:
        >>> from sklearn.linear_model import LinearRegression, LogisticRegression
        >>> from dorec.estimate import AIPW
        >>> learner = AIPW(n_folds=2, outcome_model=LinearRegression(), propensity_model=LogisticRegression())
        >>> found = check_causal_estimator(learner, n=300, repetitions=10, worlds=["linear"])
        >>> [v.check for v in found[:3]], found.passed
        (['coverage, linear', 'standard error, linear', 'size, no effect'], True)
    """
    if repetitions < 10:
        raise ConfigError(f"repetitions is {repetitions}; give 10 or more, better 400.")
    unknown = [name for name in worlds if name not in WORLDS]
    if unknown:
        raise ConfigError(f"There is no world {unknown[0]!r}. Worlds: {', '.join(WORLDS)}.")
    asked: dict[str, Any] = {"n": n, "repetitions": repetitions, "answer": _first_effect, "context": context}
    found: list[Verdict] = []
    for name in worlds:
        found += _coverage(coverage_of(learner, WORLDS[name], population=population, **asked)[0])
    found += _size(coverage_of(learner, NULL, **asked)[0])
    found += _refusals(learner, n, context)
    study = WORLDS["linear"].draw(n, seed=context.seed)
    return EstimatorReport([*found, *_invariances(learner, study, population, context)])


def _coverage(counted: Coverage) -> list[Verdict]:
    """Whether the intervals that were given hold, and whether their standard error is the spread of the estimates."""
    evidence: dict[str, Any] = {
        "truth": counted.truth,
        "bias": counted.bias,
        "repetitions": counted.repetitions,
        "n": counted.n,
        "given": counted.given,
    }
    if counted.given == 0:
        said = "the estimator says that it has no valid interval, so there is none to hold"
        return [Verdict(check=f"coverage, {counted.world}", status="passed", meaning=said, evidence=evidence)]
    evidence |= {"coverage": counted.covered, "se_over_sd": counted.se_over_sd, "misled": counted.misled}
    slack = max(0.03, 2.75 * np.sqrt(LEVEL * (1 - LEVEL) / counted.repetitions))
    loose = 0.05 + 2.75 / np.sqrt(2.0 * counted.repetitions)
    remedy = "Say `no_interval` for this estimator, or mend its standard error."
    if counted.given < USUAL:
        most = 1 - LEVEL + slack
        said = (
            f"{counted.given:.0%} of the samples give an interval; {counted.misled:.1%} mislead, up to {most:.1%} may"
        )
        check, wrong = f"coverage, {counted.world}", "interval_does_not_hold"
        return [_judged(check, counted.misled, counted.misled <= most, said, wrong, remedy, evidence)]
    return [
        _judged(
            f"coverage, {counted.world}",
            counted.covered,
            abs(counted.covered - LEVEL) <= slack,
            f"{counted.covered:.1%} of the 95% intervals hold the truth; {LEVEL - slack:.1%} to "
            f"{min(LEVEL + slack, 1):.1%} do",
            "interval_does_not_hold",
            remedy,
            evidence,
        ),
        _judged(
            f"standard error, {counted.world}",
            counted.se_over_sd,
            abs(counted.se_over_sd - 1.0) <= loose,
            f"the mean standard error is {counted.se_over_sd:.2f} of the estimates' spread; {1 - loose:.2f} to "
            f"{1 + loose:.2f} may",
            "standard_error_dishonest",
            "Check what the standard error leaves out: nuisances, clusters, weights.",
            evidence,
        ),
    ]


def _size(counted: Coverage) -> list[Verdict]:
    if counted.given == 0:
        return []
    share, most = counted.misled, 0.05 + 2.75 * np.sqrt(0.05 * 0.95 / counted.repetitions)
    said = f"{share:.1%} of experiments without an effect find one, up to {most:.1%} may"
    remedy = "The interval is too narrow even where treatment is a coin: look at the variance formula."
    return [_judged("size, no effect", share, share <= most, said, "rejects_too_often", remedy, {"n": counted.n})]


def _refusals(learner: EffectLearner, n: int, context: RunContext) -> list[Verdict]:
    found = []
    for what, study in spoiled(WORLDS["linear"].draw(n, seed=context.seed)).items():
        try:
            value = float(_scalar(learner.fit(study, context=context).ate()).value)
        except Refusal as refusal:
            found.append(_judged(f"refuses: {what}", None, True, f"refused as {refusal.code}", "", "", {}))
            continue
        except (DorecError, ArithmeticError, ValueError, IndexError, TypeError) as problem:
            said = f"raised {type(problem).__name__} instead of a refusal: {str(problem)[:120]}"
        else:
            said = f"gave {value:.4g} instead of a refusal"
        remedy = "Raise a `Refusal` before any number."
        found.append(_judged(f"refuses: {what}", None, False, said, "silent_number", remedy, {}))
    return found


def _invariances(learner: EffectLearner, study: Study, population: Population, context: RunContext) -> list[Verdict]:
    """What must not matter, each beside the same fit undisturbed."""
    context = replace(context, memo=Memo(0))  # what is remembered would hide what moves

    def fit(changed: Study) -> Estimate:
        return _scalar(learner.fit(changed, context=context).ate())

    rng = context.rng("invariances")
    rows, columns = rng.permutation(study.n), rng.permutation(len(study.covariate_names))
    turned = study.with_columns(
        covariates=study.covariates[:, columns], covariate_names=tuple(study.covariate_names[j] for j in columns)
    )
    swapped = study.with_columns(treatment=1 - study.treatment, arms=study.arms[::-1])
    changes: dict[str, tuple[Callable[[], Estimate], float]] = {
        "the order of rows": (lambda: fit(study.take(rows)), 1.0),
        "the order of columns": (lambda: fit(turned), 1.0),
        "a shift of the outcome": (lambda: fit(study.with_columns(outcome=study.outcome + 10.0)), 1.0),
        "the scale of the outcome": (lambda: fit(study.with_columns(outcome=study.outcome * 8.0)), 8.0),
        "which arm is the reference": (lambda: fit(swapped), -1.0),
        "the global random state and earlier fits": (lambda: _disturbed(fit, study), 1.0),
    }
    if population in ("treated", "control"):
        del changes["which arm is the reference"]
    base = fit(study)
    size = max(abs(float(base.value)), 0.0 if base.no_interval else float(base.std_error), 1e-12)
    found = []
    for what, (again, factor) in changes.items():
        other = again()
        gap = abs(float(other.value) / factor - float(base.value)) / size
        if not base.no_interval and not other.no_interval:
            gap = max(gap, abs(float(other.std_error) / abs(factor) - float(base.std_error)) / size)
        said = f"the estimate or its error moves by {gap:.1e} of its size"
        remedy = "Order units and columns by what they are, standardise the outcome, draw from the context's streams."
        found.append(_judged(f"invariant: {what}", gap, gap <= SAME, said, "depends_on_accidents", remedy, {}))
    return found


def _disturbed(fit: Callable[[Study], Estimate], study: Study) -> Estimate:
    state = np.random.get_state()  # noqa: NPY002 - the global state is what is tried
    try:
        np.random.seed(12345)  # noqa: NPY002
        fit(WORLDS["nonlinear"].draw(study.n, seed=7))
        return fit(study)
    finally:
        np.random.set_state(state)  # noqa: NPY002


def _scalar(estimate: Estimate) -> Estimate:
    return estimate if not np.ndim(estimate.value) else estimate[0]


def _first_effect(model: Any) -> Estimate:
    return _scalar(model.ate())


def _judged(
    check: str, statistic: float | None, good: bool, said: str, code: str, remedy: str, evidence: dict[str, Any]
) -> Verdict:
    return Verdict(
        check=check,
        status="passed" if good else "failed",
        meaning=said,
        statistic=statistic,
        code="" if good else code,
        remedy="" if good else remedy,
        evidence=evidence,
    )
