"""Instruments in linear models: two-stage least squares and limited-information maximum likelihood."""

from dataclasses import dataclass
from typing import Literal

import numpy as np

from dorec.domain.errors import ConfigError, LeakedTreatment, TooFewUnits
from dorec.domain.run import RunContext
from dorec.domain.study import Study
from dorec.estimate.checks import check_finite, check_outcome_leak
from dorec.estimate.cross_fitting import units_of
from dorec.estimate.instrument_model import (
    FirstStage,
    InstrumentModel,
    endogenous,
    instruments_of,
    refuse_collinear_instruments,
)
from dorec.numeric.arrays import FloatArray
from dorec.numeric.k_class import k_class, partial_out

DEFAULT_CONTEXT = RunContext()


@dataclass(frozen=True, kw_only=True)
class TwoStageLeastSquares:
    """The effect of a treatment that the instruments move, in a linear model (Theil 1953; Basmann 1957).

    The instruments have to move the treatment, reach the outcome only through it, and share no cause with the outcome
    that the covariates leave open: `identify` says whether a graph allows that. With effects that differ between units
    and a treatment of two arms, the value is that of units whom the instrument moves (Imbens, Angrist 1994).

    Standard errors hold under unequal variances, and by cluster where the study has clusters. Where the first stage is
    weak (an effective F below 10) there is no Wald interval: `anderson_rubin` gives the set that holds all the same.

    Args:
        method: "2sls", or "liml", which is less biased where there are many instruments.

    Example:
        >>> rng = np.random.default_rng(0)
        >>> z, u = rng.integers(0, 2, 4000), rng.normal(size=4000)
        >>> years = 12 + 2 * z + u + rng.normal(size=4000)
        >>> table = {"near": z, "years": years, "wage": 0.1 * years + u + rng.normal(size=4000)}
        >>> study = Study.from_table(table, outcome="wage", treatment="years", instruments=["near"], continuous=True)
        >>> model = TwoStageLeastSquares().fit(study)
        >>> model.ate().name, abs(model.ate().value - 0.1) < 3 * model.ate().std_error
        ('one more of years', True)
    """

    method: Literal["2sls", "liml"] = "2sls"

    def __post_init__(self) -> None:
        if self.method not in ("2sls", "liml"):
            raise ConfigError(f"method is {self.method!r}; allowed: '2sls', 'liml'.")

    def fit(self, study: Study, *, context: RunContext = DEFAULT_CONTEXT) -> InstrumentModel:
        """Both stages, and what they say of the instruments.

        Raises:
            InputError: the study has no instruments, or fewer than the treatment has contrasts.
            NotFinite, OneArm, TooFewUnits, LeakedOutcome, LeakedTreatment, Collinear: the table can't be used.
        """
        check_finite(study)
        D, names = endogenous(study)
        Z = instruments_of(study, D.shape[1])
        check_outcome_leak(study)
        root = np.ones(study.n) if study.weight is None else np.sqrt(study.weight / study.weight.mean())
        controls = np.column_stack([np.ones(study.n), _standardised(study.covariates)])
        if study.n < controls.shape[1] + Z.shape[1] + 10:
            raise TooFewUnits(
                f"{study.n:,} units for {controls.shape[1]} controls and {Z.shape[1]} instruments",
                remedy="leave out covariates or instruments, or give more units",
            )
        parts = partial_out(np.column_stack([study.outcome, D, Z]), controls, root)
        left = np.linalg.norm(parts[:, 1 : 1 + len(names)], axis=0) / (np.sqrt(study.n) * D.std(axis=0))
        if left.min() < 1e-6:
            raise LeakedTreatment(
                f"the covariates tell the {study.treatment_name} of every unit without error",
                remedy="leave the covariate that copies the treatment, or those that add up to it, out",
                evidence={"share_left": float(left.min())},
            )
        y, D, Z = parts[:, 0], parts[:, 1 : 1 + len(names)], parts[:, 1 + len(names) :]
        refuse_collinear_instruments(Z, study)
        found = k_class(y, D, Z, 1.0 if self.method == "2sls" else None)
        units = units_of(study)
        return InstrumentModel(
            learner=self,
            method=self.method.upper(),
            study=study,
            units=units,
            names=names,
            found=found,
            stages=FirstStage(y, D, Z, units.groups),
            context=context,
        )


def _standardised(X: FloatArray) -> FloatArray:
    spread = X.std(axis=0)
    return np.asarray((X - X.mean(axis=0))[:, spread > 0] / spread[spread > 0])
