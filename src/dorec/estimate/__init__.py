"""How big is it? A study and an estimand become an effect with an interval that holds."""

from dorec.estimate.aipw import AIPW, AIPWModel
from dorec.estimate.diagnostics import Overlap
from dorec.estimate.naive import naive_difference
from dorec.estimate.strategy import adjusted_for, estimate
from dorec.estimate.two_stage_least_squares import InstrumentModel, TwoStageLeastSquares

__all__ = [
    "AIPW",
    "AIPWModel",
    "InstrumentModel",
    "Overlap",
    "TwoStageLeastSquares",
    "adjusted_for",
    "estimate",
    "naive_difference",
]
