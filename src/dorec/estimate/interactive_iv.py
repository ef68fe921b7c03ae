"""InteractiveIV: the effect on compliers of a treatment that an instrument moves, doubly robust."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from dorec.domain.errors import InputError, NoOverlap, WeakInstrument
from dorec.domain.run import RunContext
from dorec.domain.study import Study
from dorec.estimate.average_effect import floor_of, weight_of
from dorec.estimate.checks import check_overlap, check_study, check_treatment_leak, is_binary
from dorec.estimate.complier_model import ComplierModel
from dorec.estimate.cross_fitting import Units, canonical, fit_outcome, fit_propensity, units_of
from dorec.estimate.diagnostics import overlap_of
from dorec.estimate.instrument_model import instruments_of
from dorec.estimate.nuisance import threads_for
from dorec.estimate.scores import augmented_outcomes
from dorec.numeric.arrays import FloatArray, IntArray

DEFAULT_CONTEXT = RunContext()


@dataclass(frozen=True, kw_only=True)
class InteractiveIV:
    """The local average treatment effect (Imbens, Angrist 1994, doi:10.2307/2951620) with covariates in any shape.

    The effect of the instrument on the outcome over its effect on the treatment, each by the doubly robust score with
    cross-fitted models (Frölich 2007, doi:10.1016/j.jeconom.2006.06.004; Chernozhukov et al. 2018,
    doi:10.1111/ectj.12097, section 5.2): the mean effect on compliers, whom the instrument moves. It holds if, given
    the covariates, nothing is a cause of both the instrument and the outcome, the instrument reaches the outcome only
    through the treatment, and moves nobody the other way (monotonicity). That nobody without the instrument (or
    everybody with it) takes the treatment, one-sided noncompliance, is used. Without covariates it is Wald's ratio.

    A weak first stage (F below 10) gets no Wald interval: `anderson_rubin` of the model gives the set that holds.

    Args:
        n_folds: folds of the cross-fitting, 2 or more.
        outcome_model: regressor of a numeric outcome, classifier of one with two values; a list is blended.
        treatment_model: classifier of who takes the treatment; a list is blended.
        instrument_model: classifier of the instrument; a list is blended.
        min_propensity: estimated propensities of the instrument are raised to this floor.
        n_repeats: cross-fittings with other folds, whose scores are averaged.
        min_per_fold: units that each value of the instrument must have for each fold.

    Example:
        >>> rng = np.random.default_rng(0)
        >>> letter, kind = rng.integers(0, 2, 4000), rng.random(4000)
        >>> took = np.where(kind < 0.5, letter, kind > 0.8).astype(int)  # half comply, a fifth always take it
        >>> table = {"letter": letter, "took": took, "spent": 2.0 * took + 3.0 * (kind > 0.8) + rng.normal(size=4000)}
        >>> study = Study.from_table(table, outcome="spent", treatment="took", instruments=["letter"])
        >>> model = InteractiveIV().fit(study)
        >>> model.ate().name, abs(model.ate().value - 2.0) < 3 * model.ate().std_error
        ('1 - 0 among compliers', True)
        >>> model.shares().value.round(1).tolist()  # compliers, always takers, never takers
        [0.5, 0.2, 0.3]
    """

    n_folds: int = 5
    outcome_model: Any = None
    treatment_model: Any = None
    instrument_model: Any = None
    min_propensity: float = 0.01
    n_repeats: int = 1
    min_per_fold: int = 5

    def __post_init__(self) -> None:
        for name, value, least in (("n_folds", self.n_folds, 2), ("n_repeats", self.n_repeats, 1)):
            if value < least:
                raise InputError(f"{name} is {value}; give {least} or more.")
        if not 0 <= self.min_propensity < 0.5:
            raise InputError(f"min_propensity is {self.min_propensity}; give a number from 0 to below 0.5.")

    def fit(self, study: Study, *, context: RunContext = DEFAULT_CONTEXT) -> ComplierModel:
        """The scores of the instrument's effects on outcome and treatment.

        Raises:
            InputError: the treatment has not two arms, or there is not one instrument with two values.
            NoOverlap: covariates tell the instrument.
            WeakInstrument: the instrument does not move the treatment at all.
            NotFinite, OneArm, ArmTooSmall, TooFewUnits, LeakedOutcome, LeakedTreatment: the table can't be used.
        """
        encouraged = by_instrument(study)
        units = units_of(study)
        check_study(encouraged, n_folds=self.n_folds, min_per_fold=self.min_per_fold, groups=units.groups)
        check_treatment_leak(study)
        floor = floor_of(encouraged, self.min_propensity)
        splits = [
            self._one_split(study, encouraged, units, repeat, context)
            for repeat in context.track(range(self.n_repeats), "cross-fitting", self.n_repeats)
        ]
        weight, took = weight_of(study), study.treatment.astype(np.float64)
        z = encouraged.treatment
        outcome = [augmented_outcomes(study.outcome, z, s.outcome, s.propensity, weight) for s in splits]
        treatment = [augmented_outcomes(took, z, s.treatment, s.propensity, weight) for s in splits]
        scores = np.stack([np.mean(outcome, axis=0), np.mean(treatment, axis=0)], axis=1)
        first = np.average(scores[:, 1, 1] - scores[:, 1, 0], weights=weight)
        if abs(first) < 1e-12:
            raise WeakInstrument(
                f"as many units take {study.treatment_name} with {encouraged.treatment_name} as without it",
                remedy="find an instrument that moves the treatment",
                evidence={"first_stage": float(first)},
            )
        propensity = np.mean([s.propensity for s in splits], axis=0)
        return ComplierModel(
            learner=self,
            study=study,
            units=units,
            instrument=z,
            scores_by_instrument=scores,
            overlap=overlap_of(propensity, z, encouraged.arms, floor),
            context=context,
        )

    def _one_split(
        self, study: Study, encouraged: Study, units: Units, repeat: int, context: RunContext
    ) -> "ByInstrument":
        y, took, z = study.outcome, study.treatment.astype(np.float64), encouraged.treatment
        if study.covariates.shape[1] == 0:
            weight = weight_of(study)
            share = np.bincount(z, weights=weight) / weight.sum()
            return ByInstrument(
                propensity=np.tile(share, (study.n, 1)),
                outcome=_means(y, z, weight),
                treatment=_means(took, z, weight),
            )
        with threads_for(study.n, context):
            at = canonical(encouraged, units, n_folds=self.n_folds, repeat=repeat, context=context)
            return ByInstrument(
                propensity=self._propensity(encouraged, fit_propensity(encouraged, at, self.instrument_model)),
                outcome=at.restored(fit_outcome(at.fit, at.of(y), at.arm, self.outcome_model)[:, at.back]),
                treatment=_as_taken(
                    took,
                    z,
                    at.restored(fit_outcome(at.fit, at.of(took), at.arm, self.treatment_model)[:, at.back]),
                ),
            )

    def _propensity(self, encouraged: Study, e: FloatArray) -> FloatArray:
        floor = floor_of(encouraged, self.min_propensity)
        try:
            check_overlap(e, encouraged.treatment, encouraged.arms, floor, False)
        except NoOverlap as refusal:
            raise NoOverlap(
                f"the covariates tell the instrument {encouraged.treatment_name!r}: {refusal.reason}",
                remedy="leave out covariates that only predict the instrument, or trim the study to units that could "
                "have had each of its values",
                evidence=refusal.evidence,
            ) from refusal
        raised = np.maximum(e, floor)
        return np.asarray(raised / raised.sum(axis=1, keepdims=True))


@dataclass(frozen=True, kw_only=True, eq=False)
class ByInstrument:
    """Out-of-fold predictions for each value of the instrument."""

    propensity: FloatArray  # (n, 2)
    outcome: FloatArray  # (n, 2)
    treatment: FloatArray  # (n, 2), share that takes the treatment


def by_instrument(study: Study) -> Study:
    """The study with its one instrument of two values in the place of the treatment.

    Raises:
        InputError: the treatment is an amount or has not two arms; there is not one instrument of two values.

    Example:
        >>> table = {"z": [0, 0, 1, 1], "t": [0, 1, 0, 1], "y": [1.0, 2.0, 3.0, 4.0]}
        >>> by_instrument(Study.from_table(table, outcome="y", treatment="t", instruments=["z"])).treatment.tolist()
        [0, 0, 1, 1]
    """
    study.check_arms()
    if len(study.arms) != 2:
        raise InputError(
            f"{study.treatment_name!r} has {len(study.arms)} arms; the effect on compliers compares two. Compare two, "
            "or take TwoStageLeastSquares or OrthogonalIV with an instrument for each contrast."
        )
    Z = instruments_of(study, 1)
    levels, codes = np.unique(Z[:, 0], return_inverse=True)
    if Z.shape[1] != 1 or len(levels) != 2:
        what = f"{Z.shape[1]} instruments" if Z.shape[1] != 1 else f"one instrument of {len(levels):,} values"
        raise InputError(
            f"The study has {what}; the effect on compliers needs one of two values. Cut it in two, or take "
            "OrthogonalIV or TwoStageLeastSquares."
        )
    name = study.instrument_names[0] if study.instrument_names else "the instrument"
    return study.with_columns(
        treatment=np.asarray(codes, dtype=np.int64),
        arms=tuple(levels.tolist()),
        treatment_name=name,
        propensity=None,
        instruments=None,
        instrument_names=(),
    )


def two_valued(study: Study) -> bool:
    """Whether the study has two arms and one instrument of two values: what `InteractiveIV` is for.

    Example:
        >>> table = {"z": [0, 0, 1, 1], "t": [0, 1, 0, 1], "y": [1.0, 2.0, 3.0, 4.0]}
        >>> two_valued(Study.from_table(table, outcome="y", treatment="t", instruments=["z"]))
        True
    """
    Z = study.instruments
    return study.dose is None and len(study.arms) == 2 and Z is not None and Z.shape[1] == 1 and is_binary(Z[:, 0])


def _means(values: FloatArray, z: IntArray, weight: FloatArray) -> FloatArray:
    """The mean of each group for every unit, (n, 2)."""
    means = np.bincount(z, weights=weight * values) / np.bincount(z, weights=weight)
    return np.tile(means, (len(values), 1))


def _as_taken(took: FloatArray, z: IntArray, predicted: FloatArray) -> FloatArray:
    """Predictions (n, 2) in which nobody takes the treatment where nobody did, and everybody where everybody did."""
    known = [np.full(len(took), took[z == a][0]) if np.ptp(took[z == a]) == 0 else predicted[:, a] for a in (0, 1)]
    return np.clip(np.stack(known, axis=1), 0.0, 1.0)
