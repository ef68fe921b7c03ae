"""OrthogonalIV: a partially linear model with instruments, by double machine learning."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from dorec.domain.errors import InputError, NoOverlap
from dorec.domain.run import RunContext
from dorec.domain.study import Study
from dorec.estimate.average_effect import weight_of
from dorec.estimate.cross_fitting import Canonical, Units, canonical, fit_outcome, units_of
from dorec.estimate.instrument_model import (
    FirstStage,
    InstrumentModel,
    check_for_folds,
    check_instruments_free,
    endogenous,
    instruments_of,
    refuse_collinear_instruments,
)
from dorec.estimate.nuisance import threads_for
from dorec.numeric.arrays import FloatArray
from dorec.numeric.k_class import k_class

DEFAULT_CONTEXT = RunContext()
LEFT = 0.01  # of an instrument's variance: where the covariates leave less, it moves nothing of its own


@dataclass(frozen=True, kw_only=True)
class OrthogonalIV:
    """The effect of a treatment that instruments move, with covariates in any shape (Chernozhukov et al. 2018,
    doi:10.1111/ectj.12097, section 4.2).

    What cross-fitted models of the covariates leave of the outcome goes on what they leave of the treatment, by
    two-stage least squares with what they leave of the instruments. It takes the effect to be the same for all; with
    two arms and effects that differ, the value weights the effects on units whom the instruments move. The instruments
    have to move the treatment, reach the outcome only through it, and share no cause with it given the covariates.

    Where the first stage is weak there is no Wald interval: `anderson_rubin` of the model gives the set that holds.
    Several instruments are asked whether they tell the same effect (Hansen's J).

    Args:
        n_folds: folds of the cross-fitting, 2 or more.
        outcome_model: regressor of a numeric outcome, classifier of one with two values; a list is blended.
        treatment_model: the same for the treatment's columns.
        instrument_model: the same for the instruments.
        n_repeats: cross-fittings with other folds, whose predictions are averaged.
        min_per_fold: units that each arm must have for each fold; of a dose, all units.

    Example:
        >>> from sklearn.linear_model import LinearRegression
        >>> rng = np.random.default_rng(0)
        >>> x, u, e = rng.normal(size=(3, 2000))
        >>> z = x + rng.normal(size=2000)
        >>> price = z + u + e
        >>> table = {"x": x, "z": z, "price": price, "sold": x + u - 0.5 * price}
        >>> roles = dict(outcome="sold", treatment="price", covariates=["x"], instruments=["z"], continuous=True)
        >>> line = LinearRegression()
        >>> learner = OrthogonalIV(n_folds=2, outcome_model=line, treatment_model=line, instrument_model=line)
        >>> effect = learner.fit(Study.from_table(table, **roles)).ate()
        >>> effect.name, abs(effect.value + 0.5) < 3 * effect.std_error
        ('one more of price', True)
    """

    n_folds: int = 5
    outcome_model: Any = field(default=None)
    treatment_model: Any = field(default=None)
    instrument_model: Any = field(default=None)
    n_repeats: int = 1
    min_per_fold: int = 5

    def __post_init__(self) -> None:
        for name, value, least in (("n_folds", self.n_folds, 2), ("n_repeats", self.n_repeats, 1)):
            if value < least:
                raise InputError(f"{name} is {value}; give {least} or more.")

    def fit(self, study: Study, *, context: RunContext = DEFAULT_CONTEXT) -> InstrumentModel:
        """What the covariates leave of outcome, treatment and instruments, and what these say of each other.

        Raises:
            InputError: the study has no instruments, or fewer than the treatment has contrasts.
            NoOverlap: an instrument follows from the covariates.
            NotFinite, OneArm, ArmTooSmall, TooFewUnits, LeakedOutcome, LeakedTreatment, Collinear: the table can't be
                used; each is named.
        """
        units = units_of(study)
        check_for_folds(study, units, n_folds=self.n_folds, min_per_fold=self.min_per_fold)
        D, names = endogenous(study)
        Z = instruments_of(study, D.shape[1])
        check_instruments_free(study, Z)
        columns = np.column_stack([study.outcome, D, Z])
        models = [self.outcome_model, *[self.treatment_model] * D.shape[1], *[self.instrument_model] * Z.shape[1]]
        predicted = [
            self._predicted(study, units, (columns, models), repeat, context)
            for repeat in context.track(range(self.n_repeats), "cross-fitting", self.n_repeats)
        ]
        left = columns - np.mean(predicted, axis=0)
        check_variance_left(study, Z, left[:, 1 + len(names) :])
        left = left * np.sqrt(weight_of(study))[:, None]
        y, D, Z = left[:, 0], left[:, 1 : 1 + len(names)], left[:, 1 + len(names) :]
        refuse_collinear_instruments(Z, study)
        return InstrumentModel(
            learner=self,
            method="orthogonal IV",
            study=study,
            units=units,
            names=names,
            found=k_class(y, D, Z),
            stages=FirstStage(y, D, Z, units.groups),
            context=context,
        )

    def _predicted(
        self, study: Study, units: Units, wanted: tuple[FloatArray, list[Any]], repeat: int, context: RunContext
    ) -> FloatArray:
        """Out-of-fold means (n, r) of columns (n, r) given the covariates."""
        with threads_for(study.n, context):
            at = canonical(study, units, n_folds=self.n_folds, repeat=repeat, context=context)
            return np.stack(
                [mean_given(at, column, model) for column, model in zip(wanted[0].T, wanted[1], strict=True)]
            ).T


def mean_given(at: Canonical, values: FloatArray, model: Any) -> FloatArray:
    """Out-of-fold mean of values (n,) given the covariates, in the study's own row order, (n,)."""
    if np.ptp(values) == 0:
        return np.full(len(values), values[0])
    everyone = np.zeros(len(values), dtype=np.int64)
    return np.asarray(at.restored(fit_outcome(at.fit, at.of(values), everyone, model)[:, 0]))


def check_variance_left(study: Study, Z: FloatArray, left: FloatArray) -> None:
    """Refuse instruments Z (n, q) of which the covariates leave (n, q) next to nothing.

    Raises:
        NoOverlap: with the instrument and the share of its variance that is left.
    """
    weight = weight_of(study)
    spread = weight @ (Z - np.average(Z, axis=0, weights=weight)) ** 2
    shares = weight @ left**2 / spread
    worst = int(shares.argmin())
    if shares[worst] < LEFT:
        name = study.instrument_names[worst] if study.instrument_names else f"instrument {worst}"
        raise NoOverlap(
            f"the covariates tell the instrument {name!r} all but exactly: they leave {shares[worst]:.2%} of its "
            "variance, so that units with the same covariates had the same instrument",
            remedy="leave out covariates that only predict the instrument, or find another instrument",
            evidence={"variance_left": float(shares[worst])},
        )
