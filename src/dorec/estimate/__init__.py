"""How big is it? A study and an estimand become an effect with an interval that holds."""

from dorec.estimate.aipw import AIPW, AIPWModel
from dorec.estimate.average_effect import AverageEffectModel
from dorec.estimate.diagnostics import Overlap
from dorec.estimate.double_ml import DoubleML, PartiallyLinearModel
from dorec.estimate.front_door import FrontDoor
from dorec.estimate.ipw import IPW
from dorec.estimate.matching import Matching
from dorec.estimate.naive import naive_difference
from dorec.estimate.regression_adjustment import RegressionAdjustment
from dorec.estimate.strategy import adjusted_for, estimate
from dorec.estimate.tmle import TMLE
from dorec.estimate.two_stage_least_squares import InstrumentModel, TwoStageLeastSquares

__all__ = [
    "AIPW",
    "IPW",
    "TMLE",
    "AIPWModel",
    "AverageEffectModel",
    "DoubleML",
    "FrontDoor",
    "InstrumentModel",
    "Matching",
    "Overlap",
    "PartiallyLinearModel",
    "RegressionAdjustment",
    "TwoStageLeastSquares",
    "adjusted_for",
    "estimate",
    "naive_difference",
]
