"""Mediation: how much of an effect passes through mediators, and how much does not."""

from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np

from dorec.domain.errors import ColumnNotFound, InputError, NoOverlap
from dorec.domain.estimate import Estimate
from dorec.domain.run import RunContext
from dorec.domain.study import Study
from dorec.domain.verdict import Verdict
from dorec.estimate.aipw import AIPW
from dorec.estimate.average_effect import few_clusters_dof, floor_of, weight_of
from dorec.estimate.checks import check_overlap, check_study
from dorec.estimate.cross_fitting import Canonical, Units, canonical, fit_outcome, fit_propensity, units_of
from dorec.estimate.diagnostics import Overlap, overlap_of, repeated_verdicts
from dorec.estimate.nuisance import threads_for
from dorec.numeric.arrays import FloatArray, IntArray

DEFAULT_CONTEXT = RunContext()
NAMES = ("total", "nde", "tie", "tde", "nie")


@dataclass(frozen=True, kw_only=True)
class Mediation:
    """Natural direct and indirect effects of a treatment of two arms (Tchetgen Tchetgen, Shpitser 2012,
    doi:10.1214/12-AOS990), by a score in which no density of the mediators stands (Farbmacher et al. 2022,
    doi:10.1093/ectj/utac003).

    The value holds where the covariates close all paths behind treatment, mediators and outcome, and the treatment
    causes no common cause of mediators and outcome: `identify_mediation` says whether a graph allows that. The score
    allows errors in some of its models: of the outcome and of the treatment, or of the outcome and of the mediators.

    Args:
        mediators: the study's covariates that are mediators, of any kind and number.
        n_folds: folds of the cross-fitting.
        outcome_model: regressor of a numeric outcome, classifier of one with two values; a list is blended.
        propensity_model: classifier of the arms; a list is blended.
        nested_model: regressor of the predicted outcome on the covariates alone; a list is blended.
        min_propensity: estimated propensities are raised to this floor.
        min_per_fold: units that each arm must have for each fold.

    Example:
        >>> rng = np.random.default_rng(0)
        >>> view = rng.integers(0, 2, 1500)
        >>> cart = (rng.random(1500) < 0.2 + 0.5 * view).astype(int)
        >>> table = {"view": view, "cart": cart, "spent": 2.0 * cart + 1.0 * view + rng.normal(size=1500)}
        >>> study = Study.from_table(table, outcome="spent", treatment="view", covariates=["cart"])
        >>> effects = Mediation(mediators=("cart",), n_folds=2).fit(study).effects()
        >>> effects.value[:3].round()  # the truth: 2, 1, 1
        array([2., 1., 1.])
        >>> bool(np.isclose(effects["total"].value, effects["nde"].value + effects["tie"].value))
        True
    """

    mediators: tuple[str, ...]
    n_folds: int = 5
    outcome_model: Any = None
    propensity_model: Any = None
    nested_model: Any = None
    min_propensity: float = 0.01
    min_per_fold: int = 5

    def __post_init__(self) -> None:
        given: Any = self.mediators  # one name alone is what people write
        object.__setattr__(self, "mediators", (given,) if isinstance(given, str) else tuple(given))
        if not self.mediators:
            raise InputError("Mediation needs at least one mediator: Mediation(mediators=('cart',)).")
        if self.n_folds < 2:
            raise InputError(f"n_folds is {self.n_folds}; give 2 or more.")
        if not 0 <= self.min_propensity < 0.5:
            raise InputError(f"min_propensity is {self.min_propensity}; give a number from 0 to below 0.5.")

    def fit(self, study: Study, *, context: RunContext = DEFAULT_CONTEXT) -> "MediationModel":
        """Nuisances, and the mean of each outcome with the mediators of each arm.

        Raises:
            ColumnNotFound: a mediator is not among the study's covariates.
            InputError: the treatment has more than two arms.
            NoOverlap: covariates, or mediators with them, tell the arms apart.
            NotFinite, OneArm, ArmTooSmall, TooFewUnits, LeakedOutcome, LeakedTreatment, BadPropensity: see `AIPW`.
        """
        study.check_arms()
        if len(study.arms) != 2:
            raise InputError(f"{study.treatment_name!r} has {len(study.arms)} arms; mediation compares two.")
        base, through = divided(study, self.mediators)
        units = units_of(study)
        check_study(study, n_folds=self.n_folds, min_per_fold=self.min_per_fold, groups=units.groups)
        floor = floor_of(study, self.min_propensity)
        with threads_for(study.n, context):
            at = canonical(base, units, n_folds=self.n_folds, repeat=0, context=context)
            chance = self._propensity(base, at, floor, "")
            wide = replace(at, fit=replace(at.fit, X=np.hstack([at.fit.X, at.of(through)])))
            listed = ", ".join(self.mediators)
            given = self._propensity(replace(base, propensity=None), wide, floor, f"given the mediators {listed}, ")
            outcome = fit_outcome(wide.fit, at.of(study.outcome), at.arm, self.outcome_model)[:, at.back]
            nested = np.stack(
                [at.restored(fit_outcome(at.fit, mu, at.arm, self.nested_model)[:, at.back]) for mu in outcome.T],
                axis=1,
            )
            plain = at.restored(fit_outcome(at.fit, at.of(study.outcome), at.arm, self.outcome_model)[:, at.back])
        scores = mediated_outcomes(
            study.outcome, study.treatment, (plain, at.restored(outcome), nested), (chance, given), weight_of(study)
        )
        return MediationModel(
            learner=self,
            study=study,
            base=base,
            units=units,
            scores=scores,
            overlap=overlap_of(chance, study.treatment, study.arms, floor),
            overlap_given_mediators=overlap_of(given, study.treatment, study.arms, floor),
            context=context,
        )

    def _propensity(self, study: Study, at: Canonical, floor: FloatArray, where: str) -> FloatArray:
        e = fit_propensity(study, at, self.propensity_model)
        if study.propensity is not None:
            return e
        try:
            check_overlap(e, study.treatment, study.arms, floor, False)
        except NoOverlap as refusal:
            if not where:
                raise
            raise NoOverlap(
                where + refusal.reason,
                remedy="leave out mediators that all but tell the treatment: nothing can be said of an outcome with "
                "the mediators of the other arm",
                evidence=refusal.evidence,
            ) from refusal
        raised = np.maximum(e, floor)
        return np.asarray(raised / raised.sum(axis=1, keepdims=True))


@dataclass(frozen=True, kw_only=True, eq=False)
class MediationModel:
    """The parts of an effect.

    Example:
        >>> rng = np.random.default_rng(1)
        >>> t = np.arange(600) % 2
        >>> m = (rng.random(600) < 0.3 + 0.4 * t).astype(int)
        >>> table = {"t": t, "m": m, "y": m + t + 0.1 * rng.normal(size=600)}
        >>> study = Study.from_table(table, outcome="y", treatment="t", covariates=["m"])
        >>> model = Mediation(mediators=("m",), n_folds=2).fit(study)
        >>> round(model.controlled((1.0,)).value, 1)
        1.0
    """

    learner: Mediation
    study: Study
    base: Study  # without the mediators
    units: Units
    scores: FloatArray  # (n, 2, 2): [outcome of arm a, mediators of arm b], whose mean is E[Y(a, M(b))]
    overlap: Overlap
    overlap_given_mediators: Overlap
    context: RunContext = field(repr=False)
    estimand: str = ""

    def effects(self) -> Estimate:
        """Total = nde + tie = tde + nie, exactly.

        nde and nie are the natural direct and indirect effect, tde and tie the total direct and indirect one: nde
        keeps the mediators of the first arm, tde those of the second (Pearl 2001, arXiv:1301.2300).
        """
        weight = weight_of(self.study)
        s = self.scores
        parts = [s[:, 1, 1] - s[:, 0, 0], s[:, 1, 0] - s[:, 0, 0], s[:, 1, 1] - s[:, 1, 0]]
        parts += [s[:, 1, 1] - s[:, 0, 1], s[:, 0, 1] - s[:, 0, 0]]
        columns = np.stack(parts, axis=1)
        value = np.average(columns, axis=0, weights=weight)
        return Estimate(
            value,
            weight[:, None] * (columns - value),
            name=NAMES,
            method="Mediation",
            estimand=self.estimand,
            sample=self.study.sample,
            cluster=self.units.cluster,
            dof=few_clusters_dof(self.units.cluster),
            verdicts=self.verdicts,
        )

    def ate(self) -> Estimate:
        """The total effect."""
        return self.effects()["total"]

    def direct(self) -> Estimate:
        """The effect with the mediators of the first arm: nde."""
        return self.effects()["nde"]

    def indirect(self) -> Estimate:
        """What the mediators add to it, so that both sum to the total effect: tie."""
        return self.effects()["tie"]

    def controlled(self, mediators: tuple[Any, ...]) -> Estimate:
        """The effect had everyone's mediators these values: the controlled direct effect, by AIPW on pairs.

        Raises:
            InputError: the mediators never have these values.
            ArmTooSmall, NoOverlap: too few units of an arm have them.
        """
        M = divided(self.study, self.learner.mediators)[1]
        if len(mediators) != M.shape[1]:
            raise InputError(f"{len(mediators)} value(s) for {M.shape[1]} mediator column(s); give one for each.")
        here = (np.asarray(mediators, dtype=np.float64) == M).all(axis=1)
        if not here.any():
            raise InputError(
                f"No unit has mediators {mediators}; a controlled effect needs mediators of few values: bin them."
            )
        t = self.study.treatment
        first, second = self.study.arms
        arms: tuple[str, ...] = (f"{first}, {mediators}", f"{second}, {mediators}", "other mediators")
        codes = np.where(here, t, 2)
        if here.all():
            arms = arms[:2]
        pairs = self.base.with_columns(treatment=codes.astype(np.int64), arms=arms, propensity=None)
        learner = AIPW(
            n_folds=self.learner.n_folds,
            outcome_model=self.learner.outcome_model,
            propensity_model=self.learner.propensity_model,
            min_propensity=self.learner.min_propensity,
            min_per_fold=self.learner.min_per_fold,
        )
        means = learner.fit(pairs, context=self.context).arm_means()
        found = means[1] - means[0]
        name = f"{second} - {first} with mediators {mediators}"
        return replace(found, name=name, method="Mediation", sample=self.study.sample)

    @cached_property
    def verdicts(self) -> tuple[Verdict, ...]:
        """Overlap given the covariates, and given the mediators with them; repeated units."""
        given = replace(self.overlap_given_mediators.verdict, check="overlap given the mediators", remedy="")
        return (self.overlap.verdict, given, *repeated_verdicts(self.study, self.units))


def divided(study: Study, mediators: tuple[str, ...]) -> tuple[Study, FloatArray]:
    """The study without its mediators, and these (n, q)."""
    source = [study.source_of.get(name, name) for name in study.covariate_names]
    for name in mediators:
        if name not in source:
            raise ColumnNotFound(name, sorted(set(source)), where="the covariates of the study")
    chosen = np.array([name in mediators for name in source])
    names = tuple(name for name, out in zip(study.covariate_names, chosen, strict=True) if not out)
    base = study.with_columns(covariates=study.covariates[:, ~chosen], covariate_names=names)
    return base, study.covariates[:, chosen]


def mediated_outcomes(
    y: FloatArray,
    arm: IntArray,
    means: tuple[FloatArray, FloatArray, FloatArray],
    propensities: tuple[FloatArray, FloatArray],
    weight: FloatArray,
) -> FloatArray:
    """The score of E[Y(a, M(b))] for both arms a and b, (n, 2, 2); weights that should average one do.

    Args:
        y: outcome (n,).
        arm: codes (n,).
        means: E[y | x, arm] (n, 2), E[y | x, m, arm] (n, 2), and its mean given x in each arm, (n, 2 of y, 2 of m).
        propensities: P(arm | x) and P(arm | x, m), (n, 2) each.
        weight: of each unit (n,), averaging one.
    """
    plain, outcome, nested = means
    chance, given = propensities
    taken = np.eye(2)[arm]
    out = np.empty((len(y), 2, 2))
    for a in (0, 1):
        for b in (0, 1):
            inverse = taken[:, b] / chance[:, b]
            inverse = inverse / np.average(inverse, weights=weight)
            if a == b:
                out[:, a, a] = plain[:, a] + inverse * (y - plain[:, a])
                continue
            moved = taken[:, a] * given[:, b] / (given[:, a] * chance[:, b])
            moved = moved / np.average(moved, weights=weight)
            inner = nested[:, a, b]
            out[:, a, b] = inner + inverse * (outcome[:, a] - inner) + moved * (y - outcome[:, a])
    return out
